"""kafkajs's own tests, from the checkout that SUITE_KAFKAJS names. They want brokers on ports 9092 to 9100 of this machine.

The three brokers that they spell out are one here with nine listeners: three plain, three with TLS, three with TLS and logins.
TESTS="admin consumer" runs the files whose paths match.
"""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from broker import program
from kit import fetched, python, skips
from kit.suite import Unavailable
from suites.confluent_python import CLIENT, PYTEST
from workshop.sources import ROOT

_SKIPS = Path(__file__).resolve().parents[1] / "kafkajs" / "skips.txt"
_FIRST_PORT, _LAST_PORT = 9092, 9100
_INSTALL_S = 900
_WHOLE_S = 2400
_KAFKA_VERSION = "2.4"  # what the tests may expect of the broker, as its own pipeline says
# What its tests run with, of what it is developed with.
_NEEDED = ("execa", "glob", "ip", "jest", "jest-circus", "jest-extended", "jest-junit", "jsonwebtoken", "mockdate", "semver", "uuid")
_USERS = {"test": "testtest", "alice": "alicealice", "bob": "bobbob"}
_ADD_PARTITIONS = """const { Kafka } = require('../index')
const admin = new Kafka({ clientId: 'partitions', brokers: ['localhost:9092'], logLevel: 0 }).admin()
admin.connect()
  .then(() => admin.createPartitions({ topicPartitions: [{ topic: process.env.TOPIC, count: Number(process.env.PARTITIONS) }] }))
  .then(() => admin.disconnect())
"""
_MAKE_TOPIC = """const { Kafka } = require('../index')
const admin = new Kafka({ clientId: 'topic', brokers: ['localhost:9092'], logLevel: 0 }).admin()
admin.connect()
  .then(() => admin.createTopics({ topics: [{ topic: 'test-topic-already-exists', numPartitions: 2 }] }))
  .then(() => admin.disconnect())
"""
# One user with a password for each mechanism, which the command line does not have.
_MAKE_SCRAM_USER = """import sys
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
admin = AdminClient({"bootstrap.servers": "127.0.0.1:9092"})
changes = [UserScramCredentialUpsertion("testscram", ScramCredentialInfo(mechanism, 8192), password)
           for mechanism, password in ((ScramMechanism.SCRAM_SHA_256, b"testtestscram=256"), (ScramMechanism.SCRAM_SHA_512, b"testtestscram=512"))]
for change in changes:
    for done in admin.alter_user_scram_credentials([change]).values():
        done.result()
"""


def _busy():
    for port in range(_FIRST_PORT, _LAST_PORT + 1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
    return None


def _tree(results, path):
    origin = fetched.checkout("kafkajs")
    if origin is None:
        raise Unavailable("name a checkout of it with SUITE_KAFKAJS; the package in the registry has no tests")
    if _busy():
        raise Unavailable(f"something listens on port {_busy()}, which its tests spell out")
    tree = fetched.TOP / "kafkajs" / "tree"
    about = json.loads((origin / "package.json").read_text(encoding="utf-8"))
    results.source = f"kafkajs {about['version']}"
    mark = tree / "origin"
    if not mark.is_file() or mark.read_text() != f"{origin} {results.source}":
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(origin, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "node_modules", "website"))
        about["devDependencies"] = {name: version for name, version in about["devDependencies"].items() if name in _NEEDED}
        (tree / "package.json").write_text(json.dumps(about, indent=2))
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"]
        done = subprocess.run(
            command, cwd=tree, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise Unavailable("its packages cannot be installed: " + done.stderr.strip()[-200:])
        # Its own script adds partitions with a tool inside a container.
        (tree / "scripts/addPartitions.js").write_text(_ADD_PARTITIONS)
        (tree / "scripts/addPartitions.sh").write_text('#!/bin/sh\nexec node "$(dirname "$0")/addPartitions.js"\n')
        (tree / "scripts/makeTopic.js").write_text(_MAKE_TOPIC)
        mark.write_text(f"{origin} {results.source}")
    return tree


def _listeners(tree):
    """Options of a broker that listens where the tests look for three."""
    certificate = [f"{tree}/server.pem", f"{tree}/server.key"]
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {certificate[1]} -out {certificate[0]}"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    tls = f",tls_certificate={certificate[0]},tls_key={certificate[1]}"
    rules = []
    for port in range(_FIRST_PORT + 1, _LAST_PORT + 1):
        kind = (port - _FIRST_PORT) % 3
        rules.append(f"name=l{port},address=127.0.0.1:{port}" + (tls if kind else "") + (",sasl=required" if kind == 2 else ""))
    return ["--kafka-listeners", "; ".join(rules), "--kafka-access", "allow", "--kafka-default-partitions", "2", "--kafka-advertised-host", "localhost"]


def _prepare(results, broker, tree, node):
    """The users and the topic that its own scripts make."""
    for name, password in _USERS.items():
        command = [program(), "user", "add", name, "--password-env", "PASSWORD", "--url", f"http://127.0.0.1:{broker.ports['http']}"]
        subprocess.run(command, env=os.environ | {"PASSWORD": password}, check=True, capture_output=True)
    programs = python.environment(results, "confluent-kafka", CLIENT, PYTEST)
    subprocess.run([programs / "python", "-c", _MAKE_SCRAM_USER], check=True, capture_output=True)
    subprocess.run([node, "scripts/makeTopic.js"], cwd=tree, check=True, capture_output=True)


def _run_jest(results, tree, node, path):
    report = tree / "results.json"
    report.unlink(missing_ok=True)
    command = [node, "node_modules/jest/bin/jest.js", "--ci", "--json", f"--outputFile={report}", "--maxWorkers=2", "--forceExit", "--reporters=default"]
    chosen = os.environ.get("TESTS", "").split()
    if chosen:
        command.append("--testPathPattern=" + "|".join(chosen))
    settings = {"PATH": path, "NODE_ENV": "test", "KAFKA_VERSION": _KAFKA_VERSION, "KAFKAJS_DEBUG_PROTOCOL_BUFFERS": "1", "TEST_RETRIES": "1"}
    with open(tree / "output", "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=tree, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            process.wait(_WHOLE_S)
        except subprocess.TimeoutExpired:
            results.failed("kafkajs", "the suite ran to its end", f"not done within {_WHOLE_S} s")
        finally:
            process.kill()
            process.wait()
    results.log.write((tree / "output").read_text(encoding="utf-8", errors="replace"))
    if not report.is_file():
        raise AssertionError("jest wrote no results; the log says why")
    return json.loads(report.read_text(encoding="utf-8"))


def _count(results, tree, found, skip_list):
    for file in found["testResults"]:
        part = file["name"].removeprefix(f"{tree}/src/").removesuffix(".spec.js").replace("/__tests__/", "/")
        if not file["assertionResults"] and file["status"] == "failed":
            results.failed(part, "the file can be read", file["message"][:2000])
        for test in file["assertionResults"]:
            reason = skips.reason_of(skip_list, part, test["fullName"])
            if test["status"] == "passed":
                results.passed(part, test["fullName"])
            elif test["status"] == "failed" and not reason:
                results.failed(part, test["fullName"], "\n".join(test["failureMessages"])[:1500])
            else:
                results.skipped(part, test["fullName"], reason or "the suite's own mark")


def run(results):
    node = subprocess.run([ROOT / "scripts/node"], capture_output=True, text=True, check=False).stdout.strip()
    if not node or not shutil.which("npm") or not shutil.which("openssl"):
        raise Unavailable("this needs Node.js, npm and openssl")
    path = f"{os.path.dirname(node)}:{os.environ['PATH']}"
    tree = _tree(results, path)
    skip_list = skips.read(_SKIPS)
    with fetched.fast_broker(*_listeners(tree), ports={"kafka": _FIRST_PORT}).ready() as broker:
        _prepare(results, broker, tree, node)
        found = _run_jest(results, tree, node, path)
        broker.check_alive()
    _count(results, tree, found, skip_list)
