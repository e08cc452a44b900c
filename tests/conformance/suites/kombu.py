"""kombu's integration tests of SQS, from its source package, and a Celery worker that takes its tasks from SQS."""

from pathlib import Path

from kit import fetched, python, skips

_HERE = Path(__file__).resolve().parents[1]
_KOMBU, _CELERY = "5.7.0", "5.7.0"
_PACKAGES = (f"kombu[sqs]=={_KOMBU}", f"celery[sqs]=={_CELERY}", "pytest==9.0.2", "pytest-rerunfailures==16.1")
_WHOLE_S = 600


def run(results):
    programs = python.environment(results, "kombu", *_PACKAGES)
    tree = fetched.checkout("kombu") or python.source(results, "kombu", _KOMBU)
    results.source = f"kombu {_KOMBU}"
    with fetched.fast_broker().ready() as broker:
        settings = {"SQS_HOST": "localhost", "SQS_PORT": str(broker.ports["aws"]), "AWS_DEFAULT_REGION": "us-east-1"}
        arguments = ["t/integration/test_sqs.py", "-p", "no:warnings"]
        python.run_pytest(results, programs, tree, arguments, settings, skips.read(_HERE / "kombu/skips.txt"), _WHOLE_S)
        broker.check_alive()


def celery(results):
    programs = python.environment(results, "kombu", *_PACKAGES)
    results.source = f"Celery {_CELERY} with kombu {_KOMBU}"
    with fetched.fast_broker().ready() as broker:
        settings = {"SQS_ENDPOINT": f"http://127.0.0.1:{broker.ports['aws']}", "AWS_DEFAULT_REGION": "us-east-1"}
        python.run_pytest(results, programs, _HERE / "celery", ["."], settings, [], _WHOLE_S)
        broker.check_alive()
