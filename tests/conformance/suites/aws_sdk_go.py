"""AWS SDK for Go v2: every action, with signatures checked by the broker. The tests are our own, in aws-sdk-go/."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from kit import fetched
from kit.suite import Unavailable
from suites.boto import checking_broker

_HERE = Path(__file__).resolve().parents[1] / "aws-sdk-go"
_INSTALL_S = 600
_WHOLE_S = 900


def _go(results, words, settings, seconds):
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"} | settings
    done = subprocess.run(
        ["go", *words], cwd=fetched.TOP / "aws-sdk-go", env=environment, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
    results.log.write(done.stdout + done.stderr)
    return done


def run(results):
    if not shutil.which("go"):
        raise Unavailable("this needs Go")
    folder = fetched.TOP / "aws-sdk-go"
    shutil.copytree(_HERE, folder, dirs_exist_ok=True)
    version = re.search(r"service/sqs v(\S+)", (folder / "go.mod").read_text()).group(1)
    results.source = f"AWS SDK for Go v2, SQS {version}"
    done = _go(results, ["mod", "download"], {}, _INSTALL_S)
    if done.returncode != 0:
        raise Unavailable(f"its modules cannot be had: {done.stderr.strip().splitlines()[-1]}")
    with checking_broker().ready() as broker:
        settings = {"SQS_ENDPOINT": f"http://127.0.0.1:{broker.ports['aws']}"}
        done = _go(results, ["test", "-json", "-count=1", "./..."], settings, _WHOLE_S)
        broker.check_alive()
    said, ended = {}, set()
    for line in filter(lambda text: text.startswith("{"), done.stdout.splitlines()):
        event = json.loads(line)
        name = event.get("Test")
        if name and event["Action"] == "output":
            said[name] = said.get(name, "") + event["Output"]
        elif name and event["Action"] in ("pass", "fail"):
            ended.add(name)
            if event["Action"] == "pass":
                results.passed("sqs_test", name)
            else:
                results.failed("sqs_test", name, said.get(name, ""))
    if not ended or (done.returncode != 0 and not results.counts().failed):
        results.failed("sqs_test", "the tests were built and ran to their end", done.stdout[-3000:] + done.stderr[-3000:])
