"""aiokafka, for asyncio."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidConfigurationError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from suite import CODECS, Run, equal

logging.disable(logging.CRITICAL)
run = Run(lacks=["null-key-and-value"])
vectors_topic = f"{run.prefix}-vectors"


def producer(**settings):
    base = {"bootstrap_servers": run.address, "linger_ms": 20, "max_batch_size": 1_000_000, "max_request_size": 10_000_000}
    return AIOKafkaProducer(**(base | settings))


def consumer(**settings):
    base = {
        "bootstrap_servers": run.address,
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "fetch_max_wait_ms": 100,
        "check_crcs": True,
    }
    return AIOKafkaConsumer(**(base | settings))


async def fails(what, error_class, action):
    try:
        await action
    except error_class:
        return
    except Exception as error:  # noqa: BLE001
        raise AssertionError(f"{what}: expected {error_class.__name__}, came {error!r}") from error
    raise AssertionError(f"{what}: expected {error_class.__name__}, came no error")


async def create(admin, topic, partitions, config=None):
    """The admin client hands out responses; their codes become exceptions here."""
    response = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
    raise_codes(response.topic_errors)


def raise_codes(topic_errors):
    for _, code, *_ in topic_errors:
        if code != 0:
            raise for_code(code)


async def produce(topic, partition):
    codec = None if partition == 0 else CODECS[partition]
    settings = {"acks": 1} if partition == 1 else {"acks": "all", "enable_idempotence": True}
    async with producer(compression_type=codec, **settings) as made:
        sent = [
            await made.send(topic, vector.value, vector.key, partition, vector.timestamp_ms, vector.headers)
            for vector in run.vectors
        ]
        await made.flush()
        equal("offsets", list(range(len(run.vectors))), [(await future).offset for future in sent])


async def read(topic, partition, offset, count, **settings):
    async with consumer(**settings) as made:
        assigned = TopicPartition(topic, partition)
        made.assign([assigned])
        if offset is None:
            await made.seek_to_beginning(assigned)
        else:
            made.seek(assigned, offset)
        return await take(made, count)


async def take(made, count):
    records = []
    while len(records) < count:
        batches = await made.getmany(timeout_ms=5000)
        if not batches:
            raise AssertionError(f"expected {count} records, came {len(records)} and then nothing for 5 s")
        for batch in batches.values():
            records += batch
    equal("records", count, len(records))
    return records


async def compare_from(topic, partition, offset, **settings):
    first = offset or 0
    for at, record in enumerate(await read(topic, partition, offset, len(run.vectors) - first, **settings), first):
        equal("offset", at, record.offset)
        run.compare(at, record.timestamp, record.key, record.value, record.headers)


async def from_timestamp():
    first = run.first_at_or_after(run.between_ms())
    async with consumer() as made:
        asked = {TopicPartition(vectors_topic, partition): run.between_ms() for partition in range(len(CODECS))}
        for partition, found in (await made.offsets_for_times(asked)).items():
            equal(f"offset in {CODECS[partition.partition]}", first, found.offset)
            equal("timestamp", run.vectors[first].timestamp_ms, found.timestamp)
        newest = max(vector.timestamp_ms for vector in run.vectors)
        partition = TopicPartition(vectors_topic, 0)
        equal("after the newest", {partition: None}, await made.offsets_for_times({partition: newest + 1}))
    await compare_from(vectors_topic, 3, first)


async def from_end():
    async with consumer() as made, producer() as sender:
        partition = TopicPartition(vectors_topic, 0)
        made.assign([partition])
        await made.seek_to_end(partition)
        equal("position", len(run.vectors), await made.position(partition))
        await sender.send_and_wait(vectors_topic, b"fresh", partition=0)
        record = (await take(made, 1))[0]
        equal("value and offset", (b"fresh", len(run.vectors)), (record.value, record.offset))


async def many_records(admin):
    topic, count = f"{run.prefix}-many", 5_000
    await create(admin, topic, 1)
    async with producer(max_batch_size=4000, linger_ms=1, enable_idempotence=True) as made:
        for number in range(count):
            await made.send(topic, f"{number:08d} {'x' * 100}".encode(), partition=0)
    for number, record in enumerate(await read(topic, 0, None, count)):
        equal("offset and number", (number, number), (record.offset, int(record.value[:8])))


async def too_large(admin):
    topic = f"{run.prefix}-too-large"
    await create(admin, topic, 1)
    async with producer() as made:
        await fails("2 MB", MessageSizeTooLargeError, made.send_and_wait(topic, bytes(2 * 1024 * 1024), partition=0))


async def unknown_topic(admin):
    topic = f"{run.prefix}-nowhere"

    async def delete():
        raise_codes((await admin.delete_topics([topic])).topic_error_codes)

    await fails("delete", UnknownTopicOrPartitionError, delete())


async def bad_config(admin):
    topic = f"{run.prefix}-bad"
    await fails("a word for a number", InvalidConfigurationError, create(admin, topic, 1, {"retention.ms": "banana"}))
    await fails("an unknown key", InvalidConfigurationError, create(admin, topic, 1, {"retention.moons": "1"}))


async def out_of_range():
    await fails("offset 1000", OffsetOutOfRangeError, read(f"{run.prefix}-too-large", 0, 1000, 1))


async def eventually(what, holds):
    """What one request changed, the next may see an instant later."""
    for _ in range(200):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"expected {what}")


async def describes(admin, topic, value):
    return value in str(await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))


async def administration(admin):
    topic = f"{run.prefix}-admin"
    await create(admin, topic, 1, {"retention.ms": "3600000"})
    await eventually("retention.ms described", lambda: describes(admin, topic, "3600000"))
    raise_codes((await admin.create_partitions({topic: NewPartitions(3)})).topic_errors)
    async with producer() as made:
        for _ in range(5):
            await made.send_and_wait(topic, b"x", partition=0)
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    equal("first offset", 3, (await read(topic, 0, None, 2))[0].offset)
    raise_codes((await admin.delete_topics([topic])).topic_error_codes)


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=run.address)
    await admin.start()

    async def create_topic():
        await create(admin, vectors_topic, len(CODECS))
        await fails("creating it again", TopicAlreadyExistsError, create(admin, vectors_topic, 1))
        equal("partitions", len(CODECS), len((await admin.describe_topics([vectors_topic]))[0]["partitions"]))

    await run.test_async("create topic", create_topic)
    for number, codec in enumerate(CODECS):
        await run.test_async(f"produce {codec}", lambda: produce(vectors_topic, number))
        run.wrote(vectors_topic, number)
        await run.test_async(f"consume {codec}", lambda: compare_from(vectors_topic, number, None))
    await run.test_async("from the middle", lambda: compare_from(vectors_topic, 4, 57))
    small = {"max_partition_fetch_bytes": 100, "fetch_max_bytes": 100}
    await run.test_async("a batch larger than the fetch may be", lambda: compare_from(vectors_topic, 0, None, **small))
    await run.test_async("from a timestamp", from_timestamp)
    await run.test_async("from the end", from_end)
    await run.test_async("many records, many batches", lambda: many_records(admin))
    await run.test_async("too large", lambda: too_large(admin))
    await run.test_async("unknown topic", lambda: unknown_topic(admin))
    await run.test_async("bad config", lambda: bad_config(admin))
    await run.test_async("an offset out of range", out_of_range)
    await run.test_async("configs, partitions, delete records, delete topic", lambda: administration(admin))
    await admin.close()


asyncio.run(main())
run.end()
