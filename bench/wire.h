/* What the load generators share: big-endian numbers, clocks, sockets, latencies. Included once by each program. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Big-endian numbers, as everywhere in the protocol. */

static inline uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

static inline uint64_t get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

static inline uint8_t *put_string(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  at = put(at, length, 2);
  memcpy(at, text, length);
  return at + length;
}

/* Sockets. */

/* Splits HOST:PORT in place; gives the port. */
static inline const char *split_address(char *address) {
  char *colon = strrchr(address, ':');
  if (colon == NULL) fail("%s is not HOST:PORT", address);
  *colon = 0;
  return colon + 1;
}

static inline int open_socket(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
  if (getaddrinfo(host, port, &hints, &addresses) != 0) fail("cannot resolve %s", host);
  int opened = socket(addresses->ai_family, SOCK_STREAM, 0);
  if (connect(opened, addresses->ai_addr, addresses->ai_addrlen) != 0) fail("cannot connect to %s:%s: %s", host, port, strerror(errno));
  freeaddrinfo(addresses);
  int on = 1;
  setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) | O_NONBLOCK);
  return opened;
}

static inline void set_timer(int timer, uint64_t at_ns) {
  struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Latencies. */

struct samples {
  uint64_t *ns;
  size_t count, capacity;
};

static inline void record(struct samples *samples, uint64_t ns) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity == 0 ? 1 << 16 : samples->capacity * 2;
    samples->ns = realloc(samples->ns, samples->capacity * sizeof *samples->ns);
  }
  samples->ns[samples->count++] = ns;
}

static inline int compare_ns(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static inline void sort_samples(struct samples *samples) {
  if (samples->count > 0) qsort(samples->ns, samples->count, sizeof *samples->ns, compare_ns);
}

/* Of sorted samples, in microseconds. */
static inline double quantile_of(const struct samples *samples, double q) {
  if (samples->count == 0) return 0;
  return (double)samples->ns[(size_t)(q * (double)(samples->count - 1))] / 1000.0;
}

static struct samples latencies;

static inline void record_latency(uint64_t ns) { record(&latencies, ns); }
static inline void sort_latencies(void) { sort_samples(&latencies); }
static inline double quantile_us(double q) { return quantile_of(&latencies, q); }

#endif
