"""A worker process against the broker: each task runs and is acknowledged, retries come back, a dead worker loses nothing."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import boto3
import pytest

_DONE_S = 90
_HERE = Path(__file__).parent
_CALL = """
import json, sys, tasks
from celery import group, chain
results = eval(sys.argv[1])
print(json.dumps([one.id for one in results]))
"""


def sqs():
    return boto3.client(
        "sqs", endpoint_url=os.environ["SQS_ENDPOINT"], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="secret"
    )


class App:
    """A queue of its own, workers on it, and what they left."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.queue = f"celery-{uuid.uuid4().hex[:8]}" + settings.pop("suffix", "")
        self.environment = os.environ | {"TASKS_QUEUE": self.queue, "TASKS_FOLDER": str(folder), "PYTHONPATH": str(_HERE)} | settings
        self.workers = []

    def work(self):
        log = open(self.folder / "worker.log", "ab")
        words = ["-m", "celery", "-A", "tasks", "worker", "--pool", "solo", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        self.workers.append(subprocess.Popen([sys.executable, *words], cwd=self.folder, env=self.environment, stdout=log, stderr=log))
        log.close()
        return self.workers[-1]

    def call(self, expression):
        """Sends tasks in a process of its own; their ids."""
        done = subprocess.run(
            [sys.executable, "-c", _CALL, expression], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def result(self, task):
        """Waits for its success: a task that is to be retried leaves a result too."""
        path = self.folder / f"celery-task-meta-{task}"

        def stored():
            try:
                return json.loads(path.read_text())
            except (FileNotFoundError, ValueError):
                return {}

        self.until(lambda: stored().get("status") == "SUCCESS", f"the result of {task}")
        return stored()["result"]

    def until(self, condition, what):
        end = time.monotonic() + _DONE_S
        while not condition():
            assert time.monotonic() < end, f"not in {_DONE_S} s: {what}\n" + (self.folder / "worker.log").read_text()[-3000:]
            time.sleep(0.05)

    def ran(self):
        return (self.folder / "ran").read_text().splitlines()

    def empty(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        url = sqs().get_queue_url(QueueName=self.queue)["QueueUrl"]
        return set(sqs().get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) == {"0"}


@pytest.fixture
def app(tmp_path):
    apps = []

    def make(**settings):
        apps.append(App(tmp_path, **settings))
        return apps[-1]

    yield make
    for worker in (worker for one in apps for worker in one.workers):
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def test_every_task_runs_once_and_is_acknowledged(app):
    one = app()
    one.work()
    ids = one.call("[tasks.add.delay(i, 1) for i in range(50)]")
    assert [one.result(task) for task in ids] == [i + 1 for i in range(50)]
    one.until(one.empty, "an empty queue")
    assert sorted(one.ran()) == sorted(f"add {i}" for i in range(50))


def test_tasks_sent_before_the_worker_starts_wait_for_it(app):
    one = app()
    ids = one.call("[tasks.add.delay(i, 1) for i in range(5)]")
    one.work()
    assert [one.result(task) for task in ids] == [1, 2, 3, 4, 5]


def test_a_retry_comes_back(app):
    one = app()
    one.work()
    (task,) = one.call("[tasks.third_time.delay('a')]")
    assert one.result(task) == 2
    assert one.ran() == ["third_time a"] * 3


def test_a_countdown_holds_a_task_back(app):
    one = app()
    one.work()
    began = time.monotonic()
    (task,) = one.call("[tasks.add.apply_async((1, 1), countdown=3)]")
    assert one.result(task) == 2 and time.monotonic() - began >= 3


def test_a_chain_passes_results_on(app):
    one = app()
    one.work()
    (task,) = one.call("[chain(tasks.add.s(1, 1), tasks.add.s(10), tasks.add.s(100)).delay()]")
    assert one.result(task) == 112


def test_the_task_of_a_worker_that_died_comes_back_after_the_visibility_timeout(app):
    one = app(TASKS_VISIBILITY_S="3")
    (task,) = one.call("[tasks.die_once.delay('a')]")
    one.until(lambda: one.work().wait(_DONE_S) == 1, "the first worker's end")
    one.work()
    assert one.result(task) == "lived"
    one.until(one.empty, "an empty queue")
    assert one.ran() == ["die_once a"] * 2


def test_two_workers_share_the_tasks(app):
    one = app()
    one.work(), one.work()
    ids = one.call("[tasks.add.delay(i, 1) for i in range(40)]")
    assert [one.result(task) for task in ids] == [i + 1 for i in range(40)]
    one.until(one.empty, "an empty queue")
    assert sorted(one.ran()) == sorted(f"add {i}" for i in range(40))


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_predefined_queue_is_used_as_it_is(app, suffix):
    one = app(suffix=suffix)
    attributes = {"FifoQueue": "true"} if suffix else {}
    one.environment["TASKS_QUEUE_URL"] = sqs().create_queue(QueueName=one.queue, Attributes=attributes)["QueueUrl"]
    one.work()
    ids = one.call("[tasks.add.delay(i, 1) for i in range(5)]")
    assert [one.result(task) for task in ids] == [1, 2, 3, 4, 5]
    one.until(one.empty, "an empty queue")
