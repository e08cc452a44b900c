"""sqs-consumer's own scenarios, from the checkout that SUITE_SQS_CONSUMER names. They want the broker on port 9324."""

import json
import os
import shutil
import socket
import subprocess
import urllib.request

from kit import fetched
from kit.suite import Unavailable
from workshop.sources import ROOT

_PORT = 9324
_INSTALL_S = 900
_WHOLE_S = 300
_QUEUE = "sqs-consumer-data"
# What its scenarios run with, of what it is developed with.
_NEEDED = ("@cucumber/cucumber", "chai", "p-event", "sqs-producer", "typescript", "@types/node")


def _busy():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", _PORT)) == 0


def _step(results, command, tree, path):
    done = subprocess.run(
        command, cwd=tree, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL
    )
    results.log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[:2])} in it fails: {done.stderr.strip()[-200:]}")


def _major(version):
    return version.lstrip("^~").split(".")[0]


def _tree(results, path):
    origin = fetched.checkout("sqs-consumer")
    if origin is None:
        raise Unavailable("name a checkout of it with SUITE_SQS_CONSUMER; the package in the registry has no tests")
    if _busy():
        raise Unavailable(f"something listens on port {_PORT}, which its tests spell out")
    tree = fetched.TOP / "sqs-consumer" / "tree"
    about = json.loads((origin / "package.json").read_text())
    results.source = f"sqs-consumer {about['version']}"
    mark = tree / "origin"
    if mark.is_file() and mark.read_text() == f"{origin} {results.source}":
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(origin, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "node_modules"))
    # A registry may lag behind what a checkout asks for: any version of the same major one will do.
    about["devDependencies"] = {name: "^" + _major(version) for name, version in about["devDependencies"].items() if name in _NEEDED}
    (tree / "package.json").write_text(json.dumps(about, indent=2))
    (tree / "package-lock.json").unlink(missing_ok=True)
    _step(results, ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"], tree, path)
    _step(results, ["npm", "run", "build"], tree, path)
    mark.write_text(f"{origin} {results.source}")
    return tree


def _make_queue():
    """As its own start script does with the command line."""
    request = urllib.request.Request(
        f"http://localhost:{_PORT}/",
        json.dumps({"QueueName": _QUEUE, "Attributes": {"VisibilityTimeout": "30"}}).encode(),
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.CreateQueue",
            "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["QueueUrl"]


def _count(results, report):
    for feature in json.loads(report.read_text(encoding="utf-8")):
        part = os.path.basename(feature["uri"]).removesuffix(".feature")
        for scenario in feature["elements"]:
            bad = [step for step in scenario["steps"] if step["result"]["status"] != "passed"]
            if bad:
                results.failed(part, scenario["name"], bad[0]["result"].get("error_message", bad[0]["result"]["status"]))
            else:
                results.passed(part, scenario["name"])


def run(results):
    node = subprocess.run([ROOT / "scripts/node"], capture_output=True, text=True, check=False).stdout.strip() or shutil.which("node")
    if not node or not shutil.which("npm"):
        raise Unavailable("this needs Node.js and npm")
    path = f"{os.path.dirname(node)}:{os.environ['PATH']}"
    tree = _tree(results, path)
    with fetched.fast_broker(ports={"aws": _PORT}).ready() as broker:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [node, "node_modules/@cucumber/cucumber/bin/cucumber.js", "--config", "./test/config/cucumber.mjs"]
        settings = own | {"PATH": path, "SQS_QUEUE_URL": _make_queue()}
        done = subprocess.run(command, cwd=tree, env=settings, capture_output=True, text=True, timeout=_WHOLE_S, check=False, stdin=subprocess.DEVNULL)
        results.log.write(done.stdout + done.stderr)
        broker.check_alive()
    report = tree / "test/reports/cucumber-report.json"
    if not report.is_file():
        raise AssertionError(f"no results:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    _count(results, report)
    report.unlink()
