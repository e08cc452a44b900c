"""The broker under test: a real process with its own data folder, free ports and a log file."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTS = ("aws", "kafka", "redis", "http")
START_S = 20
# What a broker logs when it is about to die, or should have.
CRASH_WORDS = re.compile(r"weir: bug|assert|terminate called|Sanitizer|Segmentation|uncaught|bad_alloc", re.IGNORECASE)


def program():
    """$WEIR, else the dev build, else the release build."""
    candidates = [os.environ.get("WEIR"), ROOT / "build/dev/weir", ROOT / "build/release/weir"]
    for candidate in candidates:
        if candidate and pathlib.Path(candidate).exists():
            return str(pathlib.Path(candidate).resolve())
    raise SystemExit("no weir program; run make build, or set WEIR")


def until(condition, seconds, what):
    """Asks `condition` until it gives something true, and returns that; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class Broker:
    """Use with `with`: leaving the block ends the process and removes what it stored."""

    def __init__(self, *arguments, data=None, environment=None, ports=None):
        self.folder = tempfile.mkdtemp(prefix="weir-negative-")
        self.data = data or f"{self.folder}/data"
        self.log_path = f"{self.folder}/log"
        self.ports_path = f"{self.folder}/ports.json"
        chosen = {name: 0 for name in PORTS} | (ports or {})
        flags = [word for name, port in chosen.items() for word in (f"--{name}-port", str(port))]
        command = [program(), "serve", "--data", self.data, "--ports-file", self.ports_path, *flags, *arguments]
        own = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own | (environment or {})
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ready(self):
        def started():
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with {self.process.returncode}:\n{self.log()}")
            return os.path.exists(self.ports_path)

        until(started, START_S, "the ports file")
        with open(self.ports_path, encoding="utf-8") as file:
            addresses = json.load(file)
        self.ports = {name: int(address.rsplit(":", 1)[1]) for name, address in addresses.items()}
        return self

    def refused(self):
        """Waits for the end of a broker that must not start; returns its status and its words."""
        return self.process.wait(START_S), self.log()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check_alive(self):
        assert self.process.poll() is None, f"the broker ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        found = CRASH_WORDS.search(self.log())
        assert not found, f"the broker's log says {found.group()!r}:\n{self.log()[-4000:]}"

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024

    def terminate(self, within_s):
        """SIGTERM; returns the exit status, fails when the process takes longer."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)
