"""kcat of Debian: lists, produces with every codec, consumes by offset and by time, and as a member of a group."""

import json
import re
import shutil
import subprocess

from broker import Broker
from kit.suite import Unavailable

_COMMAND_S = 60
_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class _Kcat:
    def __init__(self, results, port):
        self._results, self._port = results, port

    def __call__(self, *words, typed=""):
        command = ["kcat", "-b", f"127.0.0.1:{self._port}", *words]
        try:
            done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
        except subprocess.TimeoutExpired:
            self.said = f"$ {' '.join(command)}\nnot done within {_COMMAND_S} s"
            return ""
        self.said = f"$ {' '.join(command)}\nstatus {done.returncode}\n{done.stdout[:2000]}{done.stderr[-2000:]}"
        return done.stdout if done.returncode == 0 else ""

    def check(self, name, holds):
        if holds:
            self._results.passed("kcat", name)
        else:
            self._results.failed("kcat", name, self.said)


def _check_records(kcat):
    lines = [f"key-{i}:value-{i}" for i in range(1000)]
    for codec in _CODECS:
        topic = f"codec-{codec}"
        kcat("-P", "-t", topic, "-K:", "-z", codec, typed="\n".join(lines) + "\n")
        seen = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-K:")
        kcat.check(f"a thousand records with codec {codec}", sorted(seen.split()) == sorted(lines))
    kcat("-P", "-t", "headers", "-H", "one=1", "-H", "two=2", "-k", "k", typed="v\n")
    seen = kcat("-C", "-t", "headers", "-e", "-q", "-f", "%h %k %s\n")
    kcat.check("headers", seen == "one=1,two=2 k v\n")
    kcat("-P", "-t", "null", "-Z", "-K:", typed="gone:\n")
    seen = kcat("-C", "-t", "null", "-e", "-q", "-J")
    kcat.check("a null value as JSON", seen != "" and json.loads(seen)["payload"] is None)
    kcat("-P", "-t", "idempotent", "-X", "enable.idempotence=true", typed="".join(f"{i}\n" for i in range(500)))
    seen = kcat("-C", "-t", "idempotent", "-e", "-q")
    kcat.check("an idempotent producer", sorted(map(int, seen.split())) == list(range(500)))


def _check_positions(kcat):
    kcat("-P", "-t", "positions", "-p", "0", typed="".join(f"{i}\n" for i in range(100)))
    kcat.check("from an offset", kcat("-C", "-t", "positions", "-p", "0", "-o", "95", "-e", "-q") == "95\n96\n97\n98\n99\n")
    kcat.check("the last ones", kcat("-C", "-t", "positions", "-p", "0", "-o", "-3", "-e", "-q") == "97\n98\n99\n")
    kcat.check("a number of messages", kcat("-C", "-t", "positions", "-p", "0", "-o", "10", "-c", "2", "-q") == "10\n11\n")
    kcat.check("from a time in the past", kcat("-C", "-t", "positions", "-p", "0", "-o", "s@1000", "-e", "-q").startswith("0\n1\n"))
    kcat.check("the offset of a time", re.search(r"positions \[0\] offset 0$", kcat("-Q", "-t", "positions:0:1000"), re.MULTILINE))
    kcat.check("offsets as shown", kcat("-C", "-t", "positions", "-p", "0", "-o", "5", "-c", "1", "-q", "-f", "%t %p %o %s\n") == "positions 0 5 5\n")


def _check_groups(kcat):
    kcat("-P", "-t", "grouped", typed="".join(f"{i}\n" for i in range(50)))
    options = ["-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000", "-e", "-q", "-G"]
    first = kcat(*options, "one", "grouped")
    kcat.check("a group reads all", sorted(map(int, first.split())) == list(range(50)))
    kcat("-P", "-t", "grouped", typed="more\n")
    kcat.check("and goes on where it was", kcat(*options, "one", "grouped") == "more\n")
    kcat.check("another group reads all again", len(kcat(*options, "two", "grouped").split()) == 51)
    kcat.check("topics by a pattern", len(kcat(*options, "three", "^grou.*").split()) == 51)


def _check_listing(kcat):
    listing = json.loads(kcat("-L", "-J") or "{}")
    topics = {topic["topic"] for topic in listing.get("topics", [])}
    kcat.check("one broker", len(listing.get("brokers", [])) == 1)
    kcat.check("the topics that were made", {"headers", "positions", "grouped"} <= topics)


def run(results):
    if not shutil.which("kcat"):
        raise Unavailable("this needs kcat")
    text = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Version (\S+) .*librdkafka (\S+)", text)
    results.source = f"kcat {found.group(1)} with librdkafka {found.group(2)}" if found else "kcat"
    with Broker().ready() as broker:
        kcat = _Kcat(results, broker.ports["kafka"])
        for part in (_check_records, _check_positions, _check_groups, _check_listing):
            part(kcat)
        broker.check_alive()
