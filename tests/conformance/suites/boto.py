"""boto3 and the aws command line: real usage of every action, with signatures checked by the broker.

boto3 twice: of today, which speaks JSON, and the last release that spoke the Query protocol. The tests are our own.
"""

from pathlib import Path

from kit import fetched, python

_HERE = Path(__file__).resolve().parents[1]
_BOTO3 = {"JSON": ("boto3==1.44.5",), "Query": ("boto3==1.28.80", "botocore==1.31.80")}
_AWSCLI = "1.46.3"
_PYTEST = "pytest==9.0.2"
_WHOLE_S = 600
_KEYS = """[test]
aws_access_key_id = test
aws_secret_access_key = secret

[other]
aws_access_key_id = 111122223333
aws_secret_access_key = secret
"""


def checking_broker():
    """A broker that takes requests signed with the keys above alone."""
    fetched.TOP.mkdir(parents=True, exist_ok=True)
    keys = fetched.TOP / "aws-credentials"
    keys.write_text(_KEYS)
    return fetched.fast_broker("--aws-credentials", str(keys))


def boto3(results):
    results.source = " and ".join(f"{packages[0].replace('==', ' ')} ({protocol})" for protocol, packages in _BOTO3.items())
    for protocol, packages in _BOTO3.items():
        programs = python.environment(results, f"boto3-{protocol.lower()}", *packages, _PYTEST)
        with checking_broker().ready() as broker:
            settings = {"SQS_ENDPOINT": f"http://127.0.0.1:{broker.ports['aws']}"}
            python.run_pytest(results, programs, _HERE / "boto3", ["."], settings, [], _WHOLE_S, prefix=f"{protocol}: ")
            broker.check_alive()


def awscli(results):
    results.source = f"awscli {_AWSCLI}"
    programs = python.environment(results, "awscli", f"awscli=={_AWSCLI}", _PYTEST)
    with checking_broker().ready() as broker:
        settings = {
            "SQS_ENDPOINT": f"http://127.0.0.1:{broker.ports['aws']}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_PROGRAM": str(programs / "aws"),
        }
        python.run_pytest(results, programs, _HERE / "awscli", ["."], settings, [], _WHOLE_S)
        broker.check_alive()
