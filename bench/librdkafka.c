/*
 * librdkafka as a program would use it, with its default settings, and how fast it was.
 *
 *   librdkafka produce HOST:PORT TOPIC RECORDS BYTES   sends so many records without keys and waits for all
 *   librdkafka consume HOST:PORT TOPIC                 reads all partitions from their starts to where they ended when it began
 *
 * Prints one JSON object: records, bytes of their values, seconds.
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { time_limit_ms = 60000 };

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void report(long records, long long bytes, double seconds) {
  printf("{\"records\":%ld,\"bytes\":%lld,\"seconds\":%.6f}\n", records, bytes, seconds);
}

static rd_kafka_conf_t *configured(const char *address) {
  char error[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  if (rd_kafka_conf_set(conf, "bootstrap.servers", address, error, sizeof error) != RD_KAFKA_CONF_OK) fail("settings", error);
  return conf;
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  if (client == NULL) fail("client", error);
  return client;
}

static long delivered;

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
  (void)producer, (void)opaque;
  if (message->err) fail("delivery", rd_kafka_err2str(message->err));
  delivered++;
}

static void produce(const char *address, const char *topic, long records, size_t bytes) {
  rd_kafka_conf_t *conf = configured(address);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
  char *value = malloc(bytes);
  if (value == NULL) fail("value", "out of memory");
  for (size_t i = 0; i < bytes; i++) value[i] = (char)('a' + i * 7 % 26);
  double began = now_seconds();
  for (long sent = 0; sent < records;) {
    rd_kafka_resp_err_t error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(value, bytes),
                                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) sent++;
    else if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce", rd_kafka_err2str(error));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || sent % 1000 == 0) rd_kafka_poll(producer, error != RD_KAFKA_RESP_ERR_NO_ERROR ? 10 : 0);
  }
  rd_kafka_resp_err_t error = rd_kafka_flush(producer, time_limit_ms);
  double seconds = now_seconds() - began;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail("flush", rd_kafka_err2str(error));
  if (delivered != records) fail("delivery", "not every record was reported");
  report(records, (long long)records * (long long)bytes, seconds);
  rd_kafka_destroy(producer);
  free(value);
}

static int partition_count(rd_kafka_t *consumer, const char *topic) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
  rd_kafka_resp_err_t error = rd_kafka_metadata(consumer, 0, handle, &metadata, time_limit_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail("metadata", rd_kafka_err2str(error));
  int count = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return count;
}

static void consume(const char *address, const char *topic) {
  rd_kafka_conf_t *conf = configured(address);
  char error_text[512];
  /* It wants to be told of one, though none is joined. */
  if (rd_kafka_conf_set(conf, "group.id", "bench", error_text, sizeof error_text) != RD_KAFKA_CONF_OK) fail("settings", error_text);
  if (rd_kafka_conf_set(conf, "enable.auto.commit", "false", error_text, sizeof error_text) != RD_KAFKA_CONF_OK) fail("settings", error_text);
  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(consumer);
  int partitions = partition_count(consumer, topic);
  rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(partitions);
  int64_t expected = 0;
  for (int i = 0; i < partitions; i++) {
    int64_t low, high;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(consumer, topic, i, &low, &high, time_limit_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail("offsets", rd_kafka_err2str(error));
    expected += high - low;
    rd_kafka_topic_partition_list_add(assigned, topic, i)->offset = low;
  }
  double began = now_seconds();
  rd_kafka_assign(consumer, assigned);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  long records = 0;
  long long bytes = 0;
  while (records < expected) {
    rd_kafka_message_t *messages[1000];
    ssize_t count = rd_kafka_consume_batch_queue(queue, time_limit_ms, messages, 1000);
    if (count <= 0) fail("consume", "nothing arrived");
    for (ssize_t i = 0; i < count; i++) {
      if (messages[i]->err) fail("consume", rd_kafka_message_errstr(messages[i]));
      records++;
      bytes += (long long)messages[i]->len;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  report(records, bytes, now_seconds() - began);
  rd_kafka_topic_partition_list_destroy(assigned);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
}

int main(int count, char **arguments) {
  if (count == 6 && strcmp(arguments[1], "produce") == 0) produce(arguments[2], arguments[3], atol(arguments[4]), (size_t)atol(arguments[5]));
  else if (count == 4 && strcmp(arguments[1], "consume") == 0) consume(arguments[2], arguments[3]);
  else fail("usage", "librdkafka produce HOST:PORT TOPIC RECORDS BYTES, or consume HOST:PORT TOPIC");
  return 0;
}
