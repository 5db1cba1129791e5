/*
 * The yardstick of the benchmarks: the least that a server in C has to do for what a broker is asked here. It receives the same frames, checks the checksum of each
 * batch, gives it its offset, appends it to the partition's file and answers; it serves slices of whole batches out of an index of offsets in memory, with pread and
 * send. It keeps no metadata, no replicas, no limits, and forgets everything when it ends.
 *
 *   yardstick PORT FOLDER key=value…
 *
 *   sync=0      1: answers a produce request when its batch is on the disk; one fdatasync a file for all that wait for it
 *   sendfile=0  1: sends slices with sendfile instead, which a program in JavaScript cannot
 *
 * One thread, epoll, sockets that do not block. Speaks what load.c and the harness say: Produce v7, Fetch v11, ListOffsets v1, ApiVersions v0, CreateTopics v2,
 * DeleteTopics v1. A fetch at the end of a partition is answered at once, with nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { produce = 0, fetch = 1, list_offsets = 2, api_versions = 18, create_topics = 19, delete_topics = 20 };
enum { corrupt_message = 2, unknown_topic_or_partition = 3, unsupported_version = 35, topic_already_exists = 36, invalid_partitions = 37 };
enum { batch_header_size = 61, frame_size_max = 64 << 20, vectors_max = 64 };

/* Not tuned: room for one large request, the rest of a request below which it is read together with what follows, and the pieces that slices are sent in. */
enum { input_size = 1 << 20, exact_read_size = 32 << 10, slice_size = 256 << 10 };

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static void *grown(void *memory, size_t size) {
  void *result = realloc(memory, size);
  if (result == NULL) fail("out of memory");
  return result;
}

/* Checksums: three streams at a time where the processor has the instruction, since it takes a new one each cycle and three to finish one; a table elsewhere. */

static uint32_t crc_table[256];
#if defined(__x86_64__)
#include <immintrin.h>
#define crc_target __attribute__((target("sse4.2")))
#define crc_bytes_8(crc, value) ((uint32_t)_mm_crc32_u64(crc, value))
#define crc_byte(crc, value) _mm_crc32_u8(crc, value)
static int has_crc(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define crc_target __attribute__((target("+crc")))
#define crc_bytes_8(crc, value) __crc32cd(crc, value)
#define crc_byte(crc, value) __crc32cb(crc, value)
static int has_crc(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
#define crc_target
#define crc_bytes_8(crc, value) (crc)
#define crc_byte(crc, value) (crc)
static int has_crc(void) { return 0; }
#endif

enum { crc_stream = 1024 };
/* What a checksum becomes when `crc_stream` bytes of zero follow, by each of its four bytes. */
static uint32_t crc_after_zeros[4][256];
static int hardware_crc;

static void prepare_crc(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t entry = i;
    for (int bit = 0; bit < 8; bit++) entry = entry >> 1 ^ (entry & 1 ? 0x82f63b78u : 0);
    crc_table[i] = entry;
  }
  for (uint32_t byte = 0; byte < 4; byte++) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t crc = i << (8 * byte);
      for (int zero = 0; zero < crc_stream; zero++) crc = crc >> 8 ^ crc_table[crc & 255];
      crc_after_zeros[byte][i] = crc;
    }
  }
  hardware_crc = has_crc();
}

static uint32_t after_zeros(uint32_t crc) {
  return crc_after_zeros[0][crc & 255] ^ crc_after_zeros[1][crc >> 8 & 255] ^ crc_after_zeros[2][crc >> 16 & 255] ^ crc_after_zeros[3][crc >> 24];
}

static inline uint64_t load_8(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return value;
}

crc_target static uint32_t hardware_crc32c(const uint8_t *at, size_t length) {
  uint32_t crc = ~0u;
  for (; length >= 3 * crc_stream; at += 3 * crc_stream, length -= 3 * crc_stream) {
    uint32_t second = 0, third = 0;
    for (int i = 0; i < crc_stream; i += 8) {
      crc = crc_bytes_8(crc, load_8(at + i));
      second = crc_bytes_8(second, load_8(at + crc_stream + i));
      third = crc_bytes_8(third, load_8(at + 2 * crc_stream + i));
    }
    crc = after_zeros(after_zeros(crc) ^ second) ^ third;
  }
  for (; length >= 8; at += 8, length -= 8) crc = crc_bytes_8(crc, load_8(at));
  for (; length > 0; at++, length--) crc = crc_byte(crc, *at);
  return ~crc;
}

static uint32_t crc32c(const uint8_t *at, size_t length) {
  if (hardware_crc) return hardware_crc32c(at, length);
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ crc_table[(crc ^ at[i]) & 255];
  return ~crc;
}

/* Big-endian numbers, read within bounds: past the end everything is 0 and `bad` is set, which closes the connection. */

struct reader {
  uint8_t *at, *end;
  int bad;
};

static uint8_t *take(struct reader *r, int64_t length) {
  if (length < 0 || length > r->end - r->at) {
    r->bad = 1;
    return NULL;
  }
  r->at += length;
  return r->at - length;
}

static uint64_t decode(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

static int64_t number(struct reader *r, int bytes) {
  const uint8_t *at = take(r, bytes);
  if (at == NULL) return 0;
  int shift = 64 - 8 * bytes;
  return (int64_t)(decode(at, bytes) << shift) >> shift;
}

struct text {
  const uint8_t *at;
  int64_t length;
};

static struct text string(struct reader *r) {
  int64_t length = number(r, 2);
  if (length < 0) length = 0;
  const uint8_t *at = take(r, length);
  return (struct text){at, at == NULL ? 0 : length};
}

static uint8_t *encode(uint8_t *at, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

/* Partitions: a file and the places of its batches. */

struct place {
  uint64_t offset, position;
};

struct partition {
  int file, dirty;
  uint64_t next_offset, size, written;
  struct place *index;
  size_t count, capacity;
};

struct topic {
  char name[256];
  int partition_count; /* 0: the slot is free. */
  struct partition *partitions;
};

static const char *folder;
static int sync_writes, use_sendfile;
static struct topic *topics;
static size_t topic_count;

static struct topic *find_topic(struct text name) {
  for (size_t i = 0; i < topic_count; i++) {
    struct topic *topic = &topics[i];
    if (topic->partition_count > 0 && strlen(topic->name) == (size_t)name.length && memcmp(topic->name, name.at, (size_t)name.length) == 0) return topic;
  }
  return NULL;
}

static struct partition *find_partition(struct text name, int64_t index) {
  struct topic *topic = find_topic(name);
  return topic == NULL || index < 0 || index >= topic->partition_count ? NULL : &topic->partitions[index];
}

static void path_of(char path[4096], const struct topic *topic, int index) { snprintf(path, 4096, "%s/%s-%d.log", folder, topic->name, index); }

static int create_topic(struct text name, int64_t partitions) {
  if (name.length == 0 || name.length > 249 || memchr(name.at, '/', (size_t)name.length) != NULL) return 17;
  if (find_topic(name) != NULL) return topic_already_exists;
  if (partitions < 1 || partitions > 100000) return invalid_partitions;
  size_t slot = 0;
  while (slot < topic_count && topics[slot].partition_count > 0) slot++;
  if (slot == topic_count) topics = grown(topics, ++topic_count * sizeof *topics);
  struct topic *topic = &topics[slot];
  memcpy(topic->name, name.at, (size_t)name.length);
  topic->name[name.length] = 0;
  topic->partition_count = (int)partitions;
  topic->partitions = calloc((size_t)partitions, sizeof *topic->partitions);
  if (topic->partitions == NULL) fail("out of memory");
  for (int i = 0; i < partitions; i++) {
    char path[4096];
    path_of(path, topic, i);
    topic->partitions[i].file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (topic->partitions[i].file < 0) fail("%s: %s", path, strerror(errno));
  }
  return 0;
}

/* Batches that go to the end of one file, straight from where they were received, in one system call. */

static struct {
  struct partition *partition;
  struct iovec vectors[vectors_max];
  int count;
} pending;

static struct {
  struct partition **partitions;
  size_t count, capacity;
} dirty;

static void mark_dirty(struct partition *p) {
  if (p->dirty) return;
  p->dirty = 1;
  if (dirty.count == dirty.capacity) {
    dirty.capacity = dirty.capacity == 0 ? 64 : dirty.capacity * 2;
    dirty.partitions = grown(dirty.partitions, dirty.capacity * sizeof *dirty.partitions);
  }
  dirty.partitions[dirty.count++] = p;
}

static void write_pending(void) {
  struct partition *p = pending.partition;
  struct iovec *vector = pending.vectors, *end = vector + pending.count;
  while (vector < end) {
    ssize_t n = pwritev(p->file, vector, (int)(end - vector), (off_t)p->written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write: %s", strerror(errno));
    p->written += (uint64_t)n;
    for (; vector < end && (size_t)n >= vector->iov_len; vector++) n -= (ssize_t)vector->iov_len;
    if (vector < end) vector->iov_base = (uint8_t *)vector->iov_base + n, vector->iov_len -= (size_t)n;
  }
  if (sync_writes && pending.count > 0) mark_dirty(p);
  pending.count = 0;
}

static void sync_dirty(void) {
  for (size_t i = 0; i < dirty.count; i++) {
    if (fdatasync(dirty.partitions[i]->file) != 0) fail("fdatasync: %s", strerror(errno));
    dirty.partitions[i]->dirty = 0;
  }
  dirty.count = 0;
}

/* Nobody waits for a topic while it is deleted: that is the harness's promise. Requests of those who have gone may have come in the same turn. */
static int delete_topic(struct text name) {
  struct topic *topic = find_topic(name);
  if (topic == NULL) return unknown_topic_or_partition;
  write_pending();
  sync_dirty();
  pending.partition = NULL;
  for (int i = 0; i < topic->partition_count; i++) {
    char path[4096];
    path_of(path, topic, i);
    close(topic->partitions[i].file);
    unlink(path);
    free(topic->partitions[i].index);
  }
  free(topic->partitions);
  topic->partition_count = 0;
  return 0;
}

/* Appends one batch of magic 2; it has to stay where it is until `write_pending`. Returns an error code. */
static int append(struct partition *p, uint8_t *batch, int64_t length, uint64_t *base_offset) {
  if (length < batch_header_size || (int64_t)decode(batch + 8, 4) != length - 12 || batch[16] != 2) return corrupt_message;
  if (crc32c(batch + 21, (size_t)length - 21) != (uint32_t)decode(batch + 17, 4)) return corrupt_message;
  uint64_t last_offset_delta = decode(batch + 23, 4);
  if (last_offset_delta > INT32_MAX) return corrupt_message;
  *base_offset = p->next_offset;
  encode(batch, p->next_offset, 8);
  encode(batch + 12, 0, 4); /* Leader epoch; not in the checksum, as the offset is not. */
  if (p->count == p->capacity) {
    p->capacity = p->capacity == 0 ? 1024 : p->capacity * 2;
    p->index = grown(p->index, p->capacity * sizeof *p->index);
  }
  p->index[p->count++] = (struct place){p->next_offset, p->size};
  p->next_offset += last_offset_delta + 1;
  p->size += (uint64_t)length;
  if (pending.partition != p || pending.count == vectors_max) write_pending();
  pending.partition = p;
  pending.vectors[pending.count++] = (struct iovec){batch, (size_t)length};
  return 0;
}

/* The batches from the one that holds `offset`, at least one, more while they fit into `bytes_max`. */
static struct place slice(const struct partition *p, uint64_t offset, int64_t bytes_max, uint64_t *length) {
  size_t low = 0, high = p->count;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (p->index[middle].offset <= offset) low = middle;
    else high = middle;
  }
  struct place from = p->index[low];
  size_t first = low + 1;
  for (low = first, high = p->count + 1; high - low > 1;) {
    size_t middle = (low + high) / 2;
    uint64_t end = middle == p->count ? p->size : p->index[middle].position;
    if ((int64_t)(end - from.position) <= bytes_max) low = middle;
    else high = middle;
  }
  *length = (low == p->count ? p->size : p->index[low].position) - from.position;
  return from;
}

/* Connections. What is to be sent is a list of pieces: bytes of `output`, or of a file. */

struct piece {
  int file; /* -1: bytes of `output`. */
  uint64_t position, length;
};

struct connection {
  int socket, blocked, held, failed;
  uint8_t *input;
  size_t input_start, input_end, input_capacity;
  uint8_t *output;
  size_t output_length, output_capacity;
  struct piece *pieces;
  size_t piece_count, piece_capacity, piece_next;
  uint8_t *slice; /* What was read of the file's piece that is being sent. */
  size_t slice_length, slice_sent;
};

static int epoll;

static struct piece *add_piece(struct connection *c) {
  if (c->piece_count == c->piece_capacity) {
    c->piece_capacity = c->piece_capacity == 0 ? 16 : c->piece_capacity * 2;
    c->pieces = grown(c->pieces, c->piece_capacity * sizeof *c->pieces);
  }
  return &c->pieces[c->piece_count++];
}

/* Room for `length` more bytes, of which `put_end` says how many were used. */
static uint8_t *put_start(struct connection *c, size_t length) {
  if (c->output_capacity - c->output_length < length) {
    c->output_capacity = 2 * c->output_capacity + length;
    c->output = grown(c->output, c->output_capacity);
  }
  return c->output + c->output_length;
}

static void put_end(struct connection *c, const uint8_t *end) {
  uint64_t length = (uint64_t)(end - (c->output + c->output_length));
  struct piece *last = c->piece_count == 0 ? NULL : &c->pieces[c->piece_count - 1];
  if (last != NULL && last->file < 0) last->length += length;
  else *add_piece(c) = (struct piece){-1, c->output_length, length};
  c->output_length += length;
}

static void put(struct connection *c, uint64_t value, int bytes) { put_end(c, encode(put_start(c, (size_t)bytes), value, bytes)); }

static void put_text(struct connection *c, struct text text) {
  put(c, (uint64_t)text.length, 2);
  memcpy(put_start(c, (size_t)text.length), text.at, (size_t)text.length);
  put_end(c, c->output + c->output_length + text.length);
}

/* Sends one piece as far as the socket takes it; 1: all of it, 0: not yet, -1: the connection is gone. */
static int send_piece(struct connection *c, struct piece *piece, int more) {
  while (piece->length > 0) {
    ssize_t n;
    if (piece->file < 0) {
      n = send(c->socket, c->output + piece->position, piece->length, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    } else if (use_sendfile) {
      off_t position = (off_t)piece->position;
      n = sendfile(c->socket, piece->file, &position, piece->length);
    } else {
      if (c->slice == NULL) c->slice = grown(NULL, slice_size);
      if (c->slice_sent == c->slice_length) {
        ssize_t bytes = pread(piece->file, c->slice, piece->length < slice_size ? piece->length : slice_size, (off_t)piece->position);
        if (bytes <= 0) fail("read: %s", bytes == 0 ? "the file is shorter than its index says" : strerror(errno));
        c->slice_length = (size_t)bytes, c->slice_sent = 0;
      }
      n = send(c->socket, c->slice + c->slice_sent, c->slice_length - c->slice_sent, MSG_NOSIGNAL);
      if (n > 0) c->slice_sent += (size_t)n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    if (n < 0) return -1;
    piece->position += (uint64_t)n, piece->length -= (uint64_t)n;
  }
  return 1;
}

/* Sends what there is to send; a connection that does not take it is not read from until it does. */
static void flush(struct connection *c) {
  for (; c->piece_next < c->piece_count; c->piece_next++) {
    int sent = send_piece(c, &c->pieces[c->piece_next], c->piece_next + 1 < c->piece_count);
    if (sent < 0) c->failed = 1;
    if (sent <= 0) break;
  }
  int blocked = !c->failed && c->piece_next < c->piece_count;
  if (!blocked) c->piece_next = c->piece_count = c->output_length = c->slice_length = c->slice_sent = 0;
  if (blocked != c->blocked) {
    c->blocked = blocked;
    struct epoll_event event = {.events = blocked ? EPOLLOUT : EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &event);
  }
}

/* Requests. Each handler puts the body of its response. */

static void handle_produce(struct connection *c, struct reader *r) {
  string(r);    /* Transactional id. */
  take(r, 2 + 4); /* acks, which are all, and the time limit. */
  int64_t topic_total = number(r, 4);
  put(c, (uint64_t)topic_total, 4);
  for (int64_t t = 0; t < topic_total && !r->bad; t++) {
    struct text name = string(r);
    int64_t partition_total = number(r, 4);
    put_text(c, name);
    put(c, (uint64_t)partition_total, 4);
    for (int64_t i = 0; i < partition_total && !r->bad; i++) {
      int64_t index = number(r, 4), length = number(r, 4);
      uint8_t *batch = take(r, length);
      if (batch == NULL) return;
      struct partition *p = find_partition(name, index);
      uint64_t base_offset = UINT64_MAX;
      int error = p == NULL ? unknown_topic_or_partition : append(p, batch, length, &base_offset);
      uint8_t *at = put_start(c, 30);
      at = encode(at, (uint64_t)index, 4);
      at = encode(at, (uint64_t)error, 2);
      at = encode(at, base_offset, 8);
      at = encode(at, UINT64_MAX, 8); /* The time of appending, where that is what counts. */
      put_end(c, encode(at, 0, 8));   /* Log start offset. */
    }
  }
  put(c, 0, 4); /* No throttling. */
}

static void handle_fetch(struct connection *c, struct reader *r) {
  take(r, 4 + 4 + 4); /* Replica, how long to wait, for how many bytes. */
  int64_t bytes_left = number(r, 4);
  take(r, 1 + 4 + 4); /* Isolation level; session id and epoch. */
  int64_t topic_total = number(r, 4);
  put(c, 0, 4); /* No throttling. */
  put(c, 0, 2);
  put(c, 0, 4); /* No session. */
  put(c, (uint64_t)topic_total, 4);
  for (int64_t t = 0; t < topic_total && !r->bad; t++) {
    struct text name = string(r);
    int64_t partition_total = number(r, 4);
    put_text(c, name);
    put(c, (uint64_t)partition_total, 4);
    for (int64_t i = 0; i < partition_total && !r->bad; i++) {
      int64_t index = number(r, 4);
      take(r, 4); /* Leader epoch. */
      uint64_t offset = (uint64_t)number(r, 8);
      take(r, 8); /* A follower's log start. */
      int64_t bytes_max = number(r, 4);
      if (r->bad) return;
      struct partition *p = find_partition(name, index);
      uint64_t end = p == NULL ? 0 : p->next_offset, length = 0;
      int error = p == NULL ? unknown_topic_or_partition : offset > end ? 1 : 0;
      struct place from = {0, 0};
      if (error == 0 && offset < end && bytes_left > 0) from = slice(p, offset, bytes_max < bytes_left ? bytes_max : bytes_left, &length);
      bytes_left -= (int64_t)length;
      uint8_t *at = put_start(c, 42);
      at = encode(at, (uint64_t)index, 4);
      at = encode(at, (uint64_t)error, 2);
      at = encode(at, end, 8);        /* High watermark. */
      at = encode(at, end, 8);        /* Last stable offset. */
      at = encode(at, 0, 8);          /* Log start offset. */
      at = encode(at, UINT32_MAX, 4); /* No aborted transactions. */
      at = encode(at, UINT32_MAX, 4); /* No preferred replica. */
      put_end(c, encode(at, length, 4));
      if (length > 0) *add_piece(c) = (struct piece){p->file, from.position, length};
    }
  }
}

static void handle_list_offsets(struct connection *c, struct reader *r) {
  take(r, 4); /* Replica. */
  int64_t topic_total = number(r, 4);
  put(c, (uint64_t)topic_total, 4);
  for (int64_t t = 0; t < topic_total && !r->bad; t++) {
    struct text name = string(r);
    int64_t partition_total = number(r, 4);
    put_text(c, name);
    put(c, (uint64_t)partition_total, 4);
    for (int64_t i = 0; i < partition_total && !r->bad; i++) {
      int64_t index = number(r, 4), timestamp = number(r, 8);
      struct partition *p = find_partition(name, index);
      put(c, (uint64_t)index, 4);
      put(c, p == NULL ? unknown_topic_or_partition : 0, 2);
      put(c, UINT64_MAX, 8);
      put(c, p == NULL || timestamp == -2 ? 0 : p->next_offset, 8);
    }
  }
}

static void handle_create_topics(struct connection *c, struct reader *r) {
  int64_t total = number(r, 4);
  put(c, 0, 4);
  put(c, (uint64_t)total, 4);
  for (int64_t t = 0; t < total && !r->bad; t++) {
    struct text name = string(r);
    int64_t partitions = number(r, 4);
    take(r, 2 + 4 + 4); /* Replication factor; neither assignments nor settings. */
    if (r->bad) return;
    put_text(c, name);
    put(c, (uint64_t)create_topic(name, partitions), 2);
    put(c, UINT16_MAX, 2);
  }
}

static void handle_delete_topics(struct connection *c, struct reader *r) {
  int64_t total = number(r, 4);
  put(c, 0, 4);
  put(c, (uint64_t)total, 4);
  for (int64_t t = 0; t < total && !r->bad; t++) {
    struct text name = string(r);
    if (r->bad) return;
    put_text(c, name);
    put(c, (uint64_t)delete_topic(name), 2);
  }
}

static const struct {
  int api, version;
  void (*handle)(struct connection *, struct reader *);
} served[] = {{produce, 7, handle_produce},
              {fetch, 11, handle_fetch},
              {list_offsets, 1, handle_list_offsets},
              {create_topics, 2, handle_create_topics},
              {delete_topics, 1, handle_delete_topics},
              {api_versions, 0, NULL}};
enum { served_count = sizeof served / sizeof *served };

static void handle_api_versions(struct connection *c, int version) {
  put(c, version == 0 ? 0 : unsupported_version, 2);
  put(c, served_count, 4);
  for (int i = 0; i < served_count; i++) {
    put(c, (uint64_t)served[i].api, 2);
    put(c, (uint64_t)served[i].version, 2);
    put(c, (uint64_t)served[i].version, 2);
  }
}

static void handle_request(struct connection *c, struct reader r) {
  int api = (int)number(&r, 2), version = (int)number(&r, 2);
  uint64_t correlation_id = (uint64_t)number(&r, 4), pieces_before = c->piece_count, bytes_before = c->output_length;
  put(c, 0, 4); /* Length, known last. */
  put(c, correlation_id, 4);
  int known = 0;
  if (api == api_versions) handle_api_versions(c, version), known = 1;
  else string(&r); /* Client id. */
  for (int i = 0; !known && i < served_count; i++) {
    if (served[i].api == api && served[i].version == version) served[i].handle(c, &r), known = 1;
  }
  if (!known || r.bad) {
    c->failed = 1;
    return;
  }
  uint64_t length = c->output_length - bytes_before - 4;
  for (size_t i = pieces_before; i < c->piece_count; i++) length += c->pieces[i].file < 0 ? 0 : c->pieces[i].length;
  encode(c->output + bytes_before, length, 4);
}

/* Where the next bytes go. The rest of a large frame is read alone, so that nothing of the next has to be moved. */
static size_t room(struct connection *c, size_t frame) {
  size_t held = c->input_end - c->input_start;
  if (held == 0) c->input_start = c->input_end = 0;
  size_t missing = frame - held;
  int large = held >= 4 && missing >= exact_read_size;
  if (c->input_start > 0 && c->input_capacity - c->input_end < (large ? missing : exact_read_size)) {
    memmove(c->input, c->input + c->input_start, held);
    c->input_start = 0;
    c->input_end = held;
  }
  if (frame > c->input_capacity) c->input = grown(c->input, c->input_capacity = frame);
  size_t space = c->input_capacity - c->input_end;
  return large && missing < space ? missing : space;
}

/* Handles the whole frames that were received. */
static void handle_frames(struct connection *c) {
  while (!c->failed) {
    size_t held = c->input_end - c->input_start;
    uint8_t *start = c->input + c->input_start;
    if (held < 4) break;
    size_t frame = 4 + decode(start, 4);
    if (frame > frame_size_max) c->failed = 1;
    if (held < frame) break;
    handle_request(c, (struct reader){start + 4, start + frame, 0});
    c->input_start += frame;
  }
  write_pending();
}

static void receive(struct connection *c) {
  size_t held = c->input_end - c->input_start;
  size_t frame = held < 4 ? 4 : 4 + decode(c->input + c->input_start, 4);
  size_t space = room(c, frame);
  ssize_t n = recv(c->socket, c->input + c->input_end, space, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (n <= 0) {
    c->failed = 1;
    return;
  }
  c->input_end += (size_t)n;
  handle_frames(c);
}

static void discard(struct connection *c) {
  close(c->socket);
  free(c->input), free(c->output), free(c->pieces), free(c->slice);
  free(c);
}

static void accept_all(int listener) {
  for (;;) {
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) fail("out of memory");
    c->socket = socket;
    c->input = grown(NULL, c->input_capacity = input_size);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
  }
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) fail("port %d: %s", port, strerror(errno));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  return listener;
}

int main(int argc, char **argv) {
  if (argc < 3) fail("usage: yardstick PORT FOLDER key=value...");
  folder = argv[2];
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "sync=1") == 0) sync_writes = 1;
    else if (strcmp(argv[i], "sendfile=1") == 0) use_sendfile = 1;
    else if (strcmp(argv[i], "sync=0") != 0 && strcmp(argv[i], "sendfile=0") != 0) fail("unknown setting %s", argv[i]);
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  prepare_crc();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_on(atoi(argv[1]));
  for (;;) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == NULL) {
        accept_all(listener);
        continue;
      }
      if (c->blocked) flush(c);
      else receive(c);
      if (!sync_writes && !c->failed && !c->blocked) flush(c);
    }
    /* What is synced together is answered together. */
    sync_dirty();
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == NULL) continue;
      if (sync_writes && !c->failed && !c->blocked) flush(c);
      if (c->failed) discard(c);
    }
  }
}
