/*
 * The load generator for groups: members that speak the protocol over plain sockets, a connection each, and cost so little themselves that the coordinator is
 * what is measured. One thread, epoll.
 *
 *   groups commit    HOST:PORT TOPIC key=value…   commits an offset of one partition again and again, without being a member
 *   groups fill      HOST:PORT TOPIC key=value…   commits many offsets once, 100 partitions of the topic a request, a group for each request
 *   groups beat      HOST:PORT TOPIC key=value…   members of many groups send heartbeats, evenly spread
 *   groups form      HOST:PORT TOPIC key=value…   members join one group at once, until each has its share
 *   groups rebalance HOST:PORT TOPIC key=value…   one more member joins a group that is settled (consumer), or its leader joins anew (classic)
 *
 *   consumer=0        1: the consumer protocol (KIP-848), 0: the classic one
 *   topic-id=HEX      of the topic, 32 digits (consumer)
 *   partitions=1      of the topic
 *   bare=0            1: the server answers everything as if it were right, and nobody joins (beat, classic)
 *   connections=1     who commit
 *   inflight=5        requests of one connection that wait for their response (commit)
 *   offsets=100000    how many to commit (fill)
 *   groups=1          how many (beat)
 *   members=2         of each group
 *   interval=3000     milliseconds between two heartbeats of a member (beat)
 *   rate=0            commits a second over all connections (0: as fast as they are answered)
 *   seconds=2         how long to measure (commit, beat)
 *   name=bench        of the groups
 *
 * When everything is prepared it says "ready", and begins at the next line on standard input. Prints one JSON object: requests, seconds, the latency of a
 * request in microseconds from when it was due, and the processor's time that this program took itself.
 */
#include "wire.h"

#include <sys/epoll.h>
#include <sys/resource.h>

enum { in_flight_max = 8192, rounds_max = 1000, round_ms = 250 };
enum { offset_commit = 8, join_group = 11, heartbeat = 12, sync_group = 14, api_versions = 18, consumer_heartbeat = 68 };
enum { rebalance_in_progress = 27 };

/* Settings. */

static struct {
  const char *mode, *host, *port, *topic, *name;
  uint8_t topic_id[16];
  int consumer, bare, partitions, connections, inflight, offsets, groups, members, interval, rate;
  double seconds;
} s = {.name = "bench", .partitions = 1, .connections = 1, .inflight = 5, .offsets = 100000, .groups = 1, .members = 2, .interval = 3000, .seconds = 2};

static void parse(int argc, char **argv) {
  if (argc < 4) fail("usage: groups commit|fill|beat|form|rebalance HOST:PORT TOPIC key=value...");
  s.mode = argv[1];
  s.host = argv[2];
  s.port = split_address(argv[2]);
  s.topic = argv[3];
  struct { const char *name; int *number; } numbers[] = {
      {"consumer", &s.consumer}, {"bare", &s.bare}, {"partitions", &s.partitions}, {"connections", &s.connections}, {"inflight", &s.inflight}, {"offsets", &s.offsets},
      {"groups", &s.groups},     {"members", &s.members},       {"interval", &s.interval},       {"rate", &s.rate},
  };
  for (int i = 4; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL) fail("%s is not key=value", argv[i]);
    *equals = 0;
    int known = 0;
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
      if (strcmp(argv[i], numbers[n].name) == 0) *numbers[n].number = atoi(equals + 1), known = 1;
    }
    if (strcmp(argv[i], "seconds") == 0) s.seconds = atof(equals + 1), known = 1;
    if (strcmp(argv[i], "name") == 0) s.name = equals + 1, known = 1;
    if (strcmp(argv[i], "topic-id") == 0) {
      if (strlen(equals + 1) != 32) fail("a topic id has 32 digits");
      for (int byte = 0; byte < 16; byte++) sscanf(equals + 1 + 2 * byte, "%2hhx", &s.topic_id[byte]);
      known = 1;
    }
    if (!known) fail("unknown setting %s", argv[i]);
  }
  if (s.inflight > in_flight_max) fail("inflight is at most %d", in_flight_max);
}

static int is_mode(const char *mode) {
  return strcmp(s.mode, mode) == 0;
}

/* Connections. */

struct connection {
  int socket, watching_output, waiting, next_api;
  uint8_t *out, *in;
  size_t out_length, out_sent, out_capacity, in_length, in_capacity;
  uint64_t *started; /* Ring of when each request that waits was due. */
  uint32_t first, last, ring;
  /* As a member. */
  char group[64], id[96];
  int epoch, owned_count, has_news, is_settled, *owned;
};

static int epoll;
static uint64_t answered;
static int measuring;
static uint64_t ready_ns;
static double ready_cpu;

static double cpu_seconds(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void *grown(void *memory, size_t *capacity, size_t needed) {
  if (needed <= *capacity) return memory;
  while (*capacity < needed) *capacity = *capacity == 0 ? 512 : *capacity * 2;
  memory = realloc(memory, *capacity);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static void dial(struct connection *c, uint32_t ring) {
  c->socket = open_socket(s.host, s.port);
  c->ring = ring;
  c->started = calloc(ring, sizeof *c->started);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event);
}

static void flush(struct connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t n = send(c->socket, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) fail("send: %s", strerror(errno));
    c->out_sent += (size_t)n;
  }
  int waits = c->out_sent < c->out_length;
  if (!waits) c->out_sent = c->out_length = 0;
  if (waits == c->watching_output) return;
  c->watching_output = waits;
  struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &event);
}

/* Room for a request of at most `size` bytes, and its header. */
static uint8_t *begin_request(struct connection *c, int api, int version, int is_flexible, size_t size) {
  c->out = grown(c->out, &c->out_capacity, c->out_length + size + 64);
  uint8_t *at = c->out + c->out_length + 4;
  at = put(at, (uint64_t)api, 2);
  at = put(at, (uint64_t)version, 2);
  at = put(at, 0, 4);
  at = put_string(at, "groups");
  if (is_flexible) *at++ = 0;
  return at;
}

static void end_request(struct connection *c, uint8_t *end, uint64_t due) {
  uint8_t *start = c->out + c->out_length;
  put(start, (uint64_t)(end - start - 4), 4);
  c->out_length = (size_t)(end - c->out);
  c->started[c->last++ % c->ring] = due;
  c->waiting++;
  flush(c);
}

typedef void handler(struct connection *c, const uint8_t *at, const uint8_t *end);

static void receive(struct connection *c, handler *handle) {
  for (;;) {
    c->in = grown(c->in, &c->in_capacity, c->in_length + 512);
    ssize_t n = recv(c->socket, c->in + c->in_length, c->in_capacity - c->in_length, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) fail("the broker closed the connection%s%s", n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
    c->in_length += (size_t)n;
    size_t used = 0;
    while (c->in_length - used >= 4) {
      size_t length = 4 + (size_t)get(c->in + used, 4);
      if (c->in_length - used < length) break;
      uint64_t started = c->started[c->first++ % c->ring];
      c->waiting--;
      if (measuring) answered++, record_latency(now_ns() - started);
      handle(c, c->in + used + 8, c->in + used + length);
      used += length;
    }
    memmove(c->in, c->in + used, c->in_length - used);
    c->in_length -= used;
  }
}

static void turn(handler *handle, int timeout_ms) {
  struct epoll_event events[256];
  int count = epoll_wait(epoll, events, 256, timeout_ms);
  for (int i = 0; i < count; i++) {
    struct connection *c = events[i].data.ptr;
    if (c == NULL) continue; /* The timer. */
    if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c, handle);
    if (events[i].events & EPOLLOUT) flush(c);
  }
}

static void ready(void) {
  printf("ready\n");
  fflush(stdout);
  if (getchar() == EOF) exit(1);
  measuring = 1;
  ready_ns = now_ns();
  ready_cpu = cpu_seconds();
}

/* Fields. */

static uint8_t *put_varint(uint8_t *at, uint32_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

static uint32_t take_varint(const uint8_t **at) {
  uint32_t value = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint32_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

static uint8_t *put_compact(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  at = put_varint(at, (uint32_t)length + 1);
  memcpy(at, text, length);
  return at + length;
}

static uint64_t take(const uint8_t **at, int bytes) {
  uint64_t value = get(*at, bytes);
  *at += bytes;
  return value;
}

static void take_string(const uint8_t **at, char *into, size_t capacity) {
  size_t length = (size_t)take(at, 2);
  if (length >= capacity) fail("a string of %zu bytes", length);
  memcpy(into, *at, length);
  into[length] = 0;
  *at += length;
}

static void refuse(const char *what, int error) {
  if (error != 0) fail("%s failed with error code %d", what, error);
}

/* Committing. */

static void commit(struct connection *c, uint64_t due, int first, int count) {
  size_t topic_length = strlen(s.topic);
  uint8_t *at = begin_request(c, offset_commit, 6, 0, 128 + topic_length + (size_t)count * 24);
  at = put_string(at, c->group);
  at = put(at, UINT64_MAX, 4); /* No generation, no member. */
  at = put_string(at, "");
  at = put(at, 1, 4);
  at = put_string(at, s.topic);
  at = put(at, (uint64_t)count, 4);
  for (int i = 0; i < count; i++) {
    at = put(at, (uint64_t)(first + i), 4);
    at = put(at, (uint64_t)++c->epoch, 8);
    at = put(at, UINT64_MAX, 4);
    at = put_string(at, "");
  }
  end_request(c, at, due);
}

static void committed(struct connection *c, const uint8_t *at, const uint8_t *end) {
  (void)c, (void)end;
  at += 4 + 4 + 2 + strlen(s.topic);
  for (int left = (int)take(&at, 4); left > 0; left--, at += 6) refuse("committing", (int)get(at + 4, 2));
}

static void run_commits(void) {
  struct connection *connections = calloc((size_t)s.connections, sizeof *connections);
  for (int i = 0; i < s.connections; i++) {
    dial(&connections[i], in_flight_max);
    snprintf(connections[i].group, sizeof connections[i].group, "%s-%d", s.name, i);
  }
  ready();
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event timer_event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &timer_event);
  uint64_t begin = now_ns(), sent = 0;
  for (uint64_t now = begin; now < begin + (uint64_t)(s.seconds * 1e9); now = now_ns()) {
    if (s.rate > 0) {
      uint64_t due;
      /* Who has all its requests in flight lets its turn wait: that shows as latency. */
      while ((due = begin + sent * 1000000000u / (uint64_t)s.rate) <= now) {
        struct connection *c = &connections[sent % (uint64_t)s.connections];
        if (c->waiting >= s.inflight) break;
        commit(c, due, (int)(sent % (uint64_t)s.partitions), 1), sent++;
      }
      if (due > now) set_timer(timer, due);
    } else {
      for (int i = 0; i < s.connections; i++)
        while (connections[i].waiting < s.inflight) commit(&connections[i], now, (int)(sent++ % (uint64_t)s.partitions), 1);
    }
    turn(committed, 100);
  }
}

/* A group of its own for each request, so that nothing is committed twice. */
static void run_fill(void) {
  enum { partitions_a_request = 100 };
  struct connection c = {0};
  dial(&c, in_flight_max);
  ready();
  for (int done = 0; done < s.offsets; done += partitions_a_request) {
    snprintf(c.group, sizeof c.group, "%s-%d", s.name, done / partitions_a_request);
    int left = s.offsets - done;
    commit(&c, now_ns(), 0, left < partitions_a_request ? left : partitions_a_request);
    while (c.waiting >= s.inflight) turn(committed, 1000);
  }
  while (c.waiting > 0) turn(committed, 1000);
}

/* Members. */

static struct connection *members;
static int member_count;

static void ignored(struct connection *c, const uint8_t *at, const uint8_t *end) {
  (void)c, (void)at, (void)end;
}

/* An answer means that the broker has accepted what was dialled so far: more than fit into its queue are let down for a second or more. */
static void hear_of(struct connection *c) {
  end_request(c, begin_request(c, api_versions, 0, 0, 0), now_ns());
  while (c->waiting > 0) turn(ignored, 1000);
}

static void dial_members(void) {
  member_count = s.groups * s.members;
  members = calloc((size_t)member_count, sizeof *members);
  for (int i = 0; i < member_count; i++) {
    struct connection *c = &members[i];
    dial(c, 4);
    if (i % 16 == 15) hear_of(c);
    snprintf(c->group, sizeof c->group, "%s-%d", s.name, i / s.members);
    c->owned = calloc((size_t)s.partitions, sizeof *c->owned);
    if (s.consumer) snprintf(c->id, sizeof c->id, "%s-member-%d", s.name, i);
  }
}

static void wait_for_all(handler *handle) {
  for (int i = 0; i < member_count; i++)
    while (members[i].waiting > 0) turn(handle, 1000);
}

/* The consumer protocol. */

static void beat_consumer(struct connection *c, uint64_t due) {
  int joins = c->epoch == 0;
  uint8_t *at = begin_request(c, consumer_heartbeat, 1, 1, 512 + strlen(s.topic) + (size_t)c->owned_count * 4);
  at = put_compact(at, c->group);
  at = put_compact(at, c->id);
  at = put(at, (uint64_t)c->epoch, 4);
  *at++ = 0; /* No instance. */
  *at++ = 0; /* No rack. */
  at = put(at, joins ? 300000 : UINT64_MAX, 4);
  *at++ = joins ? 2 : 0;
  if (joins) at = put_compact(at, s.topic);
  *at++ = 0; /* No pattern. */
  *at++ = 0; /* The assignor that the broker likes. */
  if (joins || c->has_news) {
    *at++ = c->owned_count > 0 ? 2 : 1;
    if (c->owned_count > 0) {
      memcpy(at, s.topic_id, 16);
      at = put_varint(at + 16, (uint32_t)c->owned_count + 1);
      for (int i = 0; i < c->owned_count; i++) at = put(at, (uint64_t)c->owned[i], 4);
      *at++ = 0;
    }
  } else {
    *at++ = 0;
  }
  *at++ = 0;
  c->has_news = 0;
  end_request(c, at, due);
}

/* Whether the last round has told anybody anything. */
static int news;

static void beaten_consumer(struct connection *c, const uint8_t *at, const uint8_t *end) {
  (void)end;
  take_varint(&at); /* Tags of the header. */
  take(&at, 4);
  refuse("the heartbeat of a consumer", (int16_t)take(&at, 2));
  for (int string = 0; string < 2; string++) {
    uint32_t length = take_varint(&at);
    if (length > 1) at += length - 1;
  }
  int epoch = (int)take(&at, 4);
  if (epoch != c->epoch) news = 1;
  c->epoch = epoch;
  take(&at, 4);
  if ((int8_t)take(&at, 1) < 0) return;
  c->owned_count = 0;
  c->has_news = news = 1;
  for (uint32_t topics = take_varint(&at); topics > 1; topics--) {
    at += 16;
    for (uint32_t left = take_varint(&at); left > 1; left--) c->owned[c->owned_count++] = (int)take(&at, 4);
    at++;
  }
}

/* Rounds of heartbeats until nobody hears anything new, everything is owned and all of a group are at one epoch. */
static void settle_consumers(int from, int count) {
  for (int round = 0; round < rounds_max; round++) {
    news = 0;
    for (int i = 0; i < count; i++) beat_consumer(&members[from + i], now_ns());
    wait_for_all(beaten_consumer);
    int owned = 0, groups = 0, apart = 0;
    for (int i = 0; i < count; i++) {
      struct connection *c = &members[from + i];
      owned += c->owned_count;
      if (i == 0 || strcmp(c->group, c[-1].group) != 0) groups++;
      else if (c->epoch != c[-1].epoch) apart++;
    }
    if (!news && apart == 0 && owned == groups * s.partitions) return;
    usleep(round_ms * 1000);
  }
  fail("the group does not settle");
}

/* The classic protocol. Each member does as a client would: joins, syncs, and sends heartbeats until it is told to join again. */

static uint8_t *put_subscription(uint8_t *at) {
  uint8_t *start = at;
  at = put(at + 4, 0, 2);
  at = put(at, 1, 4);
  at = put_string(at, s.topic);
  at = put(at, UINT64_MAX, 4);
  put(start, (uint64_t)(at - start - 4), 4);
  return at;
}

static void join(struct connection *c) {
  c->is_settled = 0;
  c->next_api = join_group;
  uint8_t *at = begin_request(c, join_group, 3, 0, 512 + strlen(s.topic));
  at = put_string(at, c->group);
  at = put(at, 300000, 4);
  at = put(at, 300000, 4);
  at = put_string(at, c->id);
  at = put_string(at, "consumer");
  at = put(at, 1, 4);
  at = put_string(at, "range");
  at = put_subscription(at);
  end_request(c, at, now_ns());
}

static uint8_t *put_generation(uint8_t *at, const struct connection *c) {
  at = put_string(at, c->group);
  at = put(at, (uint64_t)c->epoch, 4);
  return put_string(at, c->id);
}

static void beat_classic(struct connection *c, uint64_t due) {
  c->next_api = heartbeat;
  end_request(c, put_generation(begin_request(c, heartbeat, 2, 0, 256), c), due);
}

/* The leader's, with the division; `at` are the members that it was told of. */
static void sync_all(struct connection *c, const uint8_t *at, int count) {
  size_t each = 160 + strlen(s.topic) + ((size_t)s.partitions / (size_t)count + 1) * 4;
  uint8_t *to = put_generation(begin_request(c, sync_group, 2, 0, 256 + (size_t)count * each), c);
  to = put(to, (uint64_t)count, 4);
  for (int i = 0; i < count; i++) {
    char id[96];
    take_string(&at, id, sizeof id);
    at += 4 + get(at, 4);
    to = put_string(to, id);
    uint8_t *start = to;
    int first = i * s.partitions / count, next = (i + 1) * s.partitions / count;
    to = put(to + 4, 0, 2);
    to = put(to, 1, 4);
    to = put_string(to, s.topic);
    to = put(to, (uint64_t)(next - first), 4);
    for (int partition = first; partition < next; partition++) to = put(to, (uint64_t)partition, 4);
    to = put(to, UINT64_MAX, 4);
    put(start, (uint64_t)(to - start - 4), 4);
  }
  end_request(c, to, now_ns());
}

/* Of the group that is whole: all its members are in it. Others know nothing of that and find out. */
static void joined(struct connection *c, const uint8_t *at) {
  char leader[96], protocol[32];
  take(&at, 4);
  refuse("joining", (int16_t)take(&at, 2));
  c->epoch = (int)take(&at, 4);
  take_string(&at, protocol, sizeof protocol);
  take_string(&at, leader, sizeof leader);
  take_string(&at, c->id, sizeof c->id);
  int count = (int)take(&at, 4);
  c->next_api = sync_group;
  if (strcmp(leader, c->id) == 0) {
    sync_all(c, at, count);
    c->owned_count = count;
  } else {
    c->owned_count = 0;
    uint8_t *to = put_generation(begin_request(c, sync_group, 2, 0, 256), c);
    end_request(c, put(to, 0, 4), now_ns());
  }
}

static void stepped_classic(struct connection *c, const uint8_t *at, const uint8_t *end) {
  (void)end;
  if (c->next_api == join_group) {
    joined(c, at);
    return;
  }
  int error = (int16_t)get(at + 4, 2);
  if (error == rebalance_in_progress) {
    join(c);
    return;
  }
  refuse(c->next_api == heartbeat ? "a heartbeat" : "syncing", error);
  if (c->next_api == sync_group) c->is_settled = 1;
}

/* Whether every group has one generation with all its members. */
static int all_settled(void) {
  for (int i = 0; i < member_count; i += s.members) {
    int most = 0;
    for (int m = 0; m < s.members; m++) {
      const struct connection *c = &members[i + m];
      if (!c->is_settled || c->epoch != members[i].epoch) return 0;
      if (c->owned_count > most) most = c->owned_count;
    }
    if (most != s.members) return 0;
  }
  return 1;
}

/* Goes on until all is settled. Who is already asks now and then whether it has to join again. */
static void settle_classic(void) {
  /* Seldom enough that those who ask do not hold up those who join. */
  int beat_ms = member_count / 5 < 20 ? 20 : member_count / 5;
  for (uint64_t next = 0; !all_settled(); turn(stepped_classic, 20)) {
    if (now_ns() < next) continue;
    next = now_ns() + (uint64_t)beat_ms * 1000000u;
    for (int i = 0; i < member_count; i++)
      if (members[i].is_settled && members[i].waiting == 0) beat_classic(&members[i], now_ns());
  }
  wait_for_all(stepped_classic);
}

/* What is measured of members. */

static void join_all(int count) {
  if (s.consumer) {
    settle_consumers(0, count);
    return;
  }
  for (int i = 0; i < count; i++) join(&members[i]);
  settle_classic();
}

static void run_beats(void) {
  dial_members();
  if (!s.bare) join_all(member_count);
  ready();
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event timer_event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &timer_event);
  uint64_t begin = now_ns(), sent = 0, end = begin + (uint64_t)(s.seconds * 1e9);
  for (uint64_t now = begin; now < end; now = now_ns()) {
    uint64_t due;
    while ((due = begin + sent * (uint64_t)s.interval * 1000000u / (uint64_t)member_count) <= now) {
      /* Members of one group are not neighbours in time. */
      struct connection *c = &members[(sent * (uint64_t)s.members + sent / (uint64_t)s.groups) % (uint64_t)member_count];
      if (c->waiting > 1) fail("a heartbeat has no answer when the next is due");
      if (s.consumer) beat_consumer(c, due);
      else beat_classic(c, due);
      sent++;
    }
    set_timer(timer, due);
    turn(s.consumer ? beaten_consumer : stepped_classic, 100);
  }
}

static void run_form(void) {
  dial_members();
  ready();
  join_all(member_count);
}

static void run_rebalance(void) {
  dial_members();
  if (s.consumer) {
    join_all(member_count - 1);
    ready();
    settle_consumers(0, member_count);
    return;
  }
  join_all(member_count);
  ready();
  for (int i = 0; i < member_count; i++)
    if (members[i].owned_count > 0) join(&members[i]);
  settle_classic();
}

int main(int argc, char **argv) {
  parse(argc, argv);
  epoll = epoll_create1(0);
  struct { const char *mode; void (*run)(void); } modes[] = {
      {"commit", run_commits}, {"fill", run_fill}, {"beat", run_beats}, {"form", run_form}, {"rebalance", run_rebalance},
  };
  for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
    if (!is_mode(modes[m].mode)) continue;
    modes[m].run();
    sort_latencies();
    printf("{\"requests\":%llu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,\"cpuSeconds\":%.6f}\n", (unsigned long long)answered,
           (double)(now_ns() - ready_ns) / 1e9, quantile_us(0.5), quantile_us(0.99), quantile_us(1), cpu_seconds() - ready_cpu);
    return 0;
  }
  fail("unknown mode %s", s.mode);
}
