"""Clients of the broker at SQS_ENDPOINT, and queues that go when the test ends."""

import os
import uuid

import boto3
import pytest
from botocore.config import Config


def client_of(key="test", region="us-east-1", secret="secret"):
    return boto3.client(
        "sqs",
        endpoint_url=os.environ["SQS_ENDPOINT"],
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture(scope="session")
def sqs():
    return client_of()


@pytest.fixture(scope="session")
def client():
    return client_of


@pytest.fixture
def unused_name():
    return lambda suffix="": f"t-{uuid.uuid4().hex[:10]}{suffix}"


@pytest.fixture
def make(sqs, unused_name):
    """make(fifo=False, **attributes): the address of a fresh queue."""
    made = []

    def make_queue(fifo=False, tags=None, **attributes):
        name = unused_name(".fifo" if fifo else "")
        given = {key: str(value) for key, value in attributes.items()} | ({"FifoQueue": "true"} if fifo else {})
        made.append(sqs.create_queue(QueueName=name, Attributes=given, tags=tags or {})["QueueUrl"])
        return made[-1]

    yield make_queue
    for url in made:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def attribute(sqs):
    return lambda url, name: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]


@pytest.fixture
def receive(sqs):
    """Receives until `count` messages are here."""

    def receive_messages(url, count=1, **options):
        messages = []
        for _ in range(20):
            settings = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
            messages += sqs.receive_message(QueueUrl=url, **settings | options).get("Messages", [])
            if len(messages) >= count:
                break
        assert len(messages) == count
        return messages

    return receive_messages
