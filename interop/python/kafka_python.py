"""kafka-python, pure Python."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from suite import CODECS, Run, equal, eventually

run = Run(lacks=["null-key-and-value", "null-header"])
admin = KafkaAdminClient(bootstrap_servers=run.address)
vectors_topic = f"{run.prefix}-vectors"


def producer(**settings):
    base = {
        "bootstrap_servers": run.address,
        "linger_ms": 20,
        "batch_size": 1_000_000,
        "max_request_size": 10_000_000,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
    }
    return KafkaProducer(**(base | settings))


def consumer(**settings):
    base = {
        "bootstrap_servers": run.address,
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "fetch_max_wait_ms": 100,
        "check_crcs": True,
        "metrics_enabled": False,
    }
    return KafkaConsumer(**(base | settings))


def create(topic, partitions, config=None):
    admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
    eventually("the topic to be seen", lambda: len(admin.describe_topics([topic])[0]["partitions"]) == partitions)


def fails(what, error_class, action):
    """The action must raise exactly this class of Kafka's errors."""
    try:
        action()
    except error_class:
        return
    except Exception as error:  # noqa: BLE001
        raise AssertionError(f"{what}: expected {error_class.__name__}, came {error!r}") from error
    raise AssertionError(f"{what}: expected {error_class.__name__}, came no error")


def produce(topic, partition):
    codec = None if partition == 0 else CODECS[partition]
    settings = {"acks": 1, "enable_idempotence": False} if partition == 1 else {"acks": "all"}
    made = producer(compression_type=codec, **settings)
    sent = [
        made.send(topic, vector.value, vector.key, vector.headers, partition, vector.timestamp_ms) for vector in run.vectors
    ]
    made.flush(15)
    equal("offsets", list(range(len(run.vectors))), [future.get(10).offset for future in sent])
    made.close(5)


def read(topic, partition, offset, count, **settings):
    made = consumer(**settings)
    try:
        assigned = TopicPartition(topic, partition)
        made.assign([assigned])
        if offset is None:
            made.seek_to_beginning(assigned)
        else:
            made.seek(assigned, offset)
        return take(made, count)
    finally:
        made.close()


def take(made, count):
    records = []
    while len(records) < count:
        batches = made.poll(5000)
        if not batches:
            raise AssertionError(f"expected {count} records, came {len(records)} and then nothing for 5 s")
        for batch in batches.values():
            records += batch
    equal("records", count, len(records))
    return records


def compare_from(topic, partition, offset, **settings):
    first = offset or 0
    for at, record in enumerate(read(topic, partition, offset, len(run.vectors) - first, **settings), first):
        equal("offset", at, record.offset)
        run.compare(at, record.timestamp, record.key, record.value, record.headers)


def create_topic():
    create(vectors_topic, len(CODECS))
    fails("creating it again", TopicAlreadyExistsError, lambda: create(vectors_topic, 1))
    equal("partitions", len(CODECS), len(admin.describe_topics([vectors_topic])[0]["partitions"]))


run.test("create topic", create_topic)
for number, codec in enumerate(CODECS):
    run.test(f"produce {codec}", lambda: produce(vectors_topic, number))
    run.wrote(vectors_topic, number)
    run.test(f"consume {codec}", lambda: compare_from(vectors_topic, number, None))
run.test("from the middle", lambda: compare_from(vectors_topic, 4, 57))
run.test(
    "a batch larger than the fetch may be",
    lambda: compare_from(vectors_topic, 0, None, max_partition_fetch_bytes=100, fetch_max_bytes=100),
)


def from_timestamp():
    made = consumer()
    first = run.first_at_or_after(run.between_ms())
    asked = {TopicPartition(vectors_topic, partition): run.between_ms() for partition in range(len(CODECS))}
    for partition, found in made.offsets_for_times(asked).items():
        equal(f"offset in {CODECS[partition.partition]}", first, found.offset)
        equal("timestamp", run.vectors[first].timestamp_ms, found.timestamp)
    newest = max(vector.timestamp_ms for vector in run.vectors)
    partition = TopicPartition(vectors_topic, 0)
    equal("after the newest", {partition: None}, made.offsets_for_times({partition: newest + 1}))
    made.close()
    compare_from(vectors_topic, 3, first)


def from_end():
    made = consumer()
    partition = TopicPartition(vectors_topic, 0)
    made.assign([partition])
    made.seek_to_end(partition)
    equal("position", len(run.vectors), made.position(partition))
    equal("nothing yet", {}, made.poll(50))
    sender = producer()
    sender.send(vectors_topic, b"fresh", partition=0).get(10)
    sender.close(5)
    record = take(made, 1)[0]
    equal("value and offset", (b"fresh", len(run.vectors)), (record.value, record.offset))
    made.close()


def many_records():
    topic, count = f"{run.prefix}-many", 5_000
    create(topic, 1)
    made = producer(batch_size=4000, linger_ms=1)
    for number in range(count):
        made.send(topic, f"{number:08d} {'x' * 100}".encode(), partition=0)
    made.flush(20)
    made.close(5)
    for number, record in enumerate(read(topic, 0, None, count)):
        equal("offset and number", (number, number), (record.offset, int(record.value[:8])))


run.test("from a timestamp", from_timestamp)
run.test("from the end", from_end)
run.test("many records, many batches", many_records)


def too_large():
    topic = f"{run.prefix}-too-large"
    create(topic, 1)
    made = producer()
    fails("2 MB", MessageSizeTooLargeError, lambda: made.send(topic, bytes(2 * 1024 * 1024), partition=0).get(15))
    made.close(5)


def unknown_topic():
    topic = f"{run.prefix}-nowhere"
    fails("delete", UnknownTopicOrPartitionError, lambda: admin.delete_topics([topic]))
    made = consumer()
    equal("partitions", 0, len(made.partitions_for_topic(topic) or ()))
    made.close()
    equal("created by asking", False, topic in admin.list_topics())


def bad_config():
    topic = f"{run.prefix}-bad"
    fails("a word for a number", InvalidConfigurationError, lambda: create(topic, 1, {"retention.ms": "banana"}))
    fails("an unknown key", InvalidConfigurationError, lambda: create(topic, 1, {"retention.moons": "1"}))
    fails("no partitions", InvalidPartitionsError, lambda: create(topic, 0))


def out_of_range():
    fails("offset 1000", OffsetOutOfRangeError, lambda: read(f"{run.prefix}-too-large", 0, 1000, 1))


run.test("too large", too_large)
run.test("unknown topic", unknown_topic)
run.test("bad config", bad_config)
run.test("an offset out of range", out_of_range)

admin_topic = f"{run.prefix}-admin"


def configs():
    create(admin_topic, 2, {"retention.ms": "3600000"})
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, admin_topic, {"segment.ms": "60000"})])

    def described():
        text = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, admin_topic)]))
        return "3600000" in text and "'60000'" in text

    eventually("both settings", described)


def delete_records():
    made = producer()
    for _ in range(5):
        made.send(admin_topic, b"x", partition=0).get(10)
    made.close(5)
    admin.delete_records({TopicPartition(admin_topic, 0): 3})
    equal("first offset", 3, read(admin_topic, 0, None, 2)[0].offset)


def partitions():
    admin.create_partitions({admin_topic: 4})
    eventually("four partitions", lambda: len(admin.describe_topics([admin_topic])[0]["partitions"]) == 4)


def describe_cluster():
    equal("brokers", 1, len(admin.describe_cluster()["brokers"]))
    equal("log dirs are described", True, vectors_topic in str(admin.describe_log_dirs()))


def delete_topic():
    admin.delete_topics([admin_topic])
    eventually("the topic to be gone", lambda: admin_topic not in admin.list_topics())


run.test("configs", configs)
run.test("create partitions", partitions)
run.test("delete records", delete_records)
run.test("describe cluster and log dirs", describe_cluster)
run.test("delete topic", delete_topic)
run.end()
