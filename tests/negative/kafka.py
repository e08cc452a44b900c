"""What needs more than one bad request to abuse a Kafka port: bombs, absurd numbers, crowds, readers that never read."""

import contextlib
import gzip
import struct

import attacks
import cases_kafka
import wire
from broker import Broker, until
from cases_kafka import produce
from watch import Watch

OK, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP, INVALID_PARTITIONS, POLICY_VIOLATION = 0, 10, 32, 37, 44
GZIP = 1
# What a bomb becomes: far beyond the bound of what a batch may be opened to.
BOMB_BYTES = 256 << 20
CROWD = 10_000
CROWD_S = 60
# What one answer to the client that reads nothing would hold.
LOAD_BYTES = 4 << 20
NUMBER_MAX, TIME_MAX = (1 << 31) - 1, (1 << 63) - 1


def varint(value):
    value = value << 1 ^ value >> 63
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(records, count=1, codec=0, base_time=0, max_time=0):
    body = struct.pack(">hiqqqhii", codec, count - 1, base_time, max_time, -1, -1, -1, count) + records
    rest = struct.pack(">ib", 0, 2) + struct.pack(">I", crc32c(body)) + body
    return struct.pack(">qi", 0, len(rest)) + rest


def row(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CRC_ROWS = [row(byte) for byte in range(256)]


def crc32c(data):
    """By table: these batches are larger than those of cases_kafka.py."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_ROWS[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(value, key=b"k"):
    inside = b"\0\0\0" + varint(len(key)) + key + varint(len(value)) + value + b"\0"
    return varint(len(inside)) + inside


def bomb():
    """A sound batch of one record of zeros that is a thousand times as large as its bytes."""
    head = b"\0\0\0" + varint(1) + b"k" + varint(BOMB_BYTES)
    size = len(head) + BOMB_BYTES + 1
    return batch(gzip.compress(varint(size) + head + bytes(BOMB_BYTES) + b"\0"), codec=GZIP)


def strings(pairs):
    return struct.pack(">i", len(pairs)) + b"".join(wire.kafka_string(word) for pair in pairs for word in pair)


def ask(broker, frame):
    with wire.Wire(broker.ports["kafka"], 30) as connection:
        connection.send(frame)
        return wire.read_kafka(connection)[4:]


def create(broker, topic, partitions=1, **settings):
    """The error of CreateTopics version 2."""
    pairs = [(key.replace("_", "."), value) for key, value in settings.items()]
    body = struct.pack(">i", 1) + wire.kafka_string(topic) + struct.pack(">ihi", partitions, 1, 0) + strings(pairs)
    answer = ask(broker, wire.kafka_frame(19, 2, body + struct.pack(">ib", 10_000, 0)))
    return struct.unpack_from(">h", answer, 8 + 2 + len(topic))[0]


def add_partitions(broker, topic, count):
    """The error of CreatePartitions version 0."""
    body = struct.pack(">i", 1) + wire.kafka_string(topic) + struct.pack(">iiib", count, -1, 10_000, 0)
    answer = ask(broker, wire.kafka_frame(37, 0, body))
    return struct.unpack_from(">h", answer, 8 + 2 + len(topic))[0]


def put(broker, topic, records):
    """The error of Produce version 3."""
    answer = ask(broker, produce(records, topic))
    return struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)[0]


def offset_at(broker, topic, time):
    """(error, offset) of ListOffsets version 1."""
    body = struct.pack(">ii", -1, 1) + wire.kafka_string(topic) + struct.pack(">iiq", 1, 0, time)
    error, _, offset = struct.unpack_from(">hqq", ask(broker, wire.kafka_frame(2, 1, body)), 4 + 2 + len(topic) + 4 + 4)
    return error, offset


def fetch(topic, bytes_max):
    head = struct.pack(">iiiibi", -1, 0, 1, bytes_max, 0, 1)
    return wire.kafka_frame(1, 4, head + wire.kafka_string(topic) + struct.pack(">iiqi", 1, 0, 0, bytes_max))


def check_bombs(suite, broker, watch):
    charge = bomb()
    with suite.case(f"kafka: {BOMB_BYTES >> 20} MiB in {len(charge) >> 10} KiB on a compacted topic, which looks inside"):
        assert create(broker, "compacted", cleanup_policy="compact") == OK
        error = put(broker, "compacted", charge)
        assert error == MESSAGE_TOO_LARGE, error
        watch.check()
    with suite.case("kafka: the same on a topic that keeps bytes, and readers that look inside"):
        assert create(broker, "kept") == OK
        assert put(broker, "kept", charge) == OK
        assert put(broker, "kept", batch(record(b"after"), base_time=5000, max_time=5000)) == OK
        watch.check()
        offset_at(broker, "kept", 1)  # whatever it says of what it cannot open
        error, offset = offset_at(broker, "kept", 4000)
        assert (error, offset) == (OK, 1), (error, offset)
        with wire.Wire(broker.ports["redis"], 30) as connection:
            entries = wire.redis(connection, "XRANGE", "kept", "-", "+")
            assert b"after" in repr(entries).encode(), repr(entries)[:300]
        watch.check()


def check_numbers(suite, broker, watch):
    with suite.case("kafka: absurd numbers of partitions"):
        assert create(broker, "many") == OK
        for count in (NUMBER_MAX, 10_001, -2, 0):
            error = create(broker, f"many{count}", count)
            assert error in (INVALID_PARTITIONS, POLICY_VIOLATION), (count, error)
            error = add_partitions(broker, "many", count)
            assert error in (INVALID_PARTITIONS, POLICY_VIOLATION), (count, error)
        watch.check()
    with suite.case("kafka: absurd timestamps are kept or refused, and looked for in vain"):
        assert create(broker, "times", message_timestamp_after_max_ms=str(TIME_MAX)) == OK
        assert create(broker, "strict") == OK
        assert put(broker, "times", batch(record(b"x"), base_time=TIME_MAX, max_time=TIME_MAX)) == OK
        error = put(broker, "strict", batch(record(b"x"), base_time=TIME_MAX, max_time=TIME_MAX))
        assert error == INVALID_TIMESTAMP, error
        assert put(broker, "times", batch(record(b"x"), base_time=-TIME_MAX, max_time=-TIME_MAX)) != OK
        assert offset_at(broker, "times", TIME_MAX) == (OK, 0)
        assert offset_at(broker, "strict", TIME_MAX) == (OK, -1)
        assert offset_at(broker, "times", -TIME_MAX)[0] != OK
        watch.check()


def check_deaf_reader(suite, broker, watch):
    with suite.case(f"kafka: a client that fetches {LOAD_BYTES >> 20} MiB over and over and reads nothing"):
        assert create(broker, "load") == OK
        piece = batch(record(bytes(512 << 10)))
        for _ in range(LOAD_BYTES // len(piece) + 1):
            assert put(broker, "load", piece) == OK
        attacks.deaf(broker, "kafka", fetch("load", LOAD_BYTES), watch)
        watch.check()


def check_crowd(suite, broker, watch):
    with suite.case(f"kafka: {CROWD:,} connections that say nothing"), contextlib.ExitStack() as crowd:
        places = CROWD - 100  # some are for those who are served meanwhile
        for _ in range(places):
            crowd.enter_context(wire.Wire(broker.ports["kafka"]))
        until(lambda: attacks.connections(broker, "kafka") >= places, CROWD_S, "the crowd")
        watch.check()
    with suite.case("kafka: they leave, and nothing of them stays"):
        until(lambda: attacks.connections(broker, "kafka") < 50, CROWD_S, "the end of the crowd")
        watch.check()


def check(suite):
    with Broker() as broker:
        broker.ready()
        watch = Watch(broker)
        ask(broker, cases_kafka.METADATA)
        check_bombs(suite, broker, watch)
        check_numbers(suite, broker, watch)
        check_deaf_reader(suite, broker, watch)
        check_crowd(suite, broker, watch)
        watch.close()
        with suite.case("kafka: after all of it the broker stops when asked"):
            assert broker.terminate(within_s=15) == 0, broker.log()[-4000:]
        suite.note(f"resident memory: {watch.resident_before >> 20} MiB before, {watch.resident_most >> 20} MiB at most")
