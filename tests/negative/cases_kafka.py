"""Bad requests for the Kafka port. Kafka closes the connection of whoever breaks the framing or asks for an unknown
version, and puts everything else into error codes of the answer."""

import struct

from cases import closed, closed_after_end, kafka_answer, then
from wire import API_VERSIONS, kafka_frame, kafka_string, metadata_request

FRAME_BYTES_MAX = 100 << 20
OK = b"\0\0"
INVALID_TOPIC = struct.pack(">h", 17)
UNSUPPORTED_VERSION = struct.pack(">h", 35)
CORRUPT_MESSAGE = struct.pack(">h", 2)
INVALID_RECORD = struct.pack(">h", 87)
METADATA = metadata_request("bystander-topic")


def size(value):
    return struct.pack(">I", value & 0xFFFFFFFF)


def headed(key, version, client_size, rest=b""):
    """A frame whose client id claims `client_size` bytes."""
    head = struct.pack(">hhih", key, version, 7, client_size) + rest
    return size(len(head)) + head


def counted(key, version, count, rest=b""):
    """A frame whose body begins with an array of `count`."""
    return kafka_frame(key, version, struct.pack(">i", count) + rest)


def batch(magic=2, crc_mask=0, claimed=None, records=1):
    """A record batch with one empty record; wrong where asked."""
    body = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, records) + b"\x0c\0\0\0\1\1\0"
    rest = struct.pack(">ib", 0, magic) + struct.pack(">I", crc32c(body) ^ crc_mask) + body
    return struct.pack(">qi", 0, len(rest) if claimed is None else claimed) + rest


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def produce(records, topic="bystander-topic", claimed=None):
    """Produce version 3 with one partition."""
    sized = struct.pack(">i", len(records) if claimed is None else claimed) + records
    body = struct.pack(">hhii", -1, -1, 1000, 1) + kafka_string(topic) + struct.pack(">ii", 1, 0) + sized
    return kafka_frame(0, 3, body)


def refused(error):
    return kafka_answer(b"bystander-topic", struct.pack(">ii", 1, 0), error)


CASES = [
    ("a valid request", METADATA, kafka_answer(b"bystander-topic")),
    *(
        (f"frame size {value & 0xFFFFFFFF:#x}", size(value) + bytes(16), closed)
        for value in (-1, 0x80000000, 0x7FFFFFFF, FRAME_BYTES_MAX + 1, 0, 1, 7)
    ),
    ("the largest frame, announced and not sent", size(FRAME_BYTES_MAX), closed_after_end),
    ("half a frame size", b"\0\0", closed_after_end),
    ("a frame cut in its header", METADATA[:9], closed_after_end),
    ("a frame cut in its body", METADATA[:-3], closed_after_end),
    ("an unknown operation", kafka_frame(9999, 0), closed),
    ("a negative operation", kafka_frame(-1, 0), closed),
    ("an operation between brokers", kafka_frame(4, 0), closed),
    ("Metadata of version 99", kafka_frame(3, 99), closed),
    ("Metadata of version -1", kafka_frame(3, -1), closed),
    ("ApiVersions of version 99", kafka_frame(18, 99), kafka_answer(UNSUPPORTED_VERSION)),
    ("a client id that claims more than the frame", headed(3, 4, 32767), closed),
    ("a client id of size -2", headed(3, 4, -2, bytes(8)), closed),
    ("an array of 2^31 - 1 topics", counted(3, 4, 0x7FFFFFFF), closed),
    ("an array of -2 topics", counted(3, 4, -2, b"\1"), closed),
    ("an array just above what follows", counted(3, 4, 2, kafka_string("a") + b"\1"), closed),
    ("a topic name of -2 bytes", counted(3, 4, 1, b"\xff\xfe\1"), closed),
    ("a compact array of 2^32 topics", kafka_frame(3, 9, b"\xff\xff\xff\xff\x0f", tags=b"\0"), closed),
    ("a varint that never ends", kafka_frame(3, 9, b"\xff" * 64, tags=b"\0"), closed),
    ("2^32 tagged fields in the header", kafka_frame(3, 9, b"", tags=b"\xff\xff\xff\xff\x0f"), closed),
    ("a tagged field that claims 2^32 bytes", kafka_frame(3, 9, b"", tags=b"\1\0\xff\xff\xff\xff\x0f"), closed),
    ("a topic name of 250 characters", metadata_request("n" * 250), kafka_answer(INVALID_TOPIC + kafka_string("n" * 250))),
    ("a topic name of 32,767 characters", metadata_request("n" * 32767), kafka_answer(INVALID_TOPIC)),
    ("a topic name with a slash", metadata_request("../../etc"), kafka_answer(INVALID_TOPIC)),
    ("a group id of 32,767 characters", kafka_frame(9, 1, kafka_string("g" * 32767) + struct.pack(">i", 0)), kafka_answer()),
    ("a batch with a wrong checksum", produce(batch(crc_mask=1)), refused(CORRUPT_MESSAGE)),
    ("a batch that claims 2^31 - 1 bytes", produce(batch(claimed=0x7FFFFFFF)), refused(CORRUPT_MESSAGE)),
    ("a batch that claims -1 bytes", produce(batch(claimed=-1)), refused(CORRUPT_MESSAGE)),
    ("a batch that claims 2^31 - 1 records", produce(batch(records=0x7FFFFFFF)), refused(INVALID_RECORD)),
    ("a batch that claims no records", produce(batch(records=0)), refused(INVALID_RECORD)),
    ("a batch of an old format", produce(batch(magic=1)), refused(INVALID_RECORD)),
    ("a batch of a format to come", produce(batch(magic=3)), refused(CORRUPT_MESSAGE)),
    ("two batches", produce(batch() + batch()), refused(INVALID_RECORD)),
    ("a batch cut in its record", produce(batch()[:-3]), refused(CORRUPT_MESSAGE)),
    ("a batch of other bytes", produce(b"\x55" * 200), refused(CORRUPT_MESSAGE)),
    ("records that claim more than the frame", produce(batch(), claimed=0x7FFFFFFF), closed),
    ("records of size -2", produce(batch(), claimed=-2), closed),
    ("garbage behind a valid request", METADATA + b"\xff" * 64, then(kafka_answer(b"bystander-topic"), closed)),
    ("an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", closed),
    ("a TLS client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), closed),
]

# What the generic attacks take apart: every shape of request once.
SAMPLES = [
    API_VERSIONS,
    METADATA,
    produce(batch()),
    kafka_frame(3, 9, b"\2\x10bystander-topic\0\1\0\0\0", tags=b"\0"),
    # Fetch version 4 that waits for a record.
    kafka_frame(
        1, 4, struct.pack(">iiiibi", -1, 20000, 1, 1 << 20, 0, 1) + kafka_string("silent-topic") + struct.pack(">iiqi", 1, 0, 0, 1 << 20)
    ),
    kafka_frame(9, 1, kafka_string("group") + struct.pack(">i", 0)),
]
