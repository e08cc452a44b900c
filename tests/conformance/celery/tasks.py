"""The tasks that the worker under test runs, and the app that sends them. Configured by the environment alone."""

import os

from celery import Celery

_ENDPOINT = os.environ["SQS_ENDPOINT"]
_QUEUE = os.environ["TASKS_QUEUE"]
_FOLDER = os.environ["TASKS_FOLDER"]
_PREDEFINED = os.environ.get("TASKS_QUEUE_URL")

_options = {
    "region": "us-east-1",
    "is_secure": False,
    "visibility_timeout": int(os.environ.get("TASKS_VISIBILITY_S", "60")),
    "wait_time_seconds": 1,
    "polling_interval": 0.1,
}
if _PREDEFINED:
    _options["predefined_queues"] = {_QUEUE: {"url": _PREDEFINED, "access_key_id": "test", "secret_access_key": "secret"}}

app = Celery("tasks", broker=f"sqs://test:secret@{_ENDPOINT.removeprefix('http://')}//", backend=f"file://{_FOLDER}")
app.conf.update(
    broker_transport_options=_options,
    task_default_queue=_QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


def note(line):
    """Adds a line to what the test reads: who ran, and how often."""
    with open(f"{_FOLDER}/ran", "a", encoding="utf-8") as file:
        file.write(f"{line}\n")


@app.task
def add(a, b):
    note(f"add {a}")
    return a + b


@app.task(bind=True, max_retries=3)
def third_time(self, name):
    note(f"third_time {name}")
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def die_once(name):
    """Ends its worker the first time, so that only the visibility timeout brings the message back."""
    mark = f"{_FOLDER}/died-{name}"
    note(f"die_once {name}")
    if not os.path.exists(mark):
        with open(mark, "w", encoding="utf-8"):
            pass
        os._exit(1)
    return "lived"
