"""
A client of the soak on librdkafka: feeds, reads or transforms, writes its history as docs/histories.md says, and may be killed or stopped at any time. Arguments: address, role, name of the
process, transactional id, group, protocol, file of the history. Ends when its standard input does; with an error when it cannot go on, and then is to be started anew.

The role `create` makes the topics. The role `verify` reads everything in the end, waits until the groups (separated by commas) have, and says how it is.
"""

import json
import os
import random
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

IN_PARTITIONS = 4
OUT_PARTITIONS = 2
SESSION_MS = 6000
TRANSACTION_MS = 6000
VERIFY_S = 60

address, role, process, transactional_id, group, protocol, path = sys.argv[1:8]
stopping = threading.Event()
started = time.time() * 1000 - time.monotonic() * 1000
values = 0


class History:
    def __init__(self):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def add(self, f, type=None, **fields):
        with self.lock:
            event = {"at": round(started + time.monotonic() * 1000, 3), "process": process, "f": f}
            if type is not None:
                event["type"] = type
            self.file.write(json.dumps({**event, **fields}, separators=(",", ":")) + "\n")
            self.file.flush()


history = History()


def stop_at_end_of_input():
    sys.stdin.buffer.read()
    stopping.set()


def new_producer():
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_MS,
            "socket.timeout.ms": TRANSACTION_MS,
            "reconnect.backoff.max.ms": 200,
            # When all brokers are gone, librdkafka 2.16 forgets them and begins anew; a request of a transaction that waits for its coordinator is then never sent again.
            "metadata.recovery.strategy": "none",
            "linger.ms": 1,
            "log_level": 0,
        }
    )
    retry(lambda: producer.init_transactions(15))
    return producer


def fail(why):
    print(why, flush=True)
    os._exit(1)


def retry(request):
    """What may be asked again is; the rest is for the caller."""
    while True:
        try:
            return request()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def in_transaction(producer, sends, positions, consumer, commits):
    """False: it was aborted. What cannot be known, or ends the producer, is raised."""
    global placed
    placed = {}
    asked = False
    try:
        producer.begin_transaction()
        for partition, value, *_ in sends:
            topic, number = partition.rsplit("-", 1)
            producer.produce(topic, value=value, partition=int(number), on_delivery=delivered)
        if positions is not None:
            offsets = [TopicPartition("in", number, offset) for number, offset in positions.items()]
            retry(lambda: producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 15))
        if commits:
            history.add("txn", "ending")
            asked = True
            retry(lambda: producer.commit_transaction(15))
            history.add("txn", "ok", sends=[[*send[:2], placed.get((send[0], send[1]))] for send in sends])
            return True
        retry(lambda: producer.abort_transaction(15))
    except KafkaException as error:
        if asked and not error.args[0].txn_requires_abort():
            history.add("txn", "unknown")
            raise
        history.add("txn", "fail" if not asked or error.args[0].txn_requires_abort() else "unknown")
        if not error.args[0].txn_requires_abort():
            raise
        retry(lambda: producer.abort_transaction(15))
        return False
    history.add("txn", "fail")
    return False


def delivered(error, message):
    if error is None:
        placed[f"{message.topic()}-{message.partition()}", message.value().decode()] = message.offset()


def feed():
    global values
    producer = new_producer()
    while not stopping.is_set():
        time.sleep(random.random() * 0.08)
        first = random.randrange(IN_PARTITIONS)
        sends = []
        for index in range(random.randint(1, 4)):
            sends.append([f"in-{(first + index % 2) % IN_PARTITIONS}", f"{process}/{values}"])
            values += 1
        history.add("txn", "begin", sends=sends)
        in_transaction(producer, sends, None, None, random.random() < 0.9)


class Reader:
    def __init__(self):
        settings = {
            "bootstrap.servers": address,
            "group.id": group,
            "group.protocol": protocol,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "socket.timeout.ms": 12000,
            "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 100,
            "log_level": 0,
        }
        if protocol == "classic":
            settings["session.timeout.ms"] = SESSION_MS
            settings["heartbeat.interval.ms"] = 1000
            settings["partition.assignment.strategy"] = "range"
        self.gathered = []
        self.goes_back = False
        self.consumer = Consumer(settings)
        history.add("subscribe")
        self.consumer.subscribe(["in"], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_revoke)

    def on_assign(self, consumer, partitions):
        self.drop()
        if protocol == "classic":
            consumer.assign(partitions)
        else:
            consumer.incremental_assign(partitions)
        self.tell_assignment()

    def on_revoke(self, consumer, partitions):
        self.drop()
        if protocol == "classic":
            consumer.unassign()
        else:
            consumer.incremental_unassign(partitions)
        history.add("subscribe")

    def tell_assignment(self):
        partitions = [f"{each.topic}-{each.partition}" for each in self.consumer.assignment()]
        history.add("assign", group=group, partitions=partitions)

    def drop(self):
        """What was read of an assignment that has changed is not made anything of: whoever has it now reads it again."""
        if self.gathered:
            history.add("poll", "ok", polls=[self.gathered])
            self.gathered = []
            self.goes_back = True

    def poll(self):
        if self.goes_back:
            self.goes_back = False
            self.go_back()
        self.gathered = []
        message = self.consumer.poll(0.1)
        while message is not None and len(self.gathered) < 50:
            if message.error() is None:
                self.gathered.append([f"in-{message.partition()}", message.offset(), message.value().decode()])
            elif message.error().fatal():
                raise KafkaException(message.error())
            message = self.consumer.poll(0)
        if message is not None and message.error() is None:
            self.gathered.append([f"in-{message.partition()}", message.offset(), message.value().decode()])
        records, self.gathered = self.gathered, []
        if records:
            history.add("poll", "ok", polls=[records])
        return records

    def go_back(self):
        """To where the group is."""
        assigned = self.consumer.assignment()
        if not assigned:
            return
        committed = retry(lambda: self.consumer.committed(assigned, 15))
        self.tell_assignment()
        for each in committed:
            offset = each.offset if each.offset >= 0 else OFFSET_BEGINNING
            try:
                self.consumer.seek(TopicPartition(each.topic, each.partition, offset))
            except KafkaException:
                # It has been taken away meanwhile.
                continue


def positions_of(records):
    return {int(partition[3:]): offset + 1 for partition, offset, _ in records}


def commits_of(positions):
    return [{"group": group, "offsets": {f"in-{number}": offset for number, offset in positions.items()}}]


def read():
    reader = Reader()
    while not stopping.is_set():
        positions = positions_of(reader.poll())
        if not positions:
            continue
        history.add("commit", "begin", commits=commits_of(positions))
        offsets = [TopicPartition("in", number, offset) for number, offset in positions.items()]
        try:
            for done in reader.consumer.commit(offsets=offsets, asynchronous=False):
                if done.error is not None:
                    raise KafkaException(done.error)
            history.add("commit", "ok")
        except KafkaException as error:
            history.add("commit", "unknown")
            if error.args[0].fatal():
                raise
            reader.goes_back = True
    reader.consumer.close()


def transform():
    global values
    producer = new_producer()
    reader = Reader()
    while not stopping.is_set():
        records = reader.poll()
        if not records:
            continue
        sends = []
        for partition, offset, _ in records:
            sends.append([f"out-{offset % OUT_PARTITIONS}", f"{process}/{values}", None, f"{partition}@{offset}"])
            values += 1
        positions = positions_of(records)
        history.add("txn", "begin", sends=sends, commits=commits_of(positions))
        if not in_transaction(producer, sends, positions, reader.consumer, random.random() < 0.9):
            reader.goes_back = True
    reader.consumer.close()


def create():
    from confluent_kafka.admin import AdminClient, NewTopic

    topics = [NewTopic("in", IN_PARTITIONS, 1), NewTopic("out", OUT_PARTITIONS, 1)]
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for created in admin.create_topics(topics).values():
        created.result()


def verify():
    """Ends with what is not right, if anything: somebody has not read all, or a transaction is open."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "verify",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    deadline = time.monotonic() + VERIFY_S
    seen = read_all(consumer, [("in", number) for number in range(IN_PARTITIONS)], deadline)
    committed = wait_for_groups(seen, deadline)
    # What comes of it is all there only when the group that makes it has read all.
    seen |= read_all(consumer, [("out", number) for number in range(OUT_PARTITIONS)], deadline)
    history.add("final", ends=seen, committed=committed)


def read_all(consumer, names, deadline):
    """Where each ends, when all of it has been read."""
    ends = wait_until_decided(consumer, names, deadline)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in names])
    history.add("assign", partitions=[f"{topic}-{number}" for topic, number in names])
    seen = {f"{topic}-{number}": 0 for topic, number in names}
    left = set(names)
    while left:
        message = consumer.poll(1)
        if time.monotonic() > deadline:
            fail(f"V3: {left} were not read to their ends {ends}")
        if message is None:
            continue
        if message.error() is None:
            name = f"{message.topic()}-{message.partition()}"
            history.add("poll", "ok", polls=[[[name, message.offset(), message.value().decode()]]])
            seen[name] = message.offset() + 1
        elif message.error().code() == KafkaError._PARTITION_EOF and message.offset() >= ends[message.topic(), message.partition()]:
            left.discard((message.topic(), message.partition()))
    return seen


def wait_until_decided(consumer, names, deadline):
    """The ends, once nothing is open."""
    while True:
        ends = {name: consumer.get_watermark_offsets(TopicPartition(*name), 15)[1] for name in names}
        decided = {name: last_stable_offset(name) for name in names}
        if ends == decided:
            return ends
        if time.monotonic() > deadline:
            fail(f"P5: transactions are open in {[name for name in names if ends[name] != decided[name]]}")
        time.sleep(0.5)


def last_stable_offset(name):
    from confluent_kafka import IsolationLevel
    from confluent_kafka.admin import AdminClient, OffsetSpec

    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    asked = {TopicPartition(*name): OffsetSpec.latest()}
    [answer] = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=15).values()
    return answer.result().offset


def wait_for_groups(seen, deadline):
    partitions = [TopicPartition("in", number) for number in range(IN_PARTITIONS)]
    while True:
        committed = {}
        behind = []
        for name in group.split(","):
            consumer = Consumer({"bootstrap.servers": address, "group.id": name, "log_level": 0})
            offsets = {f"in-{each.partition}": each.offset for each in consumer.committed(partitions, 15) if each.offset >= 0}
            consumer.close()
            committed[name] = offsets
            behind += [f"{name} of {each}" for each in seen if each.startswith("in") and offsets.get(each, 0) < seen[each]]
        if not behind:
            return committed
        if time.monotonic() > deadline:
            fail(f"G5, V3: not read to the end: {', '.join(behind)}; {committed}, {seen}")
        time.sleep(0.5)


threading.Thread(target=stop_at_end_of_input, daemon=True).start()
try:
    {"feed": feed, "read": read, "transform": transform, "create": create, "verify": verify}[role]()
except KafkaException as error:
    print(f"gives up: {error}", flush=True)
    # The thread that waits for the end of the input would keep the interpreter from ending.
    os._exit(3)
os._exit(0)
