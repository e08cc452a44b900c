"""librdkafka's own test programs, built from SUITE_LIBRDKAFKA or Debian's source: those that need a broker, one at a time.

Tests that mock their broker say nothing about ours and are not run. The rest that is left out stands in
librdkafka/skips.txt. TESTS="0012 0030" runs some.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from broker import Broker
from kit import fetched, skips
from kit.suite import Unavailable

_SKIPS = Path(__file__).resolve().parents[1] / "librdkafka" / "skips.txt"
_BUILD_S = 1500
_TEST_S = 90
_KAFKA_VERSION = "3.0.0"  # what the tests may expect of the broker
# They start two consumers and expect both in the first rebalance, for which Apache Kafka waits this long.
_PATIENT = ("0089_max_poll_interval", "0118_commit_rebalance")
_PATIENCE_MS = "3000"
_MACRO = re.compile(r"^ +_TEST\(\s*(\w+),\s*([^,)]+)", re.MULTILINE)


def _build(results):
    origin = fetched.checkout("librdkafka") or fetched.debian_source("librdkafka", results.log)
    tree = fetched.TOP / "librdkafka" / "tree"
    results.source = "librdkafka " + _version(origin)
    if (tree / "tests/test-runner").is_file() and (tree / "origin").read_text() == f"{origin} {results.source}":
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(origin, tree, symlinks=True)
    jobs = os.environ.get("JOBS", str(os.cpu_count()))
    for command in (
        ["./configure", "--disable-sasl", "--disable-curl"],
        ["make", f"-j{jobs}", "libs"],
        ["make", f"-j{jobs}", "-C", "tests", "build"],
    ):
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_BUILD_S, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            results.log.write(done.stdout + done.stderr)
            raise Unavailable(f"{' '.join(command)} of librdkafka failed; the log says why")
    (tree / "origin").write_text(f"{origin} {results.source}")
    return tree


def _version(origin):
    number = re.search(r"#define RD_KAFKA_VERSION\s+0x([0-9a-fA-F]{8})", (origin / "src/rdkafka.h").read_text()).group(1)
    return ".".join(str(int(number[i : i + 2], 16)) for i in (0, 2, 4))


def _tests(tree):
    """[(name, flags)] of the tests that the runner knows."""
    text = (tree / "tests/test.c").read_text()
    return [(name, flags) for name, flags in _MACRO.findall(text) if name[0].isdigit()]


def _run_test(results, tree, config, name):
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": f"{tree}/src:{tree}/src-cpp",
        "RDKAFKA_TEST_CONF": str(config),
        "TEST_KAFKA_VERSION": _KAFKA_VERSION,
        "TESTS": name,
    }
    command = ["./test-runner", "-p1", "-Q", "-E", "-L"]
    try:
        done = subprocess.run(
            command, cwd=tree / "tests", env=environment, capture_output=True, timeout=_TEST_S, check=False, stdin=subprocess.DEVNULL
        )
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        code, output = None, (late.stdout or b"") + (late.stderr or b"")
    text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode(errors="replace"))
    verdict = re.search(rf"\|\s*{name}\s*\|\s*(\w+)", text)
    if code == 0 and verdict and verdict.group(1) == "PASSED":
        results.passed("test-runner", name)
    elif code == 0 and (not verdict or verdict.group(1) == "SKIPPED"):
        reason = re.search(r"SKIPPING TEST: (.*)|TEST SKIPPED: (.*)", text)
        results.skipped("test-runner", name, "the test leaves itself out" + (f": {(reason.group(1) or reason.group(2)).strip()}" if reason else ""))
    else:
        results.failed("test-runner", name, ("not done in time\n" if code is None else "") + text[-3000:])


def run(results):
    if not shutil.which("make") or not shutil.which("cc") or not shutil.which("c++"):
        raise Unavailable("this needs make, cc and c++")
    tree = _build(results)
    skip_list = skips.read(_SKIPS)
    chosen = os.environ.get("TESTS", "").split()
    settings = {"WEIR_KAFKA_DEFAULT_PARTITIONS": "4"}
    chosen_tests = [
        (name, flags) for name, flags in _tests(tree) if not chosen or any(name.startswith(part) for part in chosen)
    ]
    with Broker(environment=settings).ready() as broker:
        _run_tests(results, tree, broker, skip_list, [test for test in chosen_tests if test[0] not in _PATIENT])
    with Broker(environment=settings | {"WEIR_KAFKA_GROUP_INITIAL_DELAY_MS": _PATIENCE_MS}).ready() as broker:
        _run_tests(results, tree, broker, skip_list, [test for test in chosen_tests if test[0] in _PATIENT])


def _run_tests(results, tree, broker, skip_list, tests):
    config = tree / "weir.conf"
    config.write_text(f"bootstrap.servers=127.0.0.1:{broker.ports['kafka']}\ntest.topic.random=true\n")
    for name, flags in tests:
        reason = skips.reason_of(skip_list, "test-runner", name)
        if "TEST_F_LOCAL" in flags:
            continue
        if "TEST_F_SOCKEM" in flags:
            reason = reason or "needs the suite's own bad network"
        if "TEST_F_MANUAL" in flags or "TEST_F_KNOWN_ISSUE" in flags:
            reason = reason or "the suite's own mark: manual or a known issue"
        if reason:
            results.skipped("test-runner", name, reason)
            continue
        _run_test(results, tree, config, name)
        broker.check_alive()
