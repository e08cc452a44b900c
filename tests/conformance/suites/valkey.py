"""The TCL suites of Valkey or Redis in external mode: the checkout that SUITE_VALKEY names, else Debian's Redis source; and
those of Redis 8 about streams: the checkout that SUITE_REDIS8 names, else the source in Debian's experimental suite.

A unit at a time against a fresh broker, so that one that goes wrong does not take the others along. What the suite itself
tags as impossible for a server of another make is left out by its tags; everything else stands in valkey/skips.txt.
"""

import fnmatch
import os
import re
import shutil
import subprocess
from pathlib import Path

from kit import fetched, skips
from kit.suite import Unavailable

_FOLDER = Path(__file__).resolve().parents[1] / "valkey"
_SKIPS = _FOLDER / "skips.txt"
_SKIPS_8 = _FOLDER / "skips8.txt"
_UNITS_8 = ("type/stream", "type/stream-cgroups")
_UNITS = (
    "type/list", "type/list-2", "type/list-3", "type/stream", "type/stream-cgroups", "pubsub", "pubsubshard", "multi", "expire",
    "keyspace", "scan", "type/string", "type/incr", "type/hash", "type/set", "type/zset", "introspection", "introspection-2",
    "info", "info-command", "protocol", "quit", "slowlog", "auth", "other", "sort", "wait", "limits", "querybuf",
)  # fmt: skip
# What only the server that the suite was written for has: its DEBUG command, replicas.
_DENIED = ("needs:debug", "needs:repl", "large-memory")
_QUIET_S = 120  # without progress, then the suite gives up
_WHOLE_S = 900
_LINE = re.compile(r"^\[(ok|err|skip|ignore|exception|TIMEOUT)\]:? ?(.*)$")
_ENDED = "with the broker still alive"


def _tree(origin, name):
    """A copy of the suite to run in: it writes into its own folder and looks for a server program there."""
    if not (origin / "runtest").is_file():
        raise Unavailable(f"{origin} has no runtest")
    tree = fetched.TOP / name / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(origin / "tests", tree / "tests")
    shutil.copy(origin / "runtest", tree)
    (tree / "src").mkdir()
    for program in ("redis-server", "valkey-server", "redis-cli", "valkey-cli", "redis-benchmark", "valkey-benchmark"):
        (tree / "src" / program).symlink_to(shutil.which("true"))
    return tree


def _describe(origin):
    if (origin / "debian/changelog").is_file():
        return f"Redis {fetched.debian_version(origin)}"
    version = (origin / "src/version.h").read_text(encoding="utf-8")
    return "Valkey or Redis " + re.search(r'_VERSION "([^"]+)"', version).group(1)


def _run_unit(results, tree, unit, skip_list):
    names = [name for part, name, _ in skip_list if fnmatch.fnmatchcase(unit, part)]
    skip_file = tree / "skip"
    skip_file.write_text("\n".join(names) + "\n", encoding="utf-8")
    with fetched.fast_broker().ready() as broker:
        command = [
            "./runtest", "--host", "127.0.0.1", "--port", str(broker.ports["redis"]), "--single", f"unit/{unit}", "--durable",
            "--timeout", str(_QUIET_S), "--ignore-digest", "--ignore-encoding", "--skipfile", str(skip_file),
            "--tags", " ".join(f"-{tag}" for tag in _DENIED),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=tree, capture_output=True, timeout=_WHOLE_S, check=False, stdin=subprocess.DEVNULL, env=os.environ | {"TERM": "dumb"}
            )
            output = done.stdout
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"") + f"\n[TIMEOUT]: after {_WHOLE_S} s\n".encode()
        _count(results, unit, output.decode(errors="replace"), skip_list)
        try:
            broker.check_alive()
            results.passed(unit, _ENDED)
        except AssertionError as dead:
            results.failed(unit, _ENDED, str(dead))


def _count(results, unit, output, skip_list):
    results.log.write(f"---- {unit}\n{output}")
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    body = output.split("\n                   The End\n")[0]
    for line in body.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        kind, text = found.groups()
        if kind == "ok":
            results.passed(unit, text)
        elif kind == "skip":
            results.skipped(unit, text, skips.reason_of(skip_list, unit, text) or "no reason given")
        elif kind == "ignore":
            name, _, why = text.rpartition(": ")
            results.skipped(unit, name.removesuffix(": Tag").removeprefix("Tag") or "a block of tests", f"the suite's own tags: {why}")
        else:
            results.failed(unit, text or kind)
    if "The End" not in output:
        results.failed(unit, "the suite ran to its end", output[-2000:])


def _run(results, origin, name, units, skip_path):
    tree = _tree(origin, name)
    results.source = _describe(origin)
    skip_list = skips.read(skip_path)
    chosen = os.environ.get("UNITS", "").split()
    for unit in units:
        if not (tree / "tests/unit" / f"{unit}.tcl").is_file():
            results.skipped(unit, "all", "this version of the suite has no such unit")
        elif not chosen or unit in chosen:
            _run_unit(results, tree, unit, skip_list)


def _needs_tcl():
    if not shutil.which("tclsh"):
        raise Unavailable("this needs tclsh")


def run(results):
    _needs_tcl()
    _run(results, fetched.checkout("valkey") or fetched.debian_source("redis", results.log), "valkey", _UNITS, _SKIPS)


def run_redis8(results):
    _needs_tcl()
    origin = fetched.checkout("redis8") or fetched.debian_source("redis", results.log, suite="experimental")
    _run(results, origin, "redis8", _UNITS_8, _SKIPS_8)
