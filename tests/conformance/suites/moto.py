"""moto's tests of SQS in server mode, from its source package: they drive boto3 against an endpoint. They want port 5000."""

import shutil
import socket
from pathlib import Path

from kit import fetched, python, skips
from kit.suite import Unavailable

_HERE = Path(__file__).resolve().parents[1] / "moto"
_VERSION = "5.2.5"
_PORT = 5000  # some tests spell it out
_WHOLE_S = 600
_FILES = ("test_sqs.py", "test_sqs_message_attributes.py", "test_sqs_multiaccount.py")
# What they need beside SQS, so that a server of SQS alone has nothing to say to them.
_OTHER_FILES = {
    "test_server": "talks to a server inside the test's own process",
    "test_sqs_authentication": "needs users and roles (IAM, STS)",
    "test_sqs_cloudformation": "needs CloudFormation",
    "test_sqs_integration": "needs Lambda",
}


def _busy():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", _PORT)) == 0


def run(results):
    programs = python.environment(results, "moto", f"moto[server]=={_VERSION}", "pytest==9.0.2", "freezegun==1.5.5")
    tree = python.source(results, "moto", _VERSION)
    results.source = f"moto {_VERSION}"
    if _busy():
        raise Unavailable(f"something listens on port {_PORT}, which its tests spell out")
    shutil.copy(_HERE / "conftest.py", tree / "tests/test_sqs/conftest.py")
    for part, reason in _OTHER_FILES.items():
        results.skipped(part, "all of it", reason)
    with fetched.fast_broker(ports={"aws": _PORT}).ready() as broker:
        settings = {
            "TEST_SERVER_MODE": "true",
            "TEST_SERVER_MODE_ENDPOINT": f"http://localhost:{_PORT}",
            "MOTO_CALL_RESET_API": "false",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        files = [f"tests/test_sqs/{name}" for name in _FILES]
        python.run_pytest(results, programs, tree, files, settings, skips.read(_HERE / "skips.txt"), _WHOLE_S)
        broker.check_alive()
