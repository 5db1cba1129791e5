"""
Consumes in a group with librdkafka, changes what it read, produces it to the same partition of another topic and commits the offsets, all in one transaction.
It may be killed at any time; the group as a whole must write everything exactly once.
"""

import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from group_events import arguments, generation_of, member_settings, names, say

# What a question comes to while the broker is down, or starting again, which may take longer than librdkafka waits.
UNANSWERED = {KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
# So slow that a kill falls into a transaction more often than not.
PAUSE_SECONDS = 0.02
BATCH = 200

args = arguments()
stopping = threading.Event()
batch = []
cooperative = args["protocol"] == "consumer" or args["assignor"] == "cooperative-sticky"


def on_assign(consumer, partitions):
    if cooperative:
        consumer.incremental_assign(partitions)
    else:
        consumer.assign(partitions)
    say("owns", *generation_of(consumer), names(consumer.assignment()))


def on_revoke(consumer, partitions):
    give_up("gives", consumer, partitions)


def on_lost(consumer, partitions):
    give_up("loses", consumer, partitions)


def give_up(word, consumer, partitions):
    """What was polled of these and is in no transaction yet belongs to somebody else now."""
    gone = {(one.topic, one.partition) for one in partitions}
    batch[:] = [one for one in batch if (one.topic(), one.partition()) not in gone]
    say(word, names(partitions))
    if cooperative:
        consumer.incremental_unassign(partitions)
    else:
        consumer.unassign()


def poll_batch(consumer):
    waits = 0.1
    while len(batch) < BATCH:
        message = consumer.poll(waits)
        if message is None:
            return
        waits = 0
        if message.error() is not None:
            say("refused", message.error().name())
        else:
            batch.append(message)


def copy(consumer, producer):
    producer.begin_transaction()
    try:
        offsets = {}
        for message in batch:
            producer.produce(args["output"], message.value() + b"-copied", partition=message.partition())
            offsets[message.topic(), message.partition()] = message.offset() + 1
        producer.flush()
        time.sleep(PAUSE_SECONDS)
        wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        patiently(lambda: producer.send_offsets_to_transaction(wanted, consumer.consumer_group_metadata()))
        patiently(producer.commit_transaction)
        say("copied", len(batch))
    except KafkaException as error:
        why = error.args[0]
        if not why.txn_requires_abort():
            raise
        say("refused", why.name())
        patiently(producer.abort_transaction)
        rewind(consumer)


def patiently(operation, unless_answered=frozenset()):
    """Some errors only say that it has to be called once more."""
    while True:
        try:
            return operation()
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() not in unless_answered:
                raise
            say("refused", error.args[0].name())


def rewind(consumer):
    """Back to what has been committed: the transaction took nothing along."""
    for partition in patiently(lambda: consumer.committed(consumer.assignment(), timeout=10), UNANSWERED):
        if partition.offset < 0:
            partition.offset = OFFSET_BEGINNING
        consumer.seek(partition)


def stop_at_end_of_input():
    while sys.stdin.buffer.read(1):
        pass
    stopping.set()


consumer = Consumer(member_settings(args))
producer = Producer({
    "bootstrap.servers": args["bootstrap"],
    "transactional.id": args["transactionalId"],
    "transaction.timeout.ms": int(args["transactionMs"]),
    "reconnect.backoff.max.ms": 200,
    # When all brokers are gone, librdkafka 2.16 forgets them and begins anew; a request of a transaction that waits for its coordinator is then never sent again.
    "metadata.recovery.strategy": "none",
    "log_level": 0,
})
threading.Thread(target=stop_at_end_of_input, daemon=True).start()
try:
    patiently(producer.init_transactions)
    consumer.subscribe([args["topic"]], on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)
    say("ready")
    while not stopping.is_set():
        poll_batch(consumer)
        if batch:
            copy(consumer, producer)
            batch.clear()
except KafkaException as error:
    # Nothing but a new producer helps; the runner starts one, as a supervisor would.
    say("fatal" if error.args[0].fatal() else "error", error.args[0].name(), error.args[0].str())
    sys.exit(3)
consumer.close()
say("bye")
