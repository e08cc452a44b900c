"""What programs rely on beyond single actions: order, deduplication, waiting, accounts, addresses, resources."""

import json
import os
import threading
import time
import urllib.request

import boto3
import pytest


def send(sqs, url, group, *bodies):
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=f"{group}{body}")


def test_a_group_is_delivered_in_order_and_closed_while_in_flight(sqs, make, receive):
    url = make(fifo=True)
    send(sqs, url, "a", "1", "2", "3")
    send(sqs, url, "b", "1")
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, AttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in first] == ["1", "2"]
    (other,) = receive(url)
    assert other["Attributes"]["MessageGroupId"] == "b"
    for message in first:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert receive(url)[0]["Body"] == "3"


def test_a_duplicate_answers_as_the_first_and_is_not_delivered(sqs, make, receive):
    url = make(fifo=True, ContentBasedDeduplication="true")
    sent = [sqs.send_message(QueueUrl=url, MessageBody="same", MessageGroupId="g") for _ in range(3)]
    assert len({answer["MessageId"] for answer in sent}) == 1 and len({answer["SequenceNumber"] for answer in sent}) == 1
    (message,) = receive(url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="same", MessageGroupId="g")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_long_poll_ends_when_a_message_comes(sqs, client, make):
    url = make(ReceiveMessageWaitTimeSeconds=20)
    found = []
    waiting = threading.Thread(target=lambda: found.extend(client().receive_message(QueueUrl=url)["Messages"]))
    began = time.monotonic()
    waiting.start()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    waiting.join(20)
    assert found[0]["Body"] == "x" and time.monotonic() - began < 15


def test_a_delayed_message_comes_when_its_delay_is_over(sqs, make, attribute, receive):
    url = make()
    began = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=2)
    assert attribute(url, "ApproximateNumberOfMessagesDelayed") == "1"
    receive(url)
    assert 1.9 < time.monotonic() - began < 15


def test_a_message_that_failed_too_often_goes_to_the_dead_letters(sqs, make, attribute, receive):
    dead = make()
    url = make(VisibilityTimeout=0, RedrivePolicy=json.dumps({"deadLetterTargetArn": attribute(dead, "QueueArn"), "maxReceiveCount": 2}))
    sent = sqs.send_message(QueueUrl=url, MessageBody="x")
    for count in ("1", "2"):
        assert receive(url)[0]["Attributes"]["ApproximateReceiveCount"] == count
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert receive(dead)[0]["MessageId"] == sent["MessageId"]


def test_accounts_and_regions_keep_apart(sqs, client, unused_name):
    name = unused_name()
    other_account, other_region = client(key="111122223333"), client(region="eu-west-1")
    urls = [user.create_queue(QueueName=name)["QueueUrl"] for user in (sqs, other_account, other_region)]
    assert urls[1].endswith(f"/111122223333/{name}")
    sqs.send_message(QueueUrl=urls[0], MessageBody="x")
    assert "Messages" not in other_account.receive_message(QueueUrl=urls[1])
    assert "Messages" not in other_region.receive_message(QueueUrl=urls[2])
    for user, url in zip((sqs, other_account, other_region), urls, strict=True):
        user.delete_queue(QueueUrl=url)


def test_another_account_needs_a_permission(sqs, client, make):
    url, stranger = make(), client(key="111122223333")
    with pytest.raises(stranger.exceptions.ClientError) as refused:
        stranger.send_message(QueueUrl=url, MessageBody="x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    sqs.add_permission(QueueUrl=url, Label="senders", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    stranger.send_message(QueueUrl=url, MessageBody="x")


@pytest.mark.parametrize("wrong", [{"key": "nobody"}, {"secret": "wrong"}])
def test_a_wrong_key_is_refused(client, wrong):
    with pytest.raises(client().exceptions.ClientError) as refused:
        client(**wrong).list_queues()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_presigned_address_sends(sqs, make, receive):
    url = make()
    address = sqs.generate_presigned_url("send_message", Params={"QueueUrl": url, "MessageBody": "by address"}, HttpMethod="GET")
    if "Action=SendMessage" not in address:
        pytest.skip("this client presigns for the Query protocol only")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b"<MessageId>" in answer.read()
    assert receive(url)[0]["Body"] == "by address"


def test_a_bare_name_and_a_foreign_host_name_the_queue(sqs, make, receive):
    url = make()
    name = url.rsplit("/", 1)[1]
    sqs.send_message(QueueUrl=name, MessageBody="1")
    sqs.send_message(QueueUrl=f"https://sqs.us-east-1.amazonaws.com/000000000000/{name}", MessageBody="2")
    assert sorted(message["Body"] for message in receive(url, 2)) == ["1", "2"]


def test_resources_work(unused_name):
    resource = boto3.resource(
        "sqs", endpoint_url=os.environ["SQS_ENDPOINT"], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="secret"
    )
    name = unused_name()
    queue = resource.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "20"})
    assert resource.get_queue_by_name(QueueName=name) == queue
    queue.send_messages(Entries=[{"Id": str(i), "MessageBody": str(i)} for i in range(10)])
    messages = queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=2)
    assert sorted(message.body for message in messages) == [str(i) for i in range(10)]
    messages[0].change_visibility(VisibilityTimeout=0)
    queue.delete_messages(Entries=[{"Id": str(i), "ReceiptHandle": message.receipt_handle} for i, message in enumerate(messages[1:])])
    (again,) = queue.receive_messages(WaitTimeSeconds=2)
    again.delete()
    queue.reload()
    assert queue.attributes["ApproximateNumberOfMessages"] == "0" and queue in resource.queues.filter(QueueNamePrefix=name)
    queue.delete()


def test_messages_of_the_largest_size_pass(sqs, make, receive):
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="é" * (512 << 10))
    (message,) = receive(url)
    assert message["Body"] == "é" * (512 << 10)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(sqs.exceptions.ClientError):
        sqs.send_message(QueueUrl=url, MessageBody="x" * ((1 << 20) + 1))


def test_control_characters_in_bodies_come_back(sqs, make, receive):
    url, body = make(), "tab\tline\nreturn\rquote\"&<>'\u0085\u2028\ud7ff\U0010fffd"
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert receive(url)[0]["Body"] == body
