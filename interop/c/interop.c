/*
 * The system's librdkafka (Debian's, some years old) from C: what kcat and many bindings are built on.
 *
 * Each test returns NULL or why it failed; a reason lives in a static buffer, because there is one at a time.
 */
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static const char *codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
enum { codec_count = 5, limit_ms = 15000 };

static const char *address;
static const char *prefix;
static struct vectors vectors;
static rd_kafka_t *admin;
static int passed, failed;

static const char *because(const char *format, ...) {
    static char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

static void result(const char *name, const char *detail, const char *why) {
    if (why == NULL) passed++;
    else failed++;
    printf("%s %s%s%s%s\n", why ? "not ok" : "ok", name, detail, why ? ": " : "", why ? why : "");
}

static const char *topic_named(const char *suffix) {
    static char names[8][300];
    static int next;
    char *name = names[next++ % 8];
    snprintf(name, sizeof names[0], "%s-%s", prefix, suffix);
    return name;
}

/* Settings come as name, value, name, value, NULL. */
static rd_kafka_t *client(rd_kafka_type_t type, ...) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", address, error, sizeof error);
    rd_kafka_conf_set(conf, "log_level", "0", error, sizeof error);
    va_list settings;
    va_start(settings, type);
    for (const char *name; (name = va_arg(settings, const char *)) != NULL;) {
        if (rd_kafka_conf_set(conf, name, va_arg(settings, const char *), error, sizeof error) != RD_KAFKA_CONF_OK) {
            fprintf(stderr, "%s\n", error);
            exit(2);
        }
    }
    va_end(settings);
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    rd_kafka_t *made = rd_kafka_new(type, conf, error, sizeof error);
    if (made == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    return made;
}

/* The group's name is required and never used: nothing subscribes or commits. */
static rd_kafka_t *consumer(const char *name, const char *value) {
    return client(RD_KAFKA_CONSUMER, "group.id", "none", "enable.auto.commit", "false", "auto.offset.reset", "error",
                  "fetch.wait.max.ms", "100", "check.crcs", "true", name, value, NULL);
}

/* Runs an admin request of one topic; returns the code of that topic. */
static rd_kafka_resp_err_t create(const char *topic, int partitions, const char *key, const char *value) {
    char error[512];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, error, sizeof error);
    if (wanted == NULL) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    if (key != NULL) rd_kafka_NewTopic_set_config(wanted, key, value);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_CreateTopics(admin, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, limit_ms);
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_topic_result_t **topics =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        code = rd_kafka_topic_result_error(topics[0]);
    }
    if (event != NULL) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    return code;
}

static rd_kafka_resp_err_t delete(const char *topic) {
    rd_kafka_DeleteTopic_t *unwanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_DeleteTopics(admin, &unwanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, limit_ms);
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_topic_result_t **topics =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        code = rd_kafka_topic_result_error(topics[0]);
    }
    if (event != NULL) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(unwanted);
    return code;
}

static const char *expect_code(const char *what, rd_kafka_resp_err_t expected, rd_kafka_resp_err_t code) {
    if (expected == code) return NULL;
    return because("%s: expected %s, came %s", what, rd_kafka_err2name(expected), rd_kafka_err2name(code));
}

/* What the delivery reports of one producer said. Offsets count up from the first report when they are checked. */
struct delivery {
    bool any_offset;
    int64_t next_offset;
    size_t reported;
    rd_kafka_resp_err_t error;
};

static void wait_for_reports(rd_kafka_t *made, struct delivery *delivery, size_t count) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(made);
    while (delivery->reported < count) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, limit_ms);
        if (event == NULL) break;
        const rd_kafka_message_t *message;
        while ((message = rd_kafka_event_message_next(event)) != NULL) {
            delivery->reported++;
            if (message->err) delivery->error = message->err;
            else if (!delivery->any_offset && message->offset != delivery->next_offset++) delivery->error = RD_KAFKA_RESP_ERR_UNKNOWN;
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
}

static rd_kafka_t *producer(const char *codec, const char *idempotence) {
    return client(RD_KAFKA_PRODUCER, "compression.type", codec, "enable.idempotence", idempotence, "linger.ms", "20",
                  "message.max.bytes", "10000000", "batch.size", "1000000", NULL);
}

static rd_kafka_resp_err_t send_vector(rd_kafka_t *made, const char *topic, int partition, const struct vector *vector) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(vector->header_count);
    for (size_t i = 0; i < vector->header_count; i++) {
        const struct header *header = &vector->headers[i];
        rd_kafka_header_add(headers, header->name, -1, header->value.data, (ssize_t)header->value.size);
    }
    rd_kafka_resp_err_t code = rd_kafka_producev(
        made, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_TIMESTAMP(vector->timestamp_ms),
        RD_KAFKA_V_KEY(vector->key.data, vector->key.size), RD_KAFKA_V_VALUE(vector->value.data, vector->value.size),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
    return code;
}

static const char *produce(const char *topic, int partition) {
    rd_kafka_t *made = producer(codecs[partition], partition == 1 ? "false" : "true");
    struct delivery delivery = {false, 0, 0, RD_KAFKA_RESP_ERR_NO_ERROR};
    for (size_t i = 0; i < vectors.count && delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        delivery.error = send_vector(made, topic, partition, &vectors.all[i]);
    }
    wait_for_reports(made, &delivery, vectors.count);
    rd_kafka_destroy(made);
    if (delivery.error) return because("a delivery failed: %s", rd_kafka_err2name(delivery.error));
    if (delivery.reported != vectors.count) return because("%zu of %zu deliveries", delivery.reported, vectors.count);
    return NULL;
}

static rd_kafka_resp_err_t send_one(const char *topic, const char *codec, const void *value, size_t size) {
    rd_kafka_t *made = producer(codec, "false");
    struct delivery delivery = {true, 0, 0, RD_KAFKA_RESP_ERR_NO_ERROR};
    rd_kafka_resp_err_t code = rd_kafka_producev(made, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                                 RD_KAFKA_V_VALUE((void *)value, size),
                                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    wait_for_reports(made, &delivery, 1);
    rd_kafka_destroy(made);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && delivery.reported == 0) code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? delivery.error : code;
}

static const char *compare_bytes(const char *name, const char *what, struct bytes want, const void *got, size_t size) {
    bool same_kind = (want.data == NULL) == (got == NULL);
    if (same_kind && want.size == size && (size == 0 || memcmp(want.data, got, size) == 0)) return NULL;
    return because("%s %s: expected %s of %zu bytes, came %s of %zu bytes%s", name, what, want.data ? "data" : "null",
                   want.size, got ? "data" : "null", size, same_kind && want.size == size ? ", other content" : "");
}

static const char *compare_headers(const struct vector *vector, rd_kafka_message_t *message) {
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_message_headers(message, &headers);
    size_t count = headers == NULL ? 0 : rd_kafka_header_cnt(headers);
    if (count != vector->header_count) {
        return because("%s: expected %zu headers, came %zu", vector->name, vector->header_count, count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name;
        const void *value;
        size_t size;
        rd_kafka_header_get_all(headers, i, &name, &value, &size);
        if (strcmp(name, vector->headers[i].name) != 0) {
            return because("%s: expected header %s, came %s", vector->name, vector->headers[i].name, name);
        }
        const char *why = compare_bytes(vector->name, name, vector->headers[i].value, value, size);
        if (why != NULL) return why;
    }
    return NULL;
}

static const char *compare(size_t at, rd_kafka_message_t *message) {
    const struct vector *vector = &vectors.all[at];
    if (message->offset != (int64_t)at) return because("expected offset %zu, came %ld", at, (long)message->offset);
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    if (timestamp_ms != vector->timestamp_ms || type != RD_KAFKA_TIMESTAMP_CREATE_TIME) {
        return because("%s: expected timestamp %ld, came %ld", vector->name, (long)vector->timestamp_ms, (long)timestamp_ms);
    }
    const char *why = compare_bytes(vector->name, "key", vector->key, message->key, message->key_len);
    if (why == NULL) why = compare_bytes(vector->name, "value", vector->value, message->payload, message->len);
    return why != NULL ? why : compare_headers(vector, message);
}

static void assign(rd_kafka_t *made, const char *topic, int partition, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_assign(made, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Reads from an offset to the last vector and compares every byte; `name` and `value` are one more setting. */
static const char *compare_with(const char *topic, int partition, int64_t offset, size_t first, const char *name, const char *value) {
    rd_kafka_t *made = consumer(name, value);
    const char *why = NULL;
    assign(made, topic, partition, offset);
    for (size_t at = first; at < vectors.count && why == NULL; at++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(made, limit_ms);
        if (message == NULL) {
            why = because("at offset %zu: nothing came for %d s", at, limit_ms / 1000);
            break;
        }
        why = message->err ? because("at offset %zu: %s", at, rd_kafka_err2name(message->err)) : compare(at, message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(made);
    return why;
}

static const char *compare_from(const char *topic, int partition, int64_t offset, size_t first) {
    return compare_with(topic, partition, offset, first, NULL, NULL);
}

static const char *create_topic(const char *topic) {
    const char *why = expect_code("create", RD_KAFKA_RESP_ERR_NO_ERROR, create(topic, codec_count, NULL, NULL));
    if (why != NULL) return why;
    return expect_code("creating it again", RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, create(topic, 1, NULL, NULL));
}

static const char *from_timestamp(const char *topic) {
    size_t first = 0, pivot = 0;
    while (strcmp(vectors.all[pivot].name, "small-100") != 0) pivot++;
    int64_t between_ms = vectors.all[pivot].timestamp_ms - 1;
    while (vectors.all[first].timestamp_ms < between_ms) first++;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(codec_count);
    for (int i = 0; i < codec_count; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = between_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(admin, list, limit_ms);
    const char *why = expect_code("offsets for times", RD_KAFKA_RESP_ERR_NO_ERROR, code);
    for (int i = 0; i < codec_count && why == NULL; i++) {
        if (list->elems[i].offset != (int64_t)first) {
            why = because("offset in %s: expected %zu, came %ld", codecs[i], first, (long)list->elems[i].offset);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return why != NULL ? why : compare_from(topic, 4, (int64_t)first, first);
}

static const char *from_end(const char *topic) {
    int64_t low, high;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(admin, topic, 0, &low, &high, limit_ms);
    if (code || low != 0 || high != (int64_t)vectors.count) {
        return because("watermarks: expected 0 and %zu, came %ld and %ld, %s", vectors.count, (long)low, (long)high,
                       rd_kafka_err2name(code));
    }
    rd_kafka_t *made = consumer(NULL, NULL);
    assign(made, topic, 0, RD_KAFKA_OFFSET_END);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(made, 500);
    const char *why = message == NULL ? NULL : because("expected nothing at the end, came offset %ld", (long)message->offset);
    if (message != NULL) rd_kafka_message_destroy(message);
    if (why == NULL) why = expect_code("send", RD_KAFKA_RESP_ERR_NO_ERROR, send_one(topic, "none", "fresh", 5));
    message = rd_kafka_consumer_poll(made, limit_ms);
    if (why == NULL && (message == NULL || message->len != 5 || message->offset != (int64_t)vectors.count)) {
        why = because("expected \"fresh\" at offset %zu, came something else", vectors.count);
    }
    if (message != NULL) rd_kafka_message_destroy(message);
    rd_kafka_destroy(made);
    return why;
}

static const char *many_records(const char *topic) {
    enum { count = 30000 };
    const char *why = expect_code("create", RD_KAFKA_RESP_ERR_NO_ERROR, create(topic, 1, NULL, NULL));
    if (why != NULL) return why;
    rd_kafka_t *made = producer("none", "true");
    struct delivery delivery = {false, 0, 0, RD_KAFKA_RESP_ERR_NO_ERROR};
    for (int i = 0; i < count; i++) {
        char value[128];
        int size = snprintf(value, sizeof value, "%08d %90d", i, i);
        rd_kafka_producev(made, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, (size_t)size),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    }
    wait_for_reports(made, &delivery, count);
    rd_kafka_destroy(made);
    why = expect_code("deliveries", RD_KAFKA_RESP_ERR_NO_ERROR, delivery.error);
    rd_kafka_t *reader = consumer("fetch.message.max.bytes", "65536");
    assign(reader, topic, 0, RD_KAFKA_OFFSET_BEGINNING);
    for (int i = 0; i < count && why == NULL; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, limit_ms);
        if (message == NULL || message->err || message->offset != i || atoi(message->payload) != i) {
            why = because("expected record %d at its offset, came something else", i);
        }
        if (message != NULL) rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(reader);
    return why;
}

static const char *too_large(const char *topic) {
    const char *why = expect_code("create", RD_KAFKA_RESP_ERR_NO_ERROR, create(topic, 1, NULL, NULL));
    if (why != NULL) return why;
    void *value = calloc(1, 2 << 20);
    why = expect_code("2 MB", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, send_one(topic, "none", value, 2 << 20));
    if (why == NULL) why = expect_code("2 MB of zeros in gzip", RD_KAFKA_RESP_ERR_NO_ERROR, send_one(topic, "gzip", value, 2 << 20));
    free(value);
    return why;
}

static const char *unknown_topic(const char *topic) {
    const char *why = expect_code("delete", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, delete(topic));
    if (why != NULL) return why;
    rd_kafka_t *made = consumer("allow.auto.create.topics", "false");
    rd_kafka_topic_t *handle = rd_kafka_topic_new(made, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(made, 0, handle, &metadata, limit_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = metadata->topics[0].err;
    if (metadata != NULL) rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(made);
    return expect_code("metadata", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, code);
}

static const char *bad_config(const char *topic) {
    rd_kafka_resp_err_t code = create(topic, 1, "retention.ms", "banana");
    const char *why = expect_code("a word for a number", RD_KAFKA_RESP_ERR_INVALID_CONFIG, code);
    if (why != NULL) return why;
    code = create(topic, 1, "retention.moons", "1");
    return expect_code("an unknown key", RD_KAFKA_RESP_ERR_INVALID_CONFIG, code);
}

static const char *out_of_range(const char *topic) {
    rd_kafka_t *made = consumer(NULL, NULL);
    assign(made, topic, 0, 1000);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(made, limit_ms);
    rd_kafka_resp_err_t code = message == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : message->err;
    if (message != NULL) rd_kafka_message_destroy(message);
    rd_kafka_destroy(made);
    return expect_code("offset 1000", RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, code);
}

static const char *delete_topic(const char *topic) {
    return expect_code("delete", RD_KAFKA_RESP_ERR_NO_ERROR, delete(topic));
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    address = arguments[1];
    vectors = read_vectors(arguments[2]);
    prefix = arguments[3];
    admin = client(RD_KAFKA_PRODUCER, NULL);
    const char *topic = strdup(topic_named("vectors"));
    result("create topic", "", create_topic(topic));
    for (int partition = 0; partition < codec_count; partition++) {
        result("produce ", codecs[partition], produce(topic, partition));
        printf("wrote %s %d %s -\n", topic, partition, codecs[partition]);
        result("consume ", codecs[partition], compare_from(topic, partition, RD_KAFKA_OFFSET_BEGINNING, 0));
    }
    result("from the middle", "", compare_from(topic, 4, 57, 57));
    result("a batch larger than the fetch may be", "", compare_with(topic, 0, 0, 0, "fetch.message.max.bytes", "1000"));
    result("from a timestamp", "", from_timestamp(topic));
    result("from the end", "", from_end(topic));
    result("many records, many batches", "", many_records(topic_named("many")));
    result("too large", "", too_large(topic_named("too-large")));
    result("unknown topic", "", unknown_topic(topic_named("nowhere")));
    result("bad config", "", bad_config(topic_named("bad")));
    result("an offset out of range", "", out_of_range(topic_named("too-large")));
    result("delete topic", "", delete_topic(topic_named("too-large")));
    rd_kafka_destroy(admin);
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed > 0;
}
