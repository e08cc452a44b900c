"""What one idle queue, connection or partition costs, and a backlog of many messages: resident memory of a real broker. And what
long polls for which nothing comes cost of its time."""

import asyncio
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = ("aws", "kafka", "redis", "http")
READY_S = 30
IDLE_S = 2  # until the broker has let go of what it keeps only while it is busy


class Broker:
    def __init__(self, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-many-"))
        self.flags = flags
        self.start()

    def start(self):
        program = os.environ.get("WEIR") or str(ROOT / "build/release/weir")
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        command = [program, "serve", "--data", str(self.folder / "data"), "--ports-file", str(ports), *self.flags]
        for name in PORTS:
            command += [f"--{name}-port", "0"]
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=open(self.folder / "log", "ab"))
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() - begin > READY_S:
                raise SystemExit(f"the broker did not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.005)
        self.ready_s = time.monotonic() - begin
        self.ports = {name: int(address.rsplit(":", 1)[1]) for name, address in json.loads(ports.read_text()).items()}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def resident(self):
        time.sleep(IDLE_S)
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise SystemExit("the broker is gone")

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def show(name, count, before, after, seconds, limit=None):
    each = (after - before) / count
    verdict = "" if limit is None else f"  (limit {limit:,} B: {'ok' if each <= limit else 'ABOVE'})"
    print(f"{name}: {count:,} in {seconds:.1f} s, {each:,.0f} B each, {before / 2**20:.1f} -> {after / 2**20:.1f} MiB{verdict}")
    return limit is None or each <= limit


# ---- queues: made over a few pipelined HTTP connections


def create_queue(name):
    body = json.dumps({"QueueName": name})
    return (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.CreateQueue\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def make_queues(port, first, count):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    window = 64
    for begin in range(0, count, window):
        size = min(window, count - begin)
        writer.write(b"".join(create_queue(f"queue-{first + begin + i}") for i in range(size)))
        for _ in range(size):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n", 1)[0], head
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(length)
    writer.close()


async def queues(share):
    count = int(100_000 * share)
    with Broker() as broker:
        before = broker.resident()
        begin = time.monotonic()
        await asyncio.gather(*(make_queues(broker.ports["aws"], i * count // 8, count // 8) for i in range(8)))
        seconds = time.monotonic() - begin
        fits = show("idle queues", count, before, broker.resident(), seconds, 2048)
        broker.stop()
        broker.start()
        fits &= show("the same after a restart", count, before, broker.resident(), broker.ready_s, 2048)
        return fits


# ---- connections


async def connections(share):
    count = int(10_000 * share)
    fits = True
    for name, request in (("redis", b"PING\r\n"), ("aws", create_queue("one")), ("kafka", api_versions())):
        with Broker("--connections-max", str(count + 10)) as broker:
            before = broker.resident()
            begin = time.monotonic()
            opened = []
            for _ in range(count):
                reader, writer = await asyncio.open_connection("127.0.0.1", broker.ports[name], limit=1024)
                writer.write(request)
                await reader.read(65536)
                opened.append(writer)
            seconds = time.monotonic() - begin
            fits &= show(f"idle connections of {name}", count, before, broker.resident(), seconds, 16384)
            for writer in opened:
                writer.close()
    return fits


# ---- long polls: what they cost while nothing comes

POLL_S = 20
POLLS_MEASURED_S = 8
POLLS_CPU_MAX = 0.005  # of one core


async def polls(share):
    count = int(10_000 * share)
    with Broker("--connections-max", str(count + 10)) as broker:
        await make_queues(broker.ports["aws"], 0, 100)
        opened = [await asyncio.open_connection("127.0.0.1", broker.ports["aws"], limit=1024) for _ in range(count)]
        begin = time.monotonic()
        for i, (_, writer) in enumerate(opened):
            writer.write(sqs("ReceiveMessage", {"QueueUrl": f"queue-{i % 100}", "WaitTimeSeconds": POLL_S}))
        asked = time.monotonic()
        await asyncio.sleep(IDLE_S)  # all of them have arrived and wait
        before = broker.cpu_s()
        await asyncio.sleep(POLLS_MEASURED_S)
        idle = (broker.cpu_s() - before) / POLLS_MEASURED_S
        in_time = time.monotonic() - begin < POLL_S
        for reader, _ in opened:
            assert b" 200 " in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0]
        fits = in_time and idle <= POLLS_CPU_MAX
        print(f"idle long polls: {count:,} asked in {asked - begin:.1f} s, {100 * idle:.2f} % of a core ({'ok' if fits else 'ABOVE' if in_time else 'too slow to tell'})")
        for _, writer in opened:
            writer.close()
        return fits


# ---- Kafka, as little of it as is needed (the protocol guide's versions without tagged fields)


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def kafka_request(key, version, body, correlation=1):
    frame = struct.pack(">hhi", key, version, correlation) + string("many") + body
    return struct.pack(">i", len(frame)) + frame


def api_versions():
    return kafka_request(18, 0, b"")


async def call(reader, writer, request):
    writer.write(request)
    size = struct.unpack(">i", await reader.readexactly(4))[0]
    return await reader.readexactly(size)


async def partitions(share):
    count = int(10_000 * share)
    topics = 10
    with Broker() as broker:
        before = broker.resident()
        begin = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.ports["kafka"])
        for i in range(topics):
            topic = string(f"topic-{i}") + struct.pack(">ihii", count // topics, 1, 0, 0)
            await call(reader, writer, kafka_request(19, 2, struct.pack(">i", 1) + topic + struct.pack(">ib", 10_000, 0)))
        seconds = time.monotonic() - begin
        return show("idle partitions", count, before, broker.resident(), seconds, 2048)


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


def crc32c(data, table=crc32c_table()):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(count, size):
    records = b""
    for i in range(count):
        record = b"\0" + varint(0) + varint(i) + varint(-1) + varint(size) + b"x" * size + varint(0)
        records += varint(len(record)) + record
    now = int(time.time() * 1000)  # retention goes by it
    rest = struct.pack(">hiqqqhii", 0, count - 1, now, now, -1, -1, -1, count) + records
    return struct.pack(">qiibI", 0, len(rest) + 9, -1, 2, crc32c(rest)) + rest


async def backlog(share):
    per_batch, size = 1000, 100
    count = int(10_000_000 * share)
    with Broker() as broker:
        await make_queues(broker.ports["aws"], 0, 1)
        before = broker.resident()
        records = batch(per_batch, size)
        body = struct.pack(">hhi", -1, 1, 30_000) + struct.pack(">i", 1) + string("queue-0")
        body += struct.pack(">iii", 1, 0, len(records)) + records
        request = kafka_request(0, 3, body)
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.ports["kafka"])
        begin = time.monotonic()
        window = 16
        for _ in range(0, count // per_batch, window):
            writer.write(request * window)
            for _ in range(window):
                answer = await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0])
                # correlation, one topic, its name, one partition: index, error
                assert struct.unpack_from(">h", answer, 4 + 4 + 2 + len("queue-0") + 4 + 4)[0] == 0, answer
        seconds = time.monotonic() - begin
        full = broker.resident()
        fits = show(f"backlog of {size} B", count, before, full, seconds, 16)
        print(f"  {count / seconds:,.0f} messages/s in")
        broker.stop()
        broker.start()
        print(f"  restart in {broker.ready_s:.2f} s, {broker.resident() / 2**20:.1f} MiB")
        taken, seconds = await drain(broker.ports["aws"], min(count, 20_000))
        print(f"  {taken / seconds:,.0f} messages/s out (receive 10, delete 10, eight clients)")
        return fits


def sqs(action, body):
    text = json.dumps(body)
    return (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    ).encode()


async def ask(reader, writer, action, body):
    writer.write(sqs(action, body))
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return json.loads(await reader.readexactly(length) or b"{}")


async def drain(port, wanted):
    taken = 0

    async def worker():
        nonlocal taken
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while taken < wanted:
            got = await ask(reader, writer, "ReceiveMessage", {"QueueUrl": "queue-0", "MaxNumberOfMessages": 10})
            messages = got["Messages"]
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
            await ask(reader, writer, "DeleteMessageBatch", {"QueueUrl": "queue-0", "Entries": entries})
            taken += len(messages)

    begin = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(8)))
    return taken, time.monotonic() - begin


CASES = {"queues": queues, "connections": connections, "polls": polls, "partitions": partitions, "backlog": backlog}


def main():
    share = 0.1 if "--quick" in sys.argv else float(os.environ.get("MANY_SHARE", "1"))
    wanted = [name for name in sys.argv[1:] if not name.startswith("--")] or list(CASES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    fits = True
    for name in wanted:
        fits &= asyncio.run(CASES[name](share))
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
