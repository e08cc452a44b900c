"""A disk that stands still: clients that bring data wait in their sockets, memory stays bounded, everybody else is served, and
all goes on when the disk does. The disk is a file with a file system of its own that is frozen."""

import contextlib
import shutil
import subprocess
import tempfile
import threading

import wire
from broker import Broker, until
from suite import Skip

DISK_BYTES = 700 << 20
BODY = "b" * (128 << 10)
CONNECTIONS = 8
SQS_REQUESTS = 40  # of each connection; 40 MiB in all
REDIS_REQUESTS = 320  # of a quarter of the body; 80 MiB in all
PATIENCE_S = 60
# What docs/limits.md allows to wait for the disk, the read buffers of the senders, and the copies of both on their way.
GROWTH_BYTES_MAX = 96 << 20
PAUSED = "weir_journal_pauses"


def must(*command):
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode != 0:
        raise Skip(f"no disk that can be frozen here: {ran.stderr.decode().strip()}")


@contextlib.contextmanager
def slow_disk():
    if not all(map(shutil.which, ("mkfs.ext4", "fsfreeze", "mount"))):
        raise Skip("without mkfs.ext4, fsfreeze or mount")
    with tempfile.TemporaryDirectory(prefix="weir-negative-stall-") as folder:
        image, disk = f"{folder}/image", f"{folder}/disk"
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
        must("mkfs.ext4", "-q", "-F", image)
        must("mkdir", disk)
        must("mount", "-o", "loop", image, disk)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)


@contextlib.contextmanager
def frozen(disk):
    must("fsfreeze", "-f", disk)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", disk], check=True)


class Senders(threading.Thread):
    """One connection that sends its requests without reading, and then reads all the answers."""

    def __init__(self, port, request, count, read):
        super().__init__(daemon=True)
        self.port, self.request, self.count, self.read = port, request, count, read
        self.good = 0

    def run(self):
        with wire.Wire(self.port, PATIENCE_S) as connection:
            for _ in range(self.count):
                connection.send(self.request)
            for _ in range(self.count):
                self.good += self.read(connection)


def metric(broker, name):
    with wire.Wire(broker.ports["http"]) as connection:
        connection.send(wire.http_request("GET", "/metrics"))
        _, _, body = wire.read_http(connection)
    return next(float(line.split()[-1]) for line in body.decode().splitlines() if line.startswith(name))


def check(suite):
    for shards in ("1", "2"):
        title = f"a disk that stands still, {shards} shards: who brings data waits, memory is bounded, nobody is refused"
        with suite.case(title), slow_disk() as disk:
            environment = {"WEIR_STORAGE_FILE_BYTES": str(16 << 20)}
            with Broker("--shards", shards, data=f"{disk}/data", environment=environment) as broker:
                broker.ready()
                check_stall(suite, broker, disk)


def check_stall(suite, broker, disk):
    with wire.Wire(broker.ports["aws"], PATIENCE_S) as connection:
        assert wire.sqs(connection, "CreateQueue", QueueName="stalled")[0] == 200
    before = broker.resident_bytes()
    send = wire.sqs_request("SendMessage", {"QueueUrl": "stalled", "MessageBody": BODY})
    push = wire.resp("LPUSH", "pushed", BODY[: len(BODY) // 4])
    senders = [Senders(broker.ports["aws"], send, SQS_REQUESTS, lambda c: wire.read_http(c)[0] == 200) for _ in range(CONNECTIONS)]
    senders += [Senders(broker.ports["redis"], push, REDIS_REQUESTS, lambda c: isinstance(wire.read_resp(c), int)) for _ in range(CONNECTIONS)]
    with frozen(disk):
        for sender in senders:
            sender.start()
        until(lambda: metric(broker, PAUSED) > 0, PATIENCE_S, "clients that are not read")
        with wire.Wire(broker.ports["redis"]) as redis, wire.Wire(broker.ports["kafka"]) as kafka:
            for _ in range(500):
                assert wire.redis(redis, "PING") == b"+PONG"
                kafka.send(wire.API_VERSIONS)
                wire.read_kafka(kafka)
        grown = broker.resident_bytes() - before
        assert not any(sender.good for sender in senders), "something was acknowledged on a disk that stands still"
        assert grown < GROWTH_BYTES_MAX, f"resident memory grew by {grown >> 20} MiB"
    for sender in senders:
        sender.join(PATIENCE_S)
        assert not sender.is_alive(), "a client still waits"
    good = [sender.good for sender in senders]
    assert good == [sender.count for sender in senders], good
    suite.note(f"resident memory grew by {grown >> 20} MiB while {sum(good)} requests waited")
    broker.check_alive()
