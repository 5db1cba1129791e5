/*
 * The load generator of the benchmarks: sends the same valid Kafka requests to whatever broker listens, over plain sockets, and costs so
 * little itself that the broker is what is measured. One thread, epoll, requests built once and sent again and again.
 *
 *   load produce HOST:PORT TOPIC key=value…   appends record batches with acks=all
 *   load fetch   HOST:PORT TOPIC key=value…   reads the topic over and over, from its start to its end
 *
 *   partitions=1      how many partitions the topic has; connection i uses partition i mod partitions
 *   connections=1
 *   inflight=5        requests of one connection that wait for their response (produce)
 *   request=16384     bytes of records in a produce request, or that a fetch may return for a partition
 *   record=1024       bytes of a record's value (produce)
 *   seconds=2         how long to measure
 *   warmup=0          seconds of the same load before that
 *   touch=0           megabytes of memory to touch and free first: a virtual machine is slow to get back what it had handed to its host
 *   rate=0            requests a second over all connections, each sent when it is due (0: as fast as they are answered)
 *
 * Prints one JSON object: requests, bytes of records, seconds, and the latency of a request in microseconds from when it was due. Speaks Produce v7 and Fetch v11,
 * the last versions that old and new brokers share and that have no tagged fields.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Big-endian numbers, as everywhere in the protocol. */

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

static uint64_t get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

static uint8_t *put_string(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  at = put(at, length, 2);
  memcpy(at, text, length);
  return at + length;
}

static uint8_t *put_varint(uint8_t *at, int64_t value) {
  uint64_t rest = (uint64_t)(value << 1) ^ (uint64_t)(value >> 63);
  for (; rest >= 128; rest >>= 7) *at++ = (uint8_t)(rest | 128);
  *at++ = (uint8_t)rest;
  return at;
}

static uint32_t crc32c(const uint8_t *bytes, size_t length) {
  static uint32_t table[256];
  if (table[1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t entry = i;
      for (int bit = 0; bit < 8; bit++) entry = entry >> 1 ^ (entry & 1 ? 0x82f63b78u : 0);
      table[i] = entry;
    }
  }
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
  return ~crc;
}

/* Settings. */

struct settings {
  int is_fetch;
  const char *host, *port, *topic;
  int partitions, connections, inflight, request, record, rate, touch;
  double seconds, warmup;
};

static struct settings parse(int argc, char **argv) {
  if (argc < 4) fail("usage: load produce|fetch HOST:PORT TOPIC key=value...");
  struct settings s = {.topic = argv[3], .partitions = 1, .connections = 1, .inflight = 5, .request = 16384, .record = 1024, .seconds = 2};
  s.is_fetch = strcmp(argv[1], "fetch") == 0;
  if (!s.is_fetch && strcmp(argv[1], "produce") != 0) fail("unknown mode %s", argv[1]);
  char *colon = strrchr(argv[2], ':');
  if (colon == NULL) fail("%s is not HOST:PORT", argv[2]);
  *colon = 0;
  s.host = argv[2];
  s.port = colon + 1;
  for (int i = 4; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL) fail("%s is not key=value", argv[i]);
    *equals = 0;
    double value = atof(equals + 1);
    struct { const char *name; int *number; } numbers[] = {
        {"partitions", &s.partitions}, {"connections", &s.connections}, {"inflight", &s.inflight},
        {"request", &s.request},       {"record", &s.record},           {"rate", &s.rate},
        {"touch", &s.touch},
    };
    int known = 0;
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
      if (strcmp(argv[i], numbers[n].name) == 0) *numbers[n].number = (int)value, known = 1;
    }
    if (strcmp(argv[i], "seconds") == 0) s.seconds = value, known = 1;
    if (strcmp(argv[i], "warmup") == 0) s.warmup = value, known = 1;
    if (!known) fail("unknown setting %s", argv[i]);
  }
  if (s.is_fetch) s.inflight = 1; /* The next offset is only known from the response. */
  if (s.inflight > 1024) fail("inflight is at most 1024");
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

/* One record batch of magic 2 of about `target` bytes, without compression. Returns its end. */
static uint8_t *put_batch(uint8_t *start, int target, int record) {
  uint8_t *at = start + 61;
  int count = 0;
  uint64_t random = 88172645463325252u;
  do {
    int value = record;
    if (value > target - 80) value = target > 100 ? target - 80 : 20;
    uint8_t body[64], *end = body;
    *end++ = 0; /* Attributes. */
    end = put_varint(end, 0);
    end = put_varint(end, count);
    end = put_varint(end, -1); /* No key. */
    end = put_varint(end, value);
    at = put_varint(at, (end - body) + value + 1);
    memcpy(at, body, (size_t)(end - body));
    at += end - body;
    for (int i = 0; i < value; i++) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      *at++ = (uint8_t)('a' + random % 26);
    }
    *at++ = 0; /* No headers. */
    count++;
  } while (at - start + record + 12 <= target);
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  uint64_t time_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
  uint8_t *head = put(start, 0, 8);
  head = put(head, (uint64_t)(at - start - 12), 4);
  head = put(head, 0, 4); /* Leader epoch. */
  *head++ = 2;            /* Magic. */
  uint8_t *crc = head;
  head = put(head + 4, 0, 2);
  head = put(head, (uint64_t)(count - 1), 4);
  head = put(head, time_ms, 8);
  head = put(head, time_ms, 8);
  head = put(head, UINT64_MAX, 8); /* Producer id, epoch and sequence: none. */
  head = put(head, UINT64_MAX, 2);
  head = put(head, UINT64_MAX, 4);
  put(head, (uint64_t)count, 4);
  put(crc, crc32c(crc + 4, (size_t)(at - crc - 4)), 4);
  return at;
}

struct connection {
  int socket, partition, waiting, watching_output;
  uint8_t *request;
  size_t request_length, sent; /* `sent` bytes of the current request have gone out. */
  int to_send;                 /* Requests started but not wholly sent, the current one first. */
  uint8_t *offset_field;       /* Where the fetch offset stands in the request. */
  uint64_t started[1024];
  uint32_t first, last; /* Ring of start times: oldest unanswered, next free. */
  uint8_t *input;
  size_t input_length, input_capacity;
};

static void build_request(struct connection *c, const struct settings *s) {
  c->request = malloc((size_t)s->request + (size_t)s->record + 65536);
  uint8_t *at;
  if (s->is_fetch) {
    at = put_header(c->request, 1, 11);
    at = put(at, UINT64_MAX, 4); /* Replica: a consumer. */
    at = put(at, 500, 4);
    at = put(at, 1, 4);
    at = put(at, (uint64_t)s->request + 1024 * 1024, 4);
    *at++ = 0; /* Read uncommitted. */
    at = put(at, 0, 4);
    at = put(at, UINT64_MAX, 4); /* No session. */
    at = put(at, 1, 4);
    at = put_string(at, s->topic);
    at = put(at, 1, 4);
    at = put(at, (uint64_t)c->partition, 4);
    at = put(at, UINT64_MAX, 4);
    c->offset_field = at;
    at = put(at, 0, 8);
    at = put(at, UINT64_MAX, 8);
    at = put(at, (uint64_t)s->request, 4);
    at = put(at, 0, 4);
    at = put_string(at, "");
  } else {
    at = put_header(c->request, 0, 7);
    at = put(at, UINT64_MAX, 2); /* No transactional id. */
    at = put(at, UINT64_MAX, 2); /* acks=all. */
    at = put(at, 30000, 4);
    at = put(at, 1, 4);
    at = put_string(at, s->topic);
    at = put(at, 1, 4);
    at = put(at, (uint64_t)c->partition, 4);
    uint8_t *records = at + 4, *end = put_batch(records, s->request, s->record);
    put(at, (uint64_t)(end - records), 4);
    at = end;
  }
  c->request_length = (size_t)(at - c->request);
  put(c->request, c->request_length - 4, 4);
}

static void dial(struct connection *c, const struct settings *s) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
  if (getaddrinfo(s->host, s->port, &hints, &addresses) != 0) fail("cannot resolve %s", s->host);
  c->socket = socket(addresses->ai_family, SOCK_STREAM, 0);
  if (connect(c->socket, addresses->ai_addr, addresses->ai_addrlen) != 0) fail("cannot connect to %s:%s: %s", s->host, s->port, strerror(errno));
  freeaddrinfo(addresses);
  int on = 1;
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->socket, F_SETFL, fcntl(c->socket, F_GETFL) | O_NONBLOCK);
  c->input_capacity = (size_t)s->request + 2 * 1024 * 1024;
  c->input = malloc(c->input_capacity);
}

/* Measurements. */

static struct {
  uint64_t requests, bytes, *latencies;
  size_t count, capacity;
  int measuring;
} total;

static void record_latency(uint64_t ns) {
  if (total.count == total.capacity) {
    total.capacity = total.capacity == 0 ? 1 << 20 : total.capacity * 2;
    total.latencies = realloc(total.latencies, total.capacity * sizeof *total.latencies);
  }
  total.latencies[total.count++] = ns;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static double quantile_us(double q) {
  if (total.count == 0) return 0;
  size_t index = (size_t)(q * (double)(total.count - 1));
  return (double)total.latencies[index] / 1000.0;
}

/* The conversation. */

static void begin(struct connection *c, uint64_t due) {
  c->started[c->last++ & 1023] = due;
  c->to_send++;
  c->waiting++;
}

static void watch(int epoll, struct connection *c, int output) {
  if (c->watching_output == output) return;
  c->watching_output = output;
  struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &event);
}

static void send_pending(int epoll, struct connection *c) {
  while (c->to_send > 0) {
    ssize_t n = send(c->socket, c->request + c->sent, c->request_length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) fail("send: %s", strerror(errno));
    c->sent += (size_t)n;
    if (c->sent == c->request_length) c->sent = 0, c->to_send--;
  }
  watch(epoll, c, c->to_send > 0);
}

/* Returns the bytes of records that a response acknowledges or holds. */
static size_t read_response(struct connection *c, const struct settings *s, const uint8_t *at, const uint8_t *end) {
  size_t topic = strlen(s->topic);
  if (!s->is_fetch) {
    /* Correlation id, one topic, one partition. */
    const uint8_t *partition = at + 4 + 4 + 2 + topic + 4;
    if (partition + 6 > end) fail("a produce response of %zu bytes", (size_t)(end - at));
    int16_t error = (int16_t)get(partition + 4, 2);
    if (error != 0) fail("produce failed with error code %d", error);
    return c->request_length;
  }
  at += 4 + 4;
  int16_t error = (int16_t)get(at, 2);
  if (error != 0) fail("fetch failed with error code %d", error);
  at += 2 + 4 + 4 + 2 + topic + 4 + 4;
  error = (int16_t)get(at, 2);
  if (error != 0) fail("fetching partition %d failed with error code %d", c->partition, error);
  uint64_t high_watermark = get(at + 2, 8);
  int32_t aborted = (int32_t)get(at + 26, 4);
  at += 30 + 16 * (aborted > 0 ? aborted : 0) + 4;
  int32_t length = (int32_t)get(at, 4);
  at += 4;
  if (length > 0 && at + length > end) fail("a fetch response is cut short");
  const uint8_t *records = at, *records_end = at + (length > 0 ? length : 0);
  uint64_t next = get(c->offset_field, 8);
  while (records_end - records >= 61) {
    uint64_t size = 12 + get(records + 8, 4);
    if ((uint64_t)(records_end - records) < size) break;
    next = get(records, 8) + get(records + 23, 4) + 1;
    records += size;
  }
  put(c->offset_field, next >= high_watermark ? 0 : next, 8);
  return (size_t)(records - at);
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
      size_t bytes = read_response(c, s, c->input + used + 4, c->input + used + length);
      uint64_t started = c->started[c->first++ & 1023];
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

int main(int argc, char **argv) {
  struct settings s = parse(argc, argv);
  touch(s.touch);
  struct connection *connections = calloc((size_t)s.connections, sizeof *connections);
  int epoll = epoll_create1(0);
  for (int i = 0; i < s.connections; i++) {
    struct connection *c = &connections[i];
    c->partition = i % s.partitions;
    dial(c, &s);
    build_request(c, &s);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event);
  }
  uint64_t begin_ns = now_ns(), measure_ns = begin_ns + (uint64_t)(s.warmup * 1e9), end_ns = measure_ns + (uint64_t)(s.seconds * 1e9);
  uint64_t sent = 0;
  int turn = 0;
  for (uint64_t now = begin_ns; now < end_ns; now = now_ns()) {
    if (!total.measuring && now >= measure_ns) total.measuring = 1, measure_ns = now;
    if (s.rate > 0) {
      for (; begin_ns + sent * 1000000000u / (uint64_t)s.rate <= now; sent++) {
        struct connection *c = &connections[turn++ % s.connections];
        if (c->waiting >= 1024) fail("the broker is more than 1,024 requests behind the rate");
        begin(c, begin_ns + sent * 1000000000u / (uint64_t)s.rate);
        send_pending(epoll, c);
      }
    } else {
      for (int i = 0; i < s.connections; i++) {
        struct connection *c = &connections[i];
        if (c->waiting >= s.inflight) continue;
        while (c->waiting < s.inflight) begin(c, now);
        send_pending(epoll, c);
      }
    }
    struct epoll_event events[64];
    /* At a rate, sleep only until shortly before the next request is due. */
    int timeout = s.rate > 0 ? (s.rate >= 500 ? 0 : 1) : 100;
    int count = epoll_wait(epoll, events, 64, timeout);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c, &s);
      if (events[i].events & EPOLLOUT) send_pending(epoll, c);
    }
  }
  double seconds = (double)(now_ns() - measure_ns) / 1e9;
  qsort(total.latencies, total.count, sizeof *total.latencies, compare);
  printf("{\"requests\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f}\n", (unsigned long long)total.requests,
         (unsigned long long)total.bytes, seconds, quantile_us(0.5), quantile_us(0.99), quantile_us(1));
  return 0;
}
