"""rdkafka_performance, librdkafka's own measuring program, built once from Debian's source package under build/peers."""

import os
import re
import shutil
import subprocess
import sys
import uuid

from loads import pin
from servers import TOP
from sqs_peers import Absent, folder_of, need

sys.path[:0] = [str(TOP / "tests/conformance"), str(TOP / "scripts"), str(TOP / "tests/negative")]
from kit import fetched  # noqa: E402
from kit.suite import Unavailable  # noqa: E402

_BUILD_S = 900
_RUN_S = 900
_RATE = re.compile(r"(?:delivered|consumed) .*?: (\d+) msgs/s")


def program():
    need("make", "cc")
    home = folder_of("rdkafka")
    built = home / "tree/examples/rdkafka_performance"
    if built.exists():
        return built
    with (home / "build.log").open("w", encoding="utf-8") as log:
        try:
            shutil.copytree(fetched.debian_source("librdkafka", log), home / "tree", symlinks=True, dirs_exist_ok=True)
        except Unavailable as reason:
            raise Absent(str(reason)) from reason
        jobs = f"-j{os.cpu_count()}"
        for command in (["./configure", "--disable-sasl", "--disable-curl"], ["make", jobs, "libs"], ["make", "-C", "examples", "rdkafka_performance"]):
            done = subprocess.run(command, cwd=home / "tree", stdout=log, stderr=log, timeout=_BUILD_S, check=False, stdin=subprocess.DEVNULL)
            if done.returncode != 0:
                raise Absent(f"{' '.join(command)} of librdkafka failed; {log.name} says why")
    return built


def _run(server, cores, count, size, *words):
    command = pin([str(word) for word in (program(), "-b", server.addresses["kafka"], "-c", count, "-q", *words)], cores)
    cpu = server.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, timeout=_RUN_S, check=False, stdin=subprocess.DEVNULL)
    rates = _RATE.findall(done.stdout)
    if done.returncode != 0 or not rates:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    cpu = (server.cpu_s() - cpu) / (count * size / 2**30)
    return {"command": command, "per_s": float(rates[-1]), "server_cpu_s_per_gib": cpu, "server_rss_bytes": server.rss_bytes()}


def produce(server, cores, topic, size, count):
    """With acks=all and the library's own settings."""
    return _run(server, cores, count, size, "-P", "-t", topic, "-s", size, "-a", -1)


def consume(server, cores, topic, size, count):
    """All partitions from their start, as the one member of a new group; the rate begins with the first record."""
    return _run(server, cores, count, size, "-G", uuid.uuid4().hex, "-t", topic, "-X", "auto.offset.reset=earliest")
