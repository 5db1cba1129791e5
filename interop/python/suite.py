"""What the Python programs share: the vectors, the comparison, the lines that say how a test went."""

import os
import sys
import time
import traceback
from dataclasses import dataclass, field

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@dataclass
class Vector:
    """One shared record; interop/runner/vectors.ts says what the file looks like. None is null."""

    name: str
    needs: list
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list = field(default_factory=list)


def read_vectors(path):
    with open(path, encoding="utf-8") as lines:
        return [parse(line.rstrip("\n").split("\t")) for line in lines]


def parse(fields):
    name, needs, timestamp_ms, key, value, headers = fields
    parsed = []
    if headers != "-":
        for header in headers.split(";"):
            header_name, header_value = header.split("=")
            parsed.append((header_name, unhex(header_value)))
    return Vector(name, [] if needs == "-" else needs.split(","), int(timestamp_ms), unhex(key), unhex(value), parsed)


def unhex(text):
    return None if text == "-" else bytes.fromhex(text)


class Run:
    """A program's arguments and how its tests went. `lacks` are the needs that its client cannot express."""

    def __init__(self, lacks=()):
        self.address, path, self.prefix = sys.argv[1:4]
        self.lacks = list(lacks)
        everything = read_vectors(path)
        self.vectors = [vector for vector in everything if not set(vector.needs) & set(self.lacks)]
        self.counts = {"ok": 0, "not ok": 0, "skip": 0}
        for lack in self.lacks:
            self.skip(f"records that need {lack}", "this client cannot express them")

    def test(self, name, body):
        try:
            body()
            self.passed(name)
        except Exception as error:  # noqa: BLE001: whatever a client throws is the result of the test
            self.failed(name, error)

    async def test_async(self, name, body):
        try:
            await body()
            self.passed(name)
        except Exception as error:  # noqa: BLE001
            self.failed(name, error)

    def passed(self, name):
        self.counts["ok"] += 1
        print(f"ok {name}")

    def failed(self, name, error):
        self.counts["not ok"] += 1
        frames = reversed(traceback.extract_tb(error.__traceback__))
        line = next((frame.lineno for frame in frames if os.path.abspath(frame.filename) == os.path.abspath(sys.argv[0])), 0)
        print(f"not ok {name}: {type(error).__name__} {error!s} (line {line})".replace("\n", " "))

    def skip(self, name, why):
        self.counts["skip"] += 1
        print(f"skip {name}: {why}")

    def wrote(self, topic, partition):
        print(f"wrote {topic} {partition} {CODECS[partition]} {','.join(self.lacks) or '-'}")

    def end(self):
        print(f"{self.counts['ok']} passed, {self.counts['not ok']} failed, {self.counts['skip']} skipped", flush=True)
        sys.exit(1 if self.counts["not ok"] else 0)

    def between_ms(self):
        """A timestamp that falls between two vectors."""
        return next(vector.timestamp_ms for vector in self.vectors if vector.name == "small-100") - 1

    def first_at_or_after(self, timestamp_ms):
        """The offset that a lookup of this timestamp must find."""
        return next(at for at, vector in enumerate(self.vectors) if vector.timestamp_ms >= timestamp_ms)

    def compare(self, offset, timestamp_ms, key, value, headers):
        """Raises with what differs first between the vector at this offset and what came back."""
        vector = self.vectors[offset]
        equal(f"{vector.name} timestamp", vector.timestamp_ms, timestamp_ms)
        same_bytes(f"{vector.name} key", vector.key, key)
        same_bytes(f"{vector.name} value", vector.value, value)
        headers = list(headers or [])
        equal(f"{vector.name} header names", [name for name, _ in vector.headers], [name for name, _ in headers])
        for (name, want), (_, got) in zip(vector.headers, headers):
            same_bytes(f"{vector.name} header {name}", want, got)


def equal(what, want, got):
    if want != got:
        raise AssertionError(f"{what}: expected {want!r}, came {got!r}")


def same_bytes(what, want, got):
    if want != got:
        raise AssertionError(f"{what}: expected {brief(want)}, came {brief(got)}")


def brief(value):
    return "null" if value is None else f"{len(value)} bytes {bytes(value[:32]).hex()}"


def eventually(what, holds):
    """Polls for some seconds: what one request changed, the next may see an instant later."""
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"expected {what} within 10 s")
        time.sleep(0.02)
