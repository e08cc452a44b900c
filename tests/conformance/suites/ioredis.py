"""ioredis's functional tests, from the checkout that SUITE_IOREDIS names. They want the broker on port 6379 of this machine."""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from kit import fetched, skips
from kit.suite import Unavailable
from workshop.sources import ROOT

_SKIPS = Path(__file__).resolve().parents[1] / "ioredis" / "skips.txt"
_PORT = 6379
_INSTALL_S = 600
_WHOLE_S = 900
_FILES = ("test/helpers/*.ts", "test/functional/*.ts", "test/functional/commands/**/*.ts")
_ELSEWHERE = "test/functional/sentinel*.ts"  # they, and those of cluster/, talk to servers of the suite's own
_TEST_MS = 60_000


def _busy():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", _PORT)) == 0


def _tree(results):
    origin = fetched.checkout("ioredis")
    if origin is None:
        raise Unavailable("name a checkout of it with SUITE_IOREDIS; the package in the registry has no tests")
    if _busy():
        raise Unavailable(f"something listens on port {_PORT}, which its tests use")
    tree = fetched.TOP / "ioredis" / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(origin, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    results.source = "ioredis " + json.loads((tree / "package.json").read_text())["version"]
    if not (tree / "node_modules").is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unavailable("its packages cannot be installed: " + done.stderr.strip()[-200:])
    return tree


def _run_mocha(tree, node):
    command = [node, "node_modules/mocha/bin/mocha.js", "--no-experimental-strip-types", "--exit", "--timeout", str(_TEST_MS)]
    command += ["--reporter", "json", "--ignore", _ELSEWHERE, *_FILES]
    environment = os.environ | {"TS_NODE_TRANSPILE_ONLY": "true", "NODE_ENV": "test"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=_WHOLE_S, check=False, stdin=subprocess.DEVNULL)
    start = re.search(r"^\{\s*$", done.stdout, re.MULTILINE)
    if not start:
        raise AssertionError(f"no results:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.JSONDecoder().raw_decode(done.stdout[start.start() :])[0]


def run(results):
    node = subprocess.run([ROOT / "scripts/node"], capture_output=True, text=True, check=False).stdout.strip() or shutil.which("node")
    if not node:
        raise Unavailable("this needs Node.js")
    tree = _tree(results)
    skip_list = skips.read(_SKIPS)
    with fetched.fast_broker(ports={"redis": _PORT}).ready() as broker:
        found = _run_mocha(tree, node)
        broker.check_alive()
    for test in found["passes"]:
        results.passed(_part(tree, test), test["fullTitle"])
    for test in found["pending"]:
        results.skipped(_part(tree, test), test["fullTitle"], "the suite's own mark")
    for test in found["failures"]:
        part, name = _part(tree, test), test["fullTitle"]
        reason = skips.reason_of(skip_list, part, name)
        if reason:
            results.skipped(part, name, reason)
        else:
            results.failed(part, name, test["err"].get("message", "") + "\n" + test["err"].get("stack", "")[:600])


def _part(tree, test):
    path = test.get("file") or ""
    return path.removeprefix(f"{tree}/test/").removesuffix(".ts") or "hooks"
