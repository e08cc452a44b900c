"""AWS SDK for Java v2: every action, with signatures checked by the broker. The tests are our own, in aws-sdk-java/."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from kit import fetched, junit
from kit.suite import Unavailable
from suites.boto import checking_broker

_HERE = Path(__file__).resolve().parents[1] / "aws-sdk-java"
_INSTALL_S = 600
_WHOLE_S = 300


def _maven(results, words, settings, seconds):
    repository = fetched.TOP / "maven"
    done = subprocess.run(
        ["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", *words],
        cwd=fetched.TOP / "aws-sdk-java",
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    results.log.write(done.stdout + done.stderr)
    return done


def run(results):
    if not shutil.which("mvn") or not shutil.which("javac"):
        raise Unavailable("this needs Maven and a Java development kit")
    folder = fetched.TOP / "aws-sdk-java"
    shutil.copytree(_HERE, folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "target", ignore_errors=True)
    version = re.search(r"<sqs.version>(.*)</sqs.version>", (folder / "pom.xml").read_text()).group(1)
    results.source = f"AWS SDK for Java {version}"
    if _maven(results, ["test-compile"], {}, _INSTALL_S).returncode != 0:
        raise Unavailable("its artifacts cannot be had, or the tests not be built; the log says why")
    with checking_broker().ready() as broker:
        settings = {"SQS_ENDPOINT": f"http://127.0.0.1:{broker.ports['aws']}"}
        done = _maven(results, ["surefire:test"], settings, _WHOLE_S)
        broker.check_alive()
    reports = list((folder / "target/surefire-reports").glob("TEST-*.xml"))
    if not reports:
        raise AssertionError(f"no results:\n{done.stdout[-3000:]}")
    for report in reports:
        junit.count(results, report)
