"""confluent-kafka: the newest librdkafka."""

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    OFFSET_BEGINNING,
    OFFSET_END,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from suite import CODECS, Run, equal, eventually

run = Run()
admin = AdminClient({"bootstrap.servers": run.address, "log_level": 0})
vectors_topic = f"{run.prefix}-vectors"


def producer(**settings):
    base = {
        "bootstrap.servers": run.address,
        "linger.ms": 20,
        "message.max.bytes": 10_000_000,
        "batch.size": 1_000_000,
        "log_level": 0,
    }
    return Producer(base | {name.replace("_", "."): value for name, value in settings.items()})


def consumer(**settings):
    base = {
        "bootstrap.servers": run.address,
        # A name is asked for, but without subscribing and committing no group comes to be.
        "group.id": "none",
        "enable.auto.commit": False,
        "enable.partition.eof": False,
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": 100,
        "check.crcs": True,
        "log_level": 0,
    }
    return Consumer(base | {name.replace("_", "."): value for name, value in settings.items()})


def create(topic, partitions, config=None):
    admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})])[topic].result(10)


def code_of(action):
    """The code of the KafkaError that the action must end with."""
    try:
        action()
    except KafkaException as error:
        return error.args[0].name()
    return "no error"


def send(made, topic, partition=0, **record):
    outcome = []
    made.produce(topic, partition=partition, on_delivery=lambda error, message: outcome.append((error, message)), **record)
    made.flush(15)
    if not outcome:
        raise AssertionError("no delivery report within 15 s")
    return outcome[0]


def produce(topic, partition):
    settings = {"enable_idempotence": True} if partition != 1 else {"acks": "1"}
    made = producer(compression_type=CODECS[partition], **settings)
    reports = []
    for vector in run.vectors:
        made.produce(
            topic,
            partition=partition,
            key=vector.key,
            value=vector.value,
            headers=vector.headers,
            timestamp=vector.timestamp_ms,
            on_delivery=lambda error, message: reports.append((error, message.offset())),
        )
    made.flush(15)
    equal("delivery reports", [(None, offset) for offset in range(len(run.vectors))], reports)


def read(topic, partition, offset, count, **settings):
    made = consumer(**settings)
    try:
        made.assign([TopicPartition(topic, partition, offset)])
        return take(made, count)
    finally:
        made.close()


def take(made, count):
    messages = []
    while len(messages) < count:
        batch = made.consume(count - len(messages), 10)
        if not batch:
            raise AssertionError(f"expected {count} records, came {len(messages)} and then nothing for 10 s")
        for message in batch:
            if message.error():
                raise KafkaException(message.error())
        messages += batch
    return messages


def compare_from(topic, partition, offset, first, **settings):
    for at, message in enumerate(read(topic, partition, offset, len(run.vectors) - first, **settings), first):
        equal("offset", at, message.offset())
        # An empty value comes as b"" and null as None, for both key and value.
        run.compare(at, message.timestamp()[1], message.key(), message.value(), message.headers())


def create_topic():
    create(vectors_topic, len(CODECS))
    equal("creating it again", "TOPIC_ALREADY_EXISTS", code_of(lambda: create(vectors_topic, 1)))
    described = admin.describe_topics(TopicCollection([vectors_topic]))[vectors_topic].result(10)
    equal("partitions", len(CODECS), len(described.partitions))


run.test("create topic", create_topic)
for number, codec in enumerate(CODECS):
    run.test(f"produce {codec}", lambda: produce(vectors_topic, number))
    run.wrote(vectors_topic, number)
    run.test(f"consume {codec}", lambda: compare_from(vectors_topic, number, OFFSET_BEGINNING, 0))
run.test("from the middle", lambda: compare_from(vectors_topic, 4, 57, 57))
run.test("read committed", lambda: compare_from(vectors_topic, 2, 0, 0, isolation_level="read_committed"))
run.test(
    "a batch larger than the fetch may be",
    lambda: compare_from(vectors_topic, 0, 0, 0, fetch_message_max_bytes=1000, fetch_max_bytes=10_000_000),
)


def from_timestamp():
    made = consumer()
    first = run.first_at_or_after(run.between_ms())
    asked = [TopicPartition(vectors_topic, partition, run.between_ms()) for partition in range(len(CODECS))]
    for found in made.offsets_for_times(asked, 10):
        equal(f"offset in {CODECS[found.partition]}", first, found.offset)
    newest = max(vector.timestamp_ms for vector in run.vectors)
    after = made.offsets_for_times([TopicPartition(vectors_topic, 0, newest + 1)], 10)
    equal("after the newest", OFFSET_END, after[0].offset)
    made.close()
    compare_from(vectors_topic, 3, first, first)


def list_offsets():
    partition = TopicPartition(vectors_topic, 3)
    newest = max(range(len(run.vectors)), key=lambda at: run.vectors[at].timestamp_ms)
    for spec, want in [
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), len(run.vectors)),
        (OffsetSpec.max_timestamp(), newest),
        (OffsetSpec.for_timestamp(run.between_ms()), run.first_at_or_after(run.between_ms())),
    ]:
        answer = admin.list_offsets({partition: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        equal(f"offset for {spec}", want, answer[partition].result(10).offset)


def from_end():
    made = consumer()
    equal("watermarks", (0, len(run.vectors)), made.get_watermark_offsets(TopicPartition(vectors_topic, 0), 10))
    made.assign([TopicPartition(vectors_topic, 0, OFFSET_END)])
    equal("nothing yet", None, made.poll(0.5))
    send(producer(), vectors_topic, value=b"fresh")
    message = take(made, 1)[0]
    equal("value and offset", (b"fresh", len(run.vectors)), (message.value(), message.offset()))
    made.close()


def many_records():
    topic, count = f"{run.prefix}-many", 20_000
    create(topic, 3, {"segment.bytes": "1048576"})
    made = producer(batch_size=4000, linger_ms=1, enable_idempotence=True)
    for number in range(count):
        made.produce(topic, key=str(number), value=f"{number:08d} {'x' * 100}")
        made.poll(0)
    equal("undelivered", 0, made.flush(20))
    reader = consumer(max_partition_fetch_bytes=65536)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(3)])
    next_offset, last = [0] * 3, [b""] * 3
    for message in take(reader, count):
        partition = message.partition()
        equal("offset", next_offset[partition], message.offset())
        next_offset[partition] += 1
        if message.value() <= last[partition]:
            raise AssertionError(f"{message.value()[:8]} came after {last[partition][:8]}")
        last[partition] = message.value()
    reader.close()


run.test("from a timestamp", from_timestamp)
run.test("list offsets", list_offsets)
run.test("from the end", from_end)
run.test("many records, many batches", many_records)


def too_large():
    topic = f"{run.prefix}-too-large"
    create(topic, 1)
    error, _ = send(producer(compression_type="none"), topic, value=bytes(2 * 1024 * 1024))
    equal("2 MB", KafkaError.MSG_SIZE_TOO_LARGE, error and error.code())


def unknown_topic():
    topic = f"{run.prefix}-nowhere"
    equal("delete", "UNKNOWN_TOPIC_OR_PART", code_of(lambda: admin.delete_topics([topic])[topic].result(10)))
    described = admin.describe_topics(TopicCollection([topic]))[topic]
    equal("describe", "UNKNOWN_TOPIC_OR_PART", code_of(lambda: described.result(10)))
    made = consumer()
    error = made.list_topics(topic, 10).topics[topic].error
    equal("metadata without auto creation", KafkaError.UNKNOWN_TOPIC_OR_PART, error and error.code())
    made.close()
    equal("created by asking", False, topic in admin.list_topics(timeout=10).topics)


def bad_config():
    topic = f"{run.prefix}-bad"
    equal("a word for a number", "INVALID_CONFIG", code_of(lambda: create(topic, 1, {"retention.ms": "banana"})))
    equal("an unknown key", "INVALID_CONFIG", code_of(lambda: create(topic, 1, {"retention.moons": "1"})))
    equal("a bad name", "TOPIC_EXCEPTION", code_of(lambda: create("a/b", 1)))
    equal("no partitions", "INVALID_PARTITIONS", code_of(lambda: create(topic, 0)))


def out_of_range():
    topic = f"{run.prefix}-too-large"
    equal("offset 1000", "_AUTO_OFFSET_RESET", code_of(lambda: read(topic, 0, 1000, 1)))


run.test("too large", too_large)
run.test("unknown topic", unknown_topic)
run.test("bad config", bad_config)
run.test("an offset out of range", out_of_range)

admin_topic = f"{run.prefix}-admin"


def configs():
    create(admin_topic, 2, {"retention.ms": "3600000"})
    change = ConfigEntry("segment.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    altered = ConfigResource(ResourceType.TOPIC, admin_topic, incremental_configs=[change])
    admin.incremental_alter_configs([altered])[altered].result(10)
    resource = ConfigResource(ResourceType.TOPIC, admin_topic)

    def described():
        found = admin.describe_configs([resource])[resource].result(10)
        equal("a default", True, found["segment.bytes"].is_default)
        return (found["retention.ms"].value, found["segment.ms"].value) == ("3600000", "60000")

    eventually("both settings", described)


def partitions():
    admin.create_partitions([NewPartitions(admin_topic, 4)])[admin_topic].result(10)
    eventually("four partitions", lambda: len(admin.list_topics(admin_topic, timeout=10).topics[admin_topic].partitions) == 4)


def delete_records():
    made = producer()
    for _ in range(5):
        send(made, admin_topic, value=b"x")
    partition = TopicPartition(admin_topic, 0, 3)
    equal("low watermark", 3, admin.delete_records([partition])[partition].result(10).low_watermark)
    equal("first offset", 3, read(admin_topic, 0, OFFSET_BEGINNING, 1)[0].offset())


def describe_cluster():
    described = admin.describe_cluster().result(10)
    equal("brokers", 1, len(described.nodes))
    equal("length of the id", 22, len(described.cluster_id))


def delete_topic():
    admin.delete_topics([admin_topic])[admin_topic].result(10)
    eventually("the topic to be gone", lambda: admin_topic not in admin.list_topics(timeout=10).topics)


run.test("configs", configs)
run.test("create partitions", partitions)
run.test("delete records", delete_records)
run.test("describe cluster", describe_cluster)
run.test("delete topic", delete_topic)
run.end()
