"""What the Python programs of a group share: their arguments, and what they say, as interop/groups/events.ts reads it."""

import struct
import sys
import time


def arguments():
    """The arguments `name=value`."""
    return dict(argument.split("=", 1) for argument in sys.argv[1:])


def say(word, *values):
    """A whole line, gone from this process before it does anything else: it may be killed at any time."""
    words = [str(value).replace(" ", "_").replace("\n", "_") for value in values]
    sys.stdout.write(" ".join([str(time.time_ns() // 1_000_000), word, *words]) + "\n")
    sys.stdout.flush()


def read(partition, offset, value):
    """A line that the next `say` takes along."""
    sys.stdout.write(f"{time.time_ns() // 1_000_000} read {partition} {offset} {value}\n")


def names(partitions):
    return ",".join(sorted(f"{one.topic}-{one.partition}" for one in partitions)) or "-"


def generation_of(consumer):
    """Generation (or member epoch) and member id, from the bytes that librdkafka passes on to transactional producers."""
    packed = consumer.consumer_group_metadata()
    (generation,) = struct.unpack_from("<i", packed, len("CGMDv2:"))
    _, member, *_ = packed[len("CGMDv2:") + 4 :].split(b"\0")
    return generation, member.decode() or "-"


def member_settings(args):
    settings = {
        "bootstrap.servers": args["bootstrap"],
        "client.id": args["name"],
        "group.id": args["group"],
        "group.protocol": args["protocol"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": args.get("isolation", "read_uncommitted"),
        "topic.metadata.refresh.interval.ms": 1000,
        "reconnect.backoff.max.ms": 200,
        "fetch.wait.max.ms": 100,
        "log_level": 0,
    }
    if "instance" in args:
        settings["group.instance.id"] = args["instance"]
    if args["protocol"] == "classic":
        settings["session.timeout.ms"] = int(args["sessionMs"])
        settings["heartbeat.interval.ms"] = int(args["heartbeatMs"])
        settings["partition.assignment.strategy"] = args["assignor"]
    elif "assignor" in args:
        settings["group.remote.assignor"] = args["assignor"]
    return settings
