/*
 * The load generator of the benchmarks: sends the same valid Kafka requests to whatever broker listens, over plain sockets, and costs so
 * little itself that the broker is what is measured. One thread, epoll, requests built once and sent again and again.
 *
 *   load produce HOST:PORT TOPIC key=value…   appends a record batch again and again with acks=all
 *   load fetch   HOST:PORT TOPIC key=value…   reads the topic over and over, from its start to its end
 *   load drop    FOLDER                       puts all files below it on the disk and out of the page cache
 *   load scan    FOLDER TOPIC key=value…      reads the files of a topic's partitions with pread, without any broker; prints bytes and seconds
 *
 *   batch=FILE        the batch to send, whole and with its checksum (produce)
 *   slice=1048576     bytes that a fetch may return for a partition (fetch)
 *   from=0            the offset at which reading begins, and begins anew at the end (fetch)
 *   partitions=1      how many partitions the topic has
 *   spread=1          how many of them are in each request; the next request of a connection goes to those that no other connection is at
 *   connections=1
 *   inflight=5        requests of one connection that wait for their response (produce)
 *   seconds=2         how long to measure
 *   warmup=0          seconds of the same load before that
 *   megabytes=0       end earlier, when so much was acknowledged or read (0: do not)
 *   touch=0           megabytes of memory to touch and free first: a virtual machine is slow to get back what it had handed to its host
 *   rate=0            requests a second over all connections, each sent when it is due (0: as fast as they are answered); of a scan, megabytes a second
 *
 * Prints one JSON object: requests, bytes of records as they are on the wire, seconds, and the latency of a request in microseconds from when it was due; where there is a rate
 * also by how much this program itself was late with sending, which is the machine's doing and no broker's. Speaks
 * Produce v7 and Fetch v11, the last versions that old and new brokers share and that have no tagged fields.
 */
#include "wire.h"

#include <ftw.h>
#include <pthread.h>
#include <sys/epoll.h>

/* Of one connection; a power of two. */
enum { in_flight_max = 8192 };

/* Settings. */

struct settings {
  int is_fetch, is_scan;
  const char *host, *port, *topic, *batch;
  int partitions, spread, connections, inflight, slice, rate, touch, megabytes;
  double seconds, warmup, from;
};

static struct settings parse(int argc, char **argv) {
  if (argc < 4) fail("usage: load produce|fetch HOST:PORT TOPIC key=value...");
  struct settings s = {.topic = argv[3], .partitions = 1, .spread = 1, .connections = 1, .inflight = 5, .slice = 1 << 20, .seconds = 2};
  s.is_fetch = strcmp(argv[1], "fetch") == 0;
  s.is_scan = strcmp(argv[1], "scan") == 0;
  if (!s.is_fetch && !s.is_scan && strcmp(argv[1], "produce") != 0) fail("unknown mode %s", argv[1]);
  s.host = argv[2];
  if (!s.is_scan) s.port = split_address(argv[2]);
  for (int i = 4; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL) fail("%s is not key=value", argv[i]);
    *equals = 0;
    double value = atof(equals + 1);
    struct { const char *name; int *number; } numbers[] = {
        {"partitions", &s.partitions}, {"spread", &s.spread}, {"connections", &s.connections}, {"inflight", &s.inflight},
        {"slice", &s.slice},           {"rate", &s.rate},     {"touch", &s.touch},             {"megabytes", &s.megabytes},
    };
    int known = 0;
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
      if (strcmp(argv[i], numbers[n].name) == 0) *numbers[n].number = (int)value, known = 1;
    }
    if (strcmp(argv[i], "seconds") == 0) s.seconds = value, known = 1;
    if (strcmp(argv[i], "warmup") == 0) s.warmup = value, known = 1;
    if (strcmp(argv[i], "from") == 0) s.from = value, known = 1;
    if (strcmp(argv[i], "batch") == 0) s.batch = equals + 1, known = 1;
    if (!known) fail("unknown setting %s", argv[i]);
  }
  if (s.is_fetch) s.inflight = 1; /* The next offset is only known from the response. */
  if (s.inflight > in_flight_max) fail("inflight is at most %d", in_flight_max);
  if (s.spread < 1 || s.spread > s.partitions) fail("spread is from 1 to the number of partitions");
  if (!s.is_fetch && !s.is_scan && s.batch == NULL) fail("produce needs batch=FILE");
  return s;
}

/* Requests. */

static uint8_t *put_header(uint8_t *at, int api, int version) {
  at = put(at, 0, 4); /* Length, known last. */
  at = put(at, (uint64_t)api, 2);
  at = put(at, (uint64_t)version, 2);
  at = put(at, 0, 4); /* Correlation id. */
  return put_string(at, "load");
}

static uint8_t *batch;
static size_t batch_length;

static void read_batch(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail("%s: %s", path, strerror(errno));
  fseek(file, 0, SEEK_END);
  batch_length = (size_t)ftell(file);
  rewind(file);
  batch = malloc(batch_length);
  if (batch == NULL || fread(batch, 1, batch_length, file) != batch_length) fail("cannot read %s", path);
  fclose(file);
}

struct connection {
  int socket, waiting, watching_output;
  uint8_t *request;
  size_t request_length, sent; /* `sent` bytes of the current request have gone out. */
  int to_send;                 /* Requests started but not wholly sent, the current one first. */
  uint8_t **partition_fields;  /* Where the numbers of the partitions stand in the request. */
  int turn;                    /* The first partition of the next request, in steps of `spread`. */
  uint64_t *offsets;           /* What to fetch next, by partition. */
  uint64_t started[in_flight_max];
  uint32_t first, last; /* Ring of start times: oldest unanswered, next free. */
  uint8_t *input;
  size_t input_length, input_capacity;
};

static void build_request(struct connection *c, const struct settings *s) {
  size_t per_partition = s->is_fetch ? 64 : batch_length + 64;
  c->request = malloc((size_t)s->spread * per_partition + 65536);
  c->partition_fields = calloc((size_t)s->spread, sizeof *c->partition_fields);
  c->offsets = calloc((size_t)s->partitions, sizeof *c->offsets);
  for (int i = 0; i < s->partitions; i++) c->offsets[i] = (uint64_t)s->from;
  uint8_t *at;
  if (s->is_fetch) {
    at = put_header(c->request, 1, 11);
    at = put(at, UINT64_MAX, 4); /* Replica: a consumer. */
    at = put(at, 500, 4);
    at = put(at, 1, 4);
    at = put(at, (uint64_t)s->slice * (uint64_t)s->spread + 1024 * 1024, 4);
    *at++ = 0; /* Read uncommitted. */
    at = put(at, 0, 4);
    at = put(at, UINT64_MAX, 4); /* No session. */
  } else {
    at = put_header(c->request, 0, 7);
    at = put(at, UINT64_MAX, 2); /* No transactional id. */
    at = put(at, UINT64_MAX, 2); /* acks=all. */
    at = put(at, 30000, 4);
  }
  at = put(at, 1, 4);
  at = put_string(at, s->topic);
  at = put(at, (uint64_t)s->spread, 4);
  for (int i = 0; i < s->spread; i++) {
    c->partition_fields[i] = at;
    at += 4; /* Which, and from which offset, is only known when it is sent. */
    if (s->is_fetch) {
      at = put(at, UINT64_MAX, 4);
      at += 8;
      at = put(at, UINT64_MAX, 8);
      at = put(at, (uint64_t)s->slice, 4);
    } else {
      at = put(at, batch_length, 4);
      memcpy(at, batch, batch_length);
      at += batch_length;
    }
  }
  if (s->is_fetch) {
    at = put(at, 0, 4);
    at = put_string(at, "");
  }
  c->request_length = (size_t)(at - c->request);
  put(c->request, c->request_length - 4, 4);
}

/* Names the partitions of the request that is about to be sent. */
static void aim(struct connection *c, const struct settings *s) {
  for (int i = 0; i < s->spread; i++) {
    int partition = (int)(((int64_t)c->turn * s->spread + i) % s->partitions);
    put(c->partition_fields[i], (uint64_t)partition, 4);
    if (s->is_fetch) put(c->partition_fields[i] + 8, c->offsets[partition], 8);
  }
  c->turn = (c->turn + s->connections) % s->partitions;
}

static void dial(struct connection *c, const struct settings *s) {
  c->socket = open_socket(s->host, s->port);
  c->input_capacity = (size_t)s->slice * (size_t)s->spread + 4 * 1024 * 1024;
  c->input = malloc(c->input_capacity);
}

static struct {
  uint64_t requests, bytes;
  int measuring;
} total;

/* By how much requests were sent later than they were due. */
static struct samples lateness;

/* The conversation. */

static void begin(struct connection *c, uint64_t due) {
  c->started[c->last++ & (in_flight_max - 1)] = due;
  c->to_send++;
  c->waiting++;
}

static void watch(int epoll, struct connection *c, int output) {
  if (c->watching_output == output) return;
  c->watching_output = output;
  struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &event);
}

static void send_pending(int epoll, struct connection *c, const struct settings *s) {
  while (c->to_send > 0) {
    if (c->sent == 0) aim(c, s);
    ssize_t n = send(c->socket, c->request + c->sent, c->request_length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) fail("send: %s", strerror(errno));
    c->sent += (size_t)n;
    if (c->sent == c->request_length) c->sent = 0, c->to_send--;
  }
  watch(epoll, c, c->to_send > 0);
}

static const uint8_t *in_response(const uint8_t *at, size_t length, const uint8_t *end) {
  if (length > (size_t)(end - at)) fail("a response is cut short");
  return at;
}

/* Looks for errors and gives the bytes of records that the response acknowledges. */
static size_t read_produced(const struct settings *s, const uint8_t *at, const uint8_t *end) {
  at += 4 + 4 + 2 + strlen(s->topic) + 4; /* Correlation id and one topic. */
  for (int i = 0; i < s->spread; i++, at += 30) {
    int16_t error = (int16_t)get(in_response(at, 30, end) + 4, 2);
    if (error != 0) fail("producing to partition %d failed with error code %d", (int)get(at, 4), error);
  }
  return batch_length * (size_t)s->spread;
}

/* Gives the end of the whole batches, and in `next` the offset behind them. */
static const uint8_t *whole_batches(const uint8_t *at, const uint8_t *end, uint64_t *next) {
  while (end - at >= 61) {
    uint64_t size = 12 + get(at + 8, 4);
    if ((uint64_t)(end - at) < size) break;
    *next = get(at, 8) + get(at + 23, 4) + 1;
    at += size;
  }
  return at;
}

/* Moves on in each partition, from its end to its start, and gives the bytes of whole batches. */
static size_t read_fetched(struct connection *c, const struct settings *s, const uint8_t *at, const uint8_t *end) {
  size_t bytes = 0;
  at += 4 + 4;
  int16_t error = (int16_t)get(in_response(at, 6, end), 2);
  if (error != 0) fail("fetch failed with error code %d", error);
  at += 2 + 4 + 4 + 2 + strlen(s->topic) + 4;
  for (int i = 0; i < s->spread; i++) {
    int partition = (int)get(in_response(at, 38, end), 4);
    error = (int16_t)get(at + 4, 2);
    if (error != 0 || partition < 0 || partition >= s->partitions) fail("fetching partition %d failed with error code %d", partition, error);
    uint64_t high_watermark = get(at + 6, 8);
    int32_t aborted = (int32_t)get(at + 30, 4);
    at += 34 + 16 * (aborted > 0 ? aborted : 0) + 4;
    int32_t length = (int32_t)get(in_response(at, 4, end), 4);
    at += 4;
    if (length < 0) length = 0;
    uint64_t next = c->offsets[partition];
    bytes += (size_t)(whole_batches(at, in_response(at, (size_t)length, end) + length, &next) - at);
    c->offsets[partition] = next >= high_watermark ? (uint64_t)s->from : next;
    at += length;
  }
  return bytes;
}

static void receive(struct connection *c, const struct settings *s) {
  for (;;) {
    ssize_t n = recv(c->socket, c->input + c->input_length, c->input_capacity - c->input_length, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) fail("the broker closed the connection%s%s", n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
    c->input_length += (size_t)n;
    size_t used = 0;
    while (c->input_length - used >= 4) {
      size_t length = 4 + (size_t)get(c->input + used, 4);
      if (length > c->input_capacity) fail("a response of %zu bytes", length);
      if (c->input_length - used < length) break;
      const uint8_t *response = c->input + used + 4, *end = c->input + used + length;
      size_t bytes = s->is_fetch ? read_fetched(c, s, response, end) : read_produced(s, response, end);
      uint64_t started = c->started[c->first++ & (in_flight_max - 1)];
      c->waiting--;
      if (total.measuring) {
        total.requests++;
        total.bytes += bytes;
        record_latency(now_ns() - started);
      }
      used += length;
    }
    memmove(c->input, c->input + used, c->input_length - used);
    c->input_length -= used;
  }
}

static void touch(int megabytes) {
  size_t length = (size_t)megabytes << 20;
  volatile uint8_t *memory = malloc(length);
  if (memory == NULL) return;
  for (size_t at = 0; at < length; at += 4096) memory[at] = 1;
  free((void *)memory);
}

/* Has one file's pages written, and then forgotten. */
static int drop_file(const char *path, const struct stat *status, int type, struct FTW *where) {
  (void)status, (void)where;
  if (type != FTW_F) return 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0; /* Deleted meanwhile. */
  if (fdatasync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) fail("%s: %s", path, strerror(errno));
  close(file);
  return 0;
}

/* Reading without a broker: each of `connections` threads takes every so many-th file, over and over, at its share of the rate. */

static char *scanned[1024];
static int scanned_count;
static const char *scanned_topic;

static int note_file(const char *path, const struct stat *status, int type, struct FTW *where) {
  (void)status, (void)where;
  const char *name = strrchr(path, '/'), *end = strrchr(path, '.');
  if (type != FTW_F || name == NULL || end == NULL || strcmp(end, ".log") != 0) return 0;
  char wanted[300];
  snprintf(wanted, sizeof wanted, "/%s-", scanned_topic);
  if (strstr(path, wanted) != NULL && scanned_count < 1024) scanned[scanned_count++] = strdup(path);
  return 0;
}

struct scanner {
  int index;
  const struct settings *settings;
  uint64_t bytes;
};

static void *scan_files(void *argument) {
  struct scanner *scanner = argument;
  const struct settings *s = scanner->settings;
  char *memory = malloc((size_t)s->slice);
  double bytes_per_ns = s->rate == 0 ? 1e9 : (double)s->rate / s->connections / 1e3;
  uint64_t begin_ns = now_ns(), end_ns = begin_ns + (uint64_t)(s->seconds * 1e9);
  for (int i = scanner->index; now_ns() < end_ns; i = i + s->connections < scanned_count ? i + s->connections : scanner->index) {
    int file = open(scanned[i], O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("%s: %s", scanned[i], strerror(errno));
    ssize_t n;
    for (off_t at = 0; now_ns() < end_ns && (n = pread(file, memory, (size_t)s->slice, at)) > 0; at += n) {
      scanner->bytes += (uint64_t)n;
      uint64_t due = begin_ns + (uint64_t)((double)scanner->bytes / bytes_per_ns), now = now_ns();
      if (due > now) usleep((useconds_t)((due - now) / 1000));
    }
    close(file);
  }
  free(memory);
  return NULL;
}

static int scan(const struct settings *s, const char *folder) {
  scanned_topic = s->topic;
  if (nftw(folder, note_file, 64, FTW_PHYS) != 0 || scanned_count < s->connections) fail("%d files of %s below %s", scanned_count, s->topic, folder);
  struct scanner scanners[64];
  pthread_t threads[64];
  uint64_t begin_ns = now_ns(), bytes = 0;
  for (int i = 0; i < s->connections && i < 64; i++) {
    scanners[i] = (struct scanner){.index = i, .settings = s};
    if (pthread_create(&threads[i], NULL, scan_files, &scanners[i]) != 0) fail("no thread");
  }
  for (int i = 0; i < s->connections && i < 64; i++) pthread_join(threads[i], NULL), bytes += scanners[i].bytes;
  printf("{\"requests\":0,\"bytes\":%llu,\"seconds\":%.6f,\"p50Us\":0,\"p99Us\":0,\"maxUs\":0,\"sentLateP99Us\":0}\n", (unsigned long long)bytes,
         (double)(now_ns() - begin_ns) / 1e9);
  return 0;
}

/* Starts every request that is due at a rate; gives when the next one is. */
static uint64_t begin_due(int epoll, struct connection *connections, const struct settings *s, uint64_t begin_ns, uint64_t now) {
  static uint64_t sent;
  uint64_t due;
  while ((due = begin_ns + sent * 1000000000u / (uint64_t)s->rate) <= now) {
    struct connection *c = &connections[sent++ % (uint64_t)s->connections];
    if (c->waiting >= in_flight_max) fail("the broker is %d requests behind the rate", in_flight_max);
    if (total.measuring) record(&lateness, now - due);
    begin(c, due);
    send_pending(epoll, c, s);
  }
  return due;
}

/* Keeps as many requests in flight as there may be. */
static void begin_all(int epoll, struct connection *connections, const struct settings *s, uint64_t now) {
  for (int i = 0; i < s->connections; i++) {
    struct connection *c = &connections[i];
    if (c->waiting >= s->inflight) continue;
    while (c->waiting < s->inflight) begin(c, now);
    send_pending(epoll, c, s);
  }
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "drop") == 0) return nftw(argv[2], drop_file, 64, FTW_PHYS) == 0 ? 0 : 1;
  struct settings s = parse(argc, argv);
  if (s.is_scan) return scan(&s, s.host);
  touch(s.touch);
  if (!s.is_fetch) read_batch(s.batch);
  struct connection *connections = calloc((size_t)s.connections, sizeof *connections);
  int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  for (int i = 0; i < s.connections; i++) {
    struct connection *c = &connections[i];
    c->turn = i % s.partitions;
    dial(c, &s);
    build_request(c, &s);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event);
  }
  struct epoll_event timer_event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &timer_event);
  uint64_t begin_ns = now_ns(), measure_ns = begin_ns + (uint64_t)(s.warmup * 1e9), end_ns = measure_ns + (uint64_t)(s.seconds * 1e9);
  uint64_t bytes_max = s.megabytes == 0 ? UINT64_MAX : (uint64_t)s.megabytes * 1000000;
  for (uint64_t now = begin_ns; now < end_ns && total.bytes < bytes_max; now = now_ns()) {
    if (!total.measuring && now >= measure_ns) total.measuring = 1, measure_ns = now;
    if (s.rate > 0) set_timer(timer, begin_due(epoll, connections, &s, begin_ns, now));
    else begin_all(epoll, connections, &s, now);
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, 100);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == NULL) continue; /* The timer; it is set again. */
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c, &s);
      if (events[i].events & EPOLLOUT) send_pending(epoll, c, &s);
    }
  }
  double seconds = (double)(now_ns() - measure_ns) / 1e9;
  sort_latencies();
  sort_samples(&lateness);
  printf("{\"requests\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,\"sentLateP99Us\":%.1f}\n",
         (unsigned long long)total.requests, (unsigned long long)total.bytes, seconds, quantile_us(0.5), quantile_us(0.99), quantile_us(1),
         quantile_of(&lateness, 0.99));
  return 0;
}
