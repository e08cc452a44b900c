"""The aws command line as a person uses it: commands, waits for answers, JSON in files, pages, queries, errors."""

import json
import os
import subprocess
import uuid

import pytest

_COMMAND_S = 120


def aws(*words, status=0):
    """Runs `aws sqs WORDS`; what it printed as JSON, or its error's text when it must fail."""
    command = [os.environ["AWS_PROGRAM"], "--endpoint-url", os.environ["SQS_ENDPOINT"], "--output", "json", "sqs", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else json.loads(done.stdout or "null")


@pytest.fixture
def name():
    return f"c-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def url(name):
    made = aws("create-queue", "--queue-name", name, "--attributes", "VisibilityTimeout=300", "--tags", "team=a")["QueueUrl"]
    yield made
    aws("delete-queue", "--queue-url", made)


def arn_of(url):
    return aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]


def test_queues(url, name):
    assert aws("get-queue-url", "--queue-name", name)["QueueUrl"] == url
    assert aws("list-queues", "--queue-name-prefix", name)["QueueUrls"] == [url]
    aws("set-queue-attributes", "--queue-url", url, "--attributes", '{"DelaySeconds":"1"}')
    every = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert every["DelaySeconds"] == "1" and every["VisibilityTimeout"] == "300"


def test_pages(name):
    urls = [aws("create-queue", "--queue-name", f"{name}-{i}")["QueueUrl"] for i in range(3)]
    assert aws("list-queues", "--queue-name-prefix", name, "--page-size", "1")["QueueUrls"] == urls
    first = aws("list-queues", "--queue-name-prefix", name, "--max-items", "2")
    assert first["QueueUrls"] == urls[:2]
    assert aws("list-queues", "--queue-name-prefix", name, "--starting-token", first["NextToken"])["QueueUrls"] == urls[2:]
    for url in urls:
        aws("delete-queue", "--queue-url", url)


def test_a_message_from_sending_to_deleting(url, tmp_path):
    attributes = tmp_path / "attributes.json"
    attributes.write_text('{"n": {"DataType": "Number", "StringValue": "7"}}')
    sent = aws("send-message", "--queue-url", url, "--message-body", "grüße", "--message-attributes", f"file://{attributes}")
    received = aws(
        "receive-message", "--queue-url", url, "--wait-time-seconds", "5", "--message-attribute-names", "All",
        "--message-system-attribute-names", "All",
    )  # fmt: skip
    (message,) = received["Messages"]
    assert message["MessageId"] == sent["MessageId"] and message["Body"] == "grüße"
    assert message["MessageAttributes"]["n"]["StringValue"] == "7" and message["Attributes"]["ApproximateReceiveCount"] == "1"
    aws("change-message-visibility", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"], "--visibility-timeout", "0")
    again = aws("receive-message", "--queue-url", url, "--wait-time-seconds", "5")["Messages"][0]
    aws("delete-message", "--queue-url", url, "--receipt-handle", again["ReceiptHandle"])
    assert aws("receive-message", "--queue-url", url) is None


def test_batches(url):
    entries = json.dumps([{"Id": str(i), "MessageBody": str(i)} for i in range(3)])
    assert len(aws("send-message-batch", "--queue-url", url, "--entries", entries)["Successful"]) == 3
    messages = []
    while len(messages) < 3:
        found = aws("receive-message", "--queue-url", url, "--wait-time-seconds", "5", "--max-number-of-messages", "10")
        messages += found["Messages"]
    entries = json.dumps([{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 60} for i, m in enumerate(messages)])
    assert len(aws("change-message-visibility-batch", "--queue-url", url, "--entries", entries)["Successful"]) == 3
    entries = json.dumps([{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)])
    assert len(aws("delete-message-batch", "--queue-url", url, "--entries", entries)["Successful"]) == 3


def test_purging(url):
    aws("send-message", "--queue-url", url, "--message-body", "x")
    aws("purge-queue", "--queue-url", url)
    counts = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "ApproximateNumberOfMessages")
    assert counts["Attributes"] == {"ApproximateNumberOfMessages": "0"}


def test_tags_and_permissions(url):
    aws("tag-queue", "--queue-url", url, "--tags", "a=1,b=2")
    aws("untag-queue", "--queue-url", url, "--tag-keys", "a")
    assert aws("list-queue-tags", "--queue-url", url)["Tags"] == {"team": "a", "b": "2"}
    aws("add-permission", "--queue-url", url, "--label", "l", "--aws-account-ids", "111122223333", "--actions", "SendMessage")
    policy = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "Policy")["Attributes"]["Policy"]
    assert json.loads(policy)["Statement"][0]["Sid"] == "l"
    aws("remove-permission", "--queue-url", url, "--label", "l")


def test_dead_letters_and_their_redrive(url, name):
    dead = aws("create-queue", "--queue-name", f"{name}-dead")["QueueUrl"]
    policy = json.dumps({"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})})
    aws("set-queue-attributes", "--queue-url", url, "--attributes", policy)
    assert aws("list-dead-letter-source-queues", "--queue-url", dead)["queueUrls"] == [url]
    aws("send-message", "--queue-url", url, "--message-body", "x")
    aws("receive-message", "--queue-url", url, "--visibility-timeout", "0")
    assert aws("receive-message", "--queue-url", url) is None
    task = aws("start-message-move-task", "--source-arn", arn_of(dead))
    assert task["TaskHandle"]
    assert aws("receive-message", "--queue-url", url, "--wait-time-seconds", "10")["Messages"][0]["Body"] == "x"
    assert aws("list-message-move-tasks", "--source-arn", arn_of(dead))["Results"][0]["SourceArn"] == arn_of(dead)
    assert "TaskHandle is invalid" in aws("cancel-message-move-task", "--task-handle", "garbage", status=255)
    aws("delete-queue", "--queue-url", dead)


def test_a_fifo_queue(name):
    attributes = "FifoQueue=true,ContentBasedDeduplication=true"
    url = aws("create-queue", "--queue-name", f"{name}.fifo", "--attributes", attributes)["QueueUrl"]
    sent = [aws("send-message", "--queue-url", url, "--message-body", "x", "--message-group-id", "g") for _ in range(2)]
    assert sent[0]["SequenceNumber"] == sent[1]["SequenceNumber"]
    aws("delete-queue", "--queue-url", url)


def test_errors_are_shown_as_those_of_aws(name):
    shown = aws("get-queue-url", "--queue-name", name, status=255)
    assert "(AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl operation" in shown
