"""Every action of SQS once through boto3, as programs use it."""

import hashlib
import json

import pytest


def snake(name):
    return "".join(("_" if letter.isupper() and at else "") + letter.lower() for at, letter in enumerate(name))


def test_there_are_no_other_actions(sqs):
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(map(snake, sqs.meta.service_model.operation_names)) <= tested


def test_create_queue(sqs, unused_name, attribute):
    name = unused_name()
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"}, tags={"team": "a"})["QueueUrl"]
    assert url.endswith(f"/000000000000/{name}")
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists) as refused:
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "46"})
    assert refused.value.response["Error"]["Code"] == "QueueAlreadyExists"
    assert attribute(url, "VisibilityTimeout") == "45"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a"}


def test_delete_queue(sqs, unused_name):
    url = sqs.create_queue(QueueName=unused_name())["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as gone:
        sqs.send_message(QueueUrl=url, MessageBody="x")
    error = gone.value.response
    assert error["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Error"]["Type"] == "Sender"
    assert error["Error"]["Message"].startswith("The specified queue does not exist")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_get_queue_url(sqs, make):
    url = make()
    name = url.rsplit("/", 1)[1]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId="000000000000")["QueueUrl"] == url


def test_list_queues(sqs, unused_name):
    prefix = unused_name("-")
    urls = [sqs.create_queue(QueueName=f"{prefix}{i}")["QueueUrl"] for i in range(7)]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    page = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=5)
    assert len(page["QueueUrls"]) == 5 and page["NextToken"]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [url for page in pages for url in page["QueueUrls"]] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=prefix + "none")
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def test_get_queue_attributes(sqs, make):
    url = make()
    every = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert every["QueueArn"] == f"arn:aws:sqs:us-east-1:000000000000:{url.rsplit('/', 1)[1]}"
    assert every["MessageRetentionPeriod"] == "345600" and every["MaximumMessageSize"] == "1048576"
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Nothing"])


def test_set_queue_attributes(sqs, make, attribute):
    url = make()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "3", "VisibilityTimeout": "12"})
    assert attribute(url, "DelaySeconds") == "3" and attribute(url, "VisibilityTimeout") == "12"
    with pytest.raises(sqs.exceptions.ClientError) as refused:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "901"})
    assert refused.value.response["Error"]["Code"] == "InvalidAttributeValue"


def test_send_message(sqs, make, receive):
    url = make()
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="grüße \U0001f600",
        MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"}, "b": {"DataType": "Binary.raw", "BinaryValue": b"\x00\xff"}},
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}},
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüße \U0001f600".encode()).hexdigest()
    (message,) = receive(url)
    assert message["MessageId"] == sent["MessageId"] and message["Body"] == "grüße \U0001f600"
    assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=1-")
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_send_message_batch(sqs, make, receive):
    url = make(MaximumMessageSize=1024)
    entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "long", "MessageBody": "x" * 1025}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("long", "InvalidParameterValue", True)
    assert len(receive(url)) == 1
    with pytest.raises(sqs.exceptions.BatchEntryIdsNotDistinct):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x"}] * 2)
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)])
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])


def test_receive_message(sqs, make, receive):
    url = make()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    for i in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(i), MessageAttributes={"a.x": {"DataType": "String", "StringValue": "1"}})
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["a.*"])["Messages"]
    rest = receive(url, 12 - len(first), AttributeNames=["SentTimestamp"])
    assert sorted(int(message["Body"]) for message in first + rest) == list(range(12))
    assert all(message["MessageAttributes"] == {"a.x": {"DataType": "String", "StringValue": "1"}} for message in first)
    assert set(rest[0]["Attributes"]) == {"SentTimestamp"}


def test_delete_message(sqs, make, receive, attribute):
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = receive(url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert attribute(url, "ApproximateNumberOfMessagesNotVisible") == "0"
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid) as refused:
        sqs.delete_message(QueueUrl=url, ReceiptHandle="garbage")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_delete_message_batch(sqs, make, receive, attribute):
    url = make()
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    entries = [{"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]} for i, message in enumerate(receive(url, 2))]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=[*entries, {"Id": "bad", "ReceiptHandle": "garbage"}])
    assert len(answer["Successful"]) == 2
    assert answer["Failed"][0]["Id"] == "bad" and answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    assert attribute(url, "ApproximateNumberOfMessagesNotVisible") == "0"


def test_change_message_visibility(sqs, make, receive):
    url = make(VisibilityTimeout=300)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = receive(url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = receive(url)
    assert again["MessageId"] == message["MessageId"] and again["Attributes"]["ApproximateReceiveCount"] == "2"
    with pytest.raises(sqs.exceptions.ClientError) as refused:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=43201)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_change_message_visibility_batch(sqs, make, receive):
    url = make(VisibilityTimeout=300)
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    handles = [message["ReceiptHandle"] for message in receive(url, 2)]
    entries = [{"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": 0} for i, handle in enumerate(handles)]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "1"] and "Failed" not in answer
    receive(url, 2)


def test_purge_queue(sqs, make, attribute):
    url = make()
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.purge_queue(QueueUrl=url)
    assert attribute(url, "ApproximateNumberOfMessages") == "0"


def test_tag_queue(sqs, make):
    url = make(tags={"a": "1"})
    sqs.tag_queue(QueueUrl=url, Tags={"a": "2", "b": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "2", "b": ""}


def test_untag_queue(sqs, make):
    url = make(tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "unknown"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}


def test_list_queue_tags(sqs, make):
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=make())


def test_add_permission(sqs, make, attribute):
    url = make()
    sqs.add_permission(QueueUrl=url, Label="readers", AWSAccountIds=["111122223333"], Actions=["ReceiveMessage", "DeleteMessage"])
    policy = json.loads(attribute(url, "Policy"))
    (statement,) = policy["Statement"]
    assert statement["Sid"] == "readers" and statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert statement["Action"] == ["SQS:ReceiveMessage", "SQS:DeleteMessage"]


def test_remove_permission(sqs, make):
    url = make()
    sqs.add_permission(QueueUrl=url, Label="readers", AWSAccountIds=["111122223333"], Actions=["*"])
    sqs.remove_permission(QueueUrl=url, Label="readers")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def dead_letters(make, attribute, limit=1):
    """A queue, and where it sends what was received `limit` times."""
    dead = make()
    policy = json.dumps({"deadLetterTargetArn": attribute(dead, "QueueArn"), "maxReceiveCount": limit})
    return make(RedrivePolicy=policy, VisibilityTimeout=0), dead


def test_list_dead_letter_source_queues(sqs, make, attribute):
    url, dead = dead_letters(make, attribute)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=dead, PaginationConfig={"PageSize": 1})
    assert [found for page in pages for found in page["queueUrls"]] == [url]


def fail_once(sqs, url, dead, receive):
    """Sends a message that ends on the dead-letter queue."""
    sent = sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(url)
    sqs.receive_message(QueueUrl=url)
    (message,) = receive(dead, VisibilityTimeout=0)
    assert message["MessageId"] == sent["MessageId"]
    return message


def test_start_message_move_task(sqs, make, attribute, receive):
    url, dead = dead_letters(make, attribute)
    message = fail_once(sqs, url, dead, receive)
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == attribute(url, "QueueArn")
    assert sqs.start_message_move_task(SourceArn=attribute(dead, "QueueArn"))["TaskHandle"]
    (back,) = receive(url)
    assert back["Body"] == "x"


def test_list_message_move_tasks(sqs, make, attribute, receive):
    url, dead = dead_letters(make, attribute)
    fail_once(sqs, url, dead, receive)
    source, target = attribute(dead, "QueueArn"), make()
    sqs.start_message_move_task(SourceArn=source, DestinationArn=attribute(target, "QueueArn"), MaxNumberOfMessagesPerSecond=100)
    receive(target)
    (task,) = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert task["SourceArn"] == source and task["DestinationArn"] == attribute(target, "QueueArn")
    assert task["Status"] in ("RUNNING", "COMPLETED") and task["StartedTimestamp"] > 1_600_000_000_000


def test_cancel_message_move_task(sqs, make, attribute):
    url, dead = dead_letters(make, attribute)
    for body in "abc":
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    source, target = attribute(dead, "QueueArn"), attribute(url, "QueueArn")
    task = sqs.start_message_move_task(SourceArn=source, DestinationArn=target, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    assert 0 <= sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"] <= 3
    with pytest.raises(sqs.exceptions.ClientError):
        sqs.cancel_message_move_task(TaskHandle="garbage")
