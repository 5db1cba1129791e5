/*
 * Load for the kill test from librdkafka: an idempotent producer that writes numbered values and notes each
 * acknowledgement as `partition offset number`. At the end of its standard input it flushes and ends; a value that fails
 * for good ends it with an error. Its arguments: address, topic, file of notes, most requests in flight.
 */
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { partitions = 6, in_flight_limit = 500, value_bytes = 300, flush_limit_ms = 120000 };

static FILE *acknowledged;
static long acknowledged_count;
static rd_kafka_resp_err_t failure;

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer;
    (void)opaque;
    if (message->err) {
        failure = message->err;
        return;
    }
    fprintf(acknowledged, "%d %ld %ld\n", message->partition, (long)message->offset, (long)(intptr_t)message->_private);
    if (++acknowledged_count % 50 == 0) fflush(acknowledged);
}

static bool input_ended(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static rd_kafka_t *producer_for(const char *address, const char *in_flight) {
    const char *settings[][2] = {
        {"bootstrap.servers", address},      {"enable.idempotence", "true"},  {"linger.ms", "2"},
        {"message.timeout.ms", "180000"},    {"socket.timeout.ms", "5000"},   {"reconnect.backoff.max.ms", "100"},
        {"retry.backoff.ms", "20"},          {"log_level", "0"},           {"max.in.flight", in_flight},
    };
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error) != RD_KAFKA_CONF_OK) {
            fprintf(stderr, "%s\n", error);
            exit(2);
        }
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    const char *topic = arguments[2];
    acknowledged = fopen(arguments[3], "w");
    rd_kafka_t *producer = producer_for(arguments[1], arguments[4]);
    printf("ready\n");
    fflush(stdout);
    char value[value_bytes];
    memset(value, 'x', sizeof value);
    for (long number = 0; failure == RD_KAFKA_RESP_ERR_NO_ERROR && !input_ended();) {
        for (int i = 0; i < 20 && rd_kafka_outq_len(producer) < in_flight_limit; i++, number++) {
            int length = snprintf(value, sizeof value, "librdkafka-%ld ", number);
            value[length] = 'x';
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int)(number % partitions)),
                              RD_KAFKA_V_VALUE(value, sizeof value), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_OPAQUE((void *)(intptr_t)number), RD_KAFKA_V_END);
        }
        /* About two thousand values a second. */
        rd_kafka_poll(producer, 10);
        usleep(8000);
    }
    rd_kafka_flush(producer, flush_limit_ms);
    fclose(acknowledged);
    printf("%ld acknowledged\n", acknowledged_count);
    if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char why[512];
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer, why, sizeof why);
        printf("failed: %s %s\n", rd_kafka_err2name(failure), fatal ? why : "");
        return 1;
    }
    return 0;
}
