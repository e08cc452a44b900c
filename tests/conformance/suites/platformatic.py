"""@platformatic/kafka (JavaScript): members of both group protocols. The tests are our own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from kit import fetched
from kit.suite import Unavailable
from workshop.sources import ROOT

_TESTS = sorted((Path(__file__).resolve().parents[1] / "platformatic").glob("*.test.mjs"))
_PACKAGE = "@platformatic/kafka@2.12.1"
_INSTALL_S = 300
_WHOLE_S = 300


def _folder(results):
    folder = fetched.TOP / "platformatic"
    mark = folder / "package"
    if not mark.is_file() or mark.read_text() != _PACKAGE:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private":true}')
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", _PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL)
        results.log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            raise Unavailable(f"{_PACKAGE} cannot be had: {done.stderr.strip()[-200:]}")
        mark.write_text(_PACKAGE)
    for test in _TESTS:
        shutil.copy(test, folder)  # beside its packages, where Node.js looks for them
    return folder


def run(results):
    node = subprocess.run([ROOT / "scripts/node"], capture_output=True, text=True, check=False).stdout.strip()
    if not node or not shutil.which("npm"):
        raise Unavailable("this needs Node.js and npm")
    results.source = _PACKAGE.rpartition("@")[0] + " " + _PACKAGE.rpartition("@")[2]
    folder = _folder(results)
    with fetched.fast_broker().ready() as broker:
        environment = os.environ | {"KAFKA_BROKERS": f"127.0.0.1:{broker.ports['kafka']}"}
        for test in _TESTS:
            _run_one(results, folder, node, test.name, environment)
            broker.check_alive()


def _run_one(results, folder, node, test, environment):
    command = [node, "--test", "--test-reporter", "tap", test]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_WHOLE_S, check=False, stdin=subprocess.DEVNULL
    )
    results.log.write(done.stdout + done.stderr)
    # Names of files are results, too, in some versions of the reporter.
    outcomes = re.findall(r"^(?:    )?(ok|not ok) \d+ - ((?!.*\.mjs$).*)$", done.stdout, re.MULTILINE)
    if not outcomes:
        raise AssertionError(f"no results:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    part = test.partition(".")[0]
    for verdict, name in outcomes:
        if verdict == "ok":
            results.passed(part, name)
        else:
            results.failed(part, name, done.stdout[-3000:])
