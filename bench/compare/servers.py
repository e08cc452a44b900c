"""Servers under measurement: Weir, and the peers that are unpacked from Debian's own packages into build/peers."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PEERS = TOP / "build" / "peers"
START_S = 30


def tool(name):
    """A program of ours, from the benchmark build or else the development build."""
    for preset in (os.environ.get("BENCH_PRESET", "bench"), "release", "dev"):
        for path in (TOP / "build" / preset).glob(f"bench/*/{name}"):
            return path
    raise SystemExit(f"{name} is not built: scripts/build bench")


def weir_binary():
    for path in (os.environ.get("WEIR", ""), TOP / "build/release/weir", TOP / "build/bench/weir", TOP / "build/dev/weir"):
        if path and os.access(path, os.X_OK):
            return Path(path).resolve()
    raise SystemExit("no weir program: make build")


def unpack_redis():
    """Debian's redis-server and redis-benchmark, unpacked without installing them."""
    if not (PEERS / "usr/bin/redis-server").exists():
        PEERS.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "redis-server", "redis-tools"], cwd=PEERS, check=True, stderr=subprocess.DEVNULL)
        for package in PEERS.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, PEERS], check=True)
    return PEERS / "usr/bin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server. `addresses` maps a protocol to host:port; `cores` pins it (taskset)."""

    name = "server"
    durability = ""

    def __init__(self, folder, cores=""):
        self.folder = Path(tempfile.mkdtemp(prefix="weir-bench-", dir=folder))
        self.log = (self.folder / "log").open("w")
        self.cores = cores
        self.addresses = {}
        self.process = None

    def spawn(self, command):
        pinned = ["taskset", "-c", self.cores, *command] if self.cores else command
        self.command = [str(word) for word in pinned]
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def wait_until(self, ready, seconds=START_S):
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.005)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Weir(Server):
    name = "weir"
    durability = "fsync"

    def __init__(self, folder, cores=""):
        super().__init__(folder, cores)
        self.start()

    def start(self):
        """Answers how long it took until the ports file was there, in seconds."""
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        began = time.monotonic()
        flags = [word for key in ("kafka", "aws", "redis", "http") for word in (f"--{key}-port", "0")]
        self.spawn([weir_binary(), "serve", "--data", self.folder / "data", *flags, "--ports-file", ports])
        self.wait_until(ports.exists)
        took = time.monotonic() - began
        self.addresses = json.loads(ports.read_text())
        return took

    @staticmethod
    def version():
        return subprocess.run([weir_binary(), "version"], capture_output=True, text=True, check=False).stdout.strip()


class Redis(Server):
    def __init__(self, folder, cores="", persistence="none"):
        super().__init__(folder, cores)
        self.name = f"redis ({persistence})"
        self.durability = {"none": "memory", "always": "fsync", "everysec": "os, flushed each second"}[persistence]
        port = free_port()
        settings = ["--appendonly", "no"] if persistence == "none" else ["--appendonly", "yes", "--appendfsync", persistence]
        self.spawn([unpack_redis() / "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder, *settings])
        self.addresses = {"redis": f"127.0.0.1:{port}"}
        self.wait_until(lambda: self.answers(port))

    @staticmethod
    def answers(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    @staticmethod
    def version():
        return subprocess.run([unpack_redis() / "redis-server", "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Echo(Server):
    name = "echo"

    def __init__(self, folder, cores=""):
        super().__init__(folder, cores)
        port = free_port()
        command = [tool("weir-echo"), str(port)]
        pinned = ["taskset", "-c", cores, *command] if cores else command
        self.process = subprocess.Popen(pinned, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        self.addresses = {"echo": f"127.0.0.1:{port}"}
        self.wait_until(lambda: Redis.answers(port))


class KafkaNull(Server):
    """Speaks Kafka and stores nothing (bench/kafka_null): what a tool reaches against it is what the tool can do at most."""

    name = "weir-kafka-null"

    def __init__(self, folder, cores=""):
        super().__init__(folder, cores)
        port = free_port()
        command = [str(tool("weir-kafka-null")), str(port)]
        self.command = ["taskset", "-c", cores, *command] if cores else command
        # It ends with its standard input.
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        self.addresses = {"kafka": f"127.0.0.1:{port}"}
        self.wait_until(lambda: Redis.answers(port))
