"""A member of a group on librdkafka: reads, says what it read, then commits. It ends in good order when its standard input ends."""

import sys
import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from group_events import arguments, generation_of, member_settings, names, read, say

args = arguments()
stopping = threading.Event()
uncommitted = {}


def owns(consumer, _):
    generation, member = generation_of(consumer)
    say("owns", generation, member, names(consumer.assignment()))


def on_assign(consumer, partitions):
    # The callback takes the place of the default, so it has to assign.
    if cooperative:
        consumer.incremental_assign(partitions)
    else:
        consumer.assign(partitions)
    owns(consumer, partitions)


def on_revoke(consumer, partitions):
    commit(consumer)
    give_up("gives", consumer, partitions)


def on_lost(consumer, partitions):
    give_up("loses", consumer, partitions)


def give_up(word, consumer, partitions):
    for partition in partitions:
        uncommitted.pop((partition.topic, partition.partition), None)
    if partitions:
        say(word, names(partitions))
    if cooperative:
        consumer.incremental_unassign(partitions)
    else:
        consumer.unassign()


def commit(consumer):
    if not uncommitted:
        return
    offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in uncommitted.items()]
    say("commits")
    try:
        for done in consumer.commit(offsets=offsets, asynchronous=False):
            if done.error is not None:
                raise KafkaException(done.error)
            say("committed", f"{done.topic}-{done.partition}", done.offset)
        uncommitted.clear()
    except KafkaException as error:
        # The member joins again first; what it still owns then is committed with what comes next.
        say("refused", error.args[0].name())


def stop_at_end_of_input():
    while sys.stdin.buffer.read(1):
        pass
    stopping.set()


settings = member_settings(args)
cooperative = args["protocol"] == "consumer" or args["assignor"] == "cooperative-sticky"
consumer = Consumer(settings)
topics = [args["pattern"]] if "pattern" in args else args["topic"].split(",")
consumer.subscribe(topics, on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)
threading.Thread(target=stop_at_end_of_input, daemon=True).start()
say("ready")
while not stopping.is_set():
    # A few at a time, and one after the other: each poll may run the callbacks.
    waits = 0.1
    for _ in range(200):
        message = consumer.poll(waits)
        if message is None:
            break
        waits = 0
        if message.error() is not None:
            say("error", message.error().name())
            continue
        read(f"{message.topic()}-{message.partition()}", message.offset(), message.value().decode())
        uncommitted[message.topic(), message.partition()] = message.offset() + 1
    commit(consumer)
consumer.close()
say("bye")
