"""A full disk: writers get their protocol's retriable error, everything else goes on, and space brings the writers back."""

import contextlib
import os
import struct
import subprocess
import tempfile

import cases_kafka
import wire
from broker import Broker, until
from suite import Skip

DISK = "160m"
FILE_BYTES = 8 << 20
SENDS_MAX = 600
BODY = "b" * (1 << 20)
URL = "http://localhost/000000000000/full"
RECOVERY_S = 30


@contextlib.contextmanager
def small_disk():
    folder = tempfile.mkdtemp(prefix="weir-negative-disk-")
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], capture_output=True, check=False)
        if mounted.returncode != 0:
            raise Skip(f"no small disk here: {mounted.stderr.decode().strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        os.rmdir(folder)


def send(connection):
    return wire.sqs(connection, "SendMessage", QueueUrl=URL, MessageBody=BODY)


def fill(connection):
    """Sends until the disk is full; returns how many were stored."""
    for stored in range(SENDS_MAX):
        status, answer = send(connection)
        if status != 200:
            assert status == 503 and answer["__type"].endswith("#ServiceUnavailable"), (status, answer)
            return stored
    raise AssertionError(f"{SENDS_MAX} MiB went onto a disk of {DISK}")


def start(folder):
    return Broker(data=f"{folder}/data", environment={"WEIR_STORAGE_FILE_BYTES": str(FILE_BYTES)})


def check(suite):
    # The cases below rest on one another; when the first is skipped or fails, there is nothing to ask of the rest.
    with suite.case("a full disk"), small_disk() as folder:
        with start(folder) as broker:
            broker.ready()
            with wire.Wire(broker.ports["aws"], 30) as connection:
                assert wire.sqs(connection, "CreateQueue", QueueName="full")[0] == 200
                with wire.Wire(broker.ports["kafka"]) as kafka:
                    kafka.send(cases_kafka.METADATA)
                    wire.read_kafka(kafka)
                stored = check_filled(suite, broker, connection)
            with suite.case("a disk that was full: the broker stops, and starts with all that it had stored"):
                assert broker.terminate(within_s=20) == 0, broker.log()[-4000:]
                with start(folder) as again:
                    check_stored(again.ready(), stored)


def check_filled(suite, broker, connection):
    with suite.case("a full disk: SQS sends get ServiceUnavailable"):
        stored = fill(connection)
        suite.note(f"{stored} MiB were stored on a disk of {DISK}")
        assert stored > 60, stored
        broker.check_alive()
    with suite.case("a full disk: receives and deletes go on"):
        for _ in range(5):
            status, answer = wire.sqs(connection, "ReceiveMessage", QueueUrl=URL)
            assert status == 200 and answer["Messages"][0]["Body"] == BODY, str(answer)[:300]
            handle = answer["Messages"][0]["ReceiptHandle"]
            status, answer = wire.sqs(connection, "DeleteMessage", QueueUrl=URL, ReceiptHandle=handle)
            assert status == 200, answer
    with suite.case("a full disk: Kafka's producers get KAFKA_STORAGE_ERROR"), wire.Wire(broker.ports["kafka"]) as kafka:
        kafka.send(cases_kafka.produce(cases_kafka.batch()))
        answer = wire.read_kafka(kafka)
        assert struct.pack(">h", 56) in answer, answer
    with suite.case("a full disk: Redis writers get MISCONF, readers are answered"), wire.Wire(broker.ports["redis"]) as redis:
        answer = wire.redis(redis, "LPUSH", "list", "value")
        assert isinstance(answer, bytes) and answer.startswith(b"-MISCONF"), answer
        assert wire.redis(redis, "LLEN", "list") == 0
    with suite.case("a full disk: sends work again once a purge made room"):
        status, answer = wire.sqs(connection, "PurgeQueue", QueueUrl=URL)
        assert status == 200, answer
        until(lambda: send(connection)[0] == 200, RECOVERY_S, "a send that is stored")
        stored = 1
        for stored in range(2, 22):
            status, answer = send(connection)
            assert status == 200, answer
        broker.check_alive()
        return stored


def check_stored(broker, stored):
    """Exactly the messages that were sent behind the purge."""
    with wire.Wire(broker.ports["aws"]) as connection:
        for number in range(stored):
            status, answer = wire.sqs(connection, "ReceiveMessage", QueueUrl=URL)
            assert status == 200 and answer.get("Messages"), f"{number} of {stored} messages: {str(answer)[:300]}"
            assert answer["Messages"][0]["Body"] == BODY
        status, answer = wire.sqs(connection, "ReceiveMessage", QueueUrl=URL)
        assert status == 200 and not answer.get("Messages"), f"more than {stored} messages"
    broker.check_alive()
