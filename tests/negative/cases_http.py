"""Bad requests for the two HTTP ports: SQS in the AWS JSON protocol, and the admin API."""

import json

from cases import closed_after_end, http_status, sqs_error, then
from wire import http_request, sqs_request

HEADER_BYTES_MAX = 16 << 10
SQS_BODY_BYTES_MAX = 4 << 20
ADMIN_BODY_BYTES_MAX = 8 << 20
MESSAGE_BYTES_MAX = 1 << 20
URL = "http://localhost/000000000000/bystander"

TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)


def head(*lines):
    return b"".join(line.encode("latin-1") + b"\r\n" for line in lines) + b"\r\n"


def ended(*statuses):
    return http_status(*statuses, ends=True)


def framing(body_bytes_max):
    """What both ports refuse before they look at what is asked."""
    long_value = "v" * (HEADER_BYTES_MAX + 1024)
    host = "Host: localhost"
    return [
        ("no HTTP at all", b"hello\r\n\r\n", ended(400)),
        ("a TLS client hello", TLS_HELLO + b"\r\n\r\n", ended(400)),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ended(400, 505)),
        ("HTTP/9.9", head("GET / HTTP/9.9", host), ended(400, 505)),
        ("no host", head("GET / HTTP/1.1"), ended(400)),
        ("two hosts", head("GET / HTTP/1.1", host, host), ended(400)),
        ("a header that is too large", head("GET / HTTP/1.1", host, f"X: {long_value}"), ended(431)),
        ("a target that is too large", head(f"GET /{long_value} HTTP/1.1", host), ended(414, 431)),
        ("a header without an end", b"GET / HTTP/1.1\r\nX: " + b"x" * (80 << 10), ended(431)),
        ("a zero byte in a header", head("GET / HTTP/1.1", host, "X: a\0b"), ended(400)),
        ("a header cut in the middle", b"GET / HTTP/1.1\r\nHost: loc", closed_after_end),
        ("a body cut in the middle", head("POST / HTTP/1.1", host, "Content-Length: 100") + b"{", closed_after_end),
        ("a folded garbage header", head("GET / HTTP/1.1", host, ": nameless"), ended(400)),
        *(
            (f"a body of {length}", head("POST / HTTP/1.1", host, f"Content-Length: {length}"), ended(status))
            for length, status in ((body_bytes_max + 1, 413), (2**32 - 1, 413), (-1, 400), (2**64, 400), ("x", 400))
        ),
        ("two lengths", head("POST / HTTP/1.1", host, "Content-Length: 1", "Content-Length: 2"), ended(400)),
        ("the largest chunk", chunked("ffffffffffffffff"), ended(400, 413)),
        ("a chunk just above the limit", chunked(f"{body_bytes_max + 1:x}"), ended(413)),
        ("a chunk of size -1", chunked("-1"), ended(400)),
        ("a chunk of no number", chunked("zz"), ended(400)),
        ("an unknown expectation", head("POST / HTTP/1.1", host, "Expect: miracles", "Content-Length: 9"), ended(417)),
    ]


def chunked(size):
    return head("POST / HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked") + size.encode() + b"\r\n"


def announcing(length):
    """The head of a request whose body has `length` bytes, and the first of them."""
    return head("POST / HTTP/1.1", "Host: localhost", f"Content-Length: {length}") + b"{"


def nested(depth):
    return b'{"QueueName":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def invalid_parameter(action, **parameters):
    return sqs_request(action, parameters), sqs_error("InvalidParameterValueException")


GET_URL = sqs_request("GetQueueUrl", {"QueueName": "bystander"})
ENTRIES = [{"Id": str(number), "MessageBody": "x"} for number in range(11)]

AWS = [
    ("a valid request", GET_URL, http_status(200, text="QueueUrl")),
    *framing(SQS_BODY_BYTES_MAX),
    ("an unknown method", http_request("FROB", "/"), sqs_error("UnsupportedOperation")),
    ("an unknown action", sqs_request("Frobnicate", {}), sqs_error("UnsupportedOperation")),
    ("an action of 10,000 characters", sqs_request("F" * 10_000, {}), sqs_error("UnsupportedOperation")),
    ("another service", http_request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}), sqs_error("UnsupportedOperation")),
    ("the Query protocol", http_request("POST", "/", b"Action=ListQueues&Version=2012-11-05"), http_status(200, text="<QueueUrl>")),
    ("a form of another site's page", http_request("POST", "/", b"Action=ListQueues", {"Origin": "http://example.com"}), http_status(403, text="AccessDenied")),
    ("a form without an action", http_request("POST", "/", b"Version=2012-11-05"), http_status(404, text="UnknownOperationException")),
    ("a form with an unknown action", http_request("POST", "/", b"Action=Frobnicate"), http_status(400, text="InvalidAction")),
    ("a form that is no UTF-8", http_request("POST", "/", b"Action=ListQueues&QueueNamePrefix=%ff"), http_status(400, text="InvalidMessageContents")),
    ("a form of 1,000,000 parts", http_request("POST", "/", b"a=&" * 1_000_000), http_status(400, text="InvalidParameterValue")),
    ("a form's name of 1,000,000 parts", http_request("POST", "/", b"Action=ListQueues&a" + b".a" * 1_000_000), http_status(400, text="InvalidParameterValue")),
    ("no JSON", sqs_request("CreateQueue", b"\xff\xfe\0"), sqs_error("SerializationException")),
    ("JSON cut in the middle", sqs_request("CreateQueue", b'{"QueueName":"a'), sqs_error("SerializationException")),
    ("JSON just too deep", sqs_request("CreateQueue", nested(17)), sqs_error("SerializationException")),
    ("JSON 100,000 deep", sqs_request("CreateQueue", nested(100_000)), sqs_error("SerializationException")),
    ("arrays that never close", sqs_request("CreateQueue", b"[" * 1_000_000), sqs_error("SerializationException")),
    ("a number for a name", sqs_request("CreateQueue", {"QueueName": 7}), sqs_error("SerializationException")),
    ("no name", sqs_request("CreateQueue", {}), sqs_error("MissingRequiredParameterException")),
    ("a name of 81 characters", *invalid_parameter("CreateQueue", QueueName="n" * 81)),
    ("a name of 1 MiB", *invalid_parameter("CreateQueue", QueueName="n" * (1 << 20))),
    ("a name that climbs", *invalid_parameter("CreateQueue", QueueName="../../etc")),
    ("no such queue", sqs_request("GetQueueUrl", {"QueueName": "nowhere"}), sqs_error("QueueDoesNotExist")),
    ("a message that is too large", *invalid_parameter("SendMessage", QueueUrl=URL, MessageBody="m" * (MESSAGE_BYTES_MAX + 1))),
    ("a delay of 2^31 s", *invalid_parameter("SendMessage", QueueUrl=URL, MessageBody="m", DelaySeconds=2**31)),
    ("a receive of 11", *invalid_parameter("ReceiveMessage", QueueUrl=URL, MaxNumberOfMessages=11)),
    ("a receive of -2^63", *invalid_parameter("ReceiveMessage", QueueUrl=URL, MaxNumberOfMessages=-(2**63))),
    ("a batch of 11", sqs_request("SendMessageBatch", {"QueueUrl": URL, "Entries": ENTRIES}), sqs_error("TooManyEntriesInBatchRequest")),
    ("a made-up receipt handle", sqs_request("DeleteMessage", {"QueueUrl": URL, "ReceiptHandle": "x" * 9999}), sqs_error("ReceiptHandleIsInvalid", 404)),
    ("garbage behind a valid request", GET_URL + b"\xff" * 64 + b"\r\n\r\n", then(http_status(200, text="QueueUrl"), ended(400))),
]

LIST = http_request("GET", "/api/v1/queues")
TOPICS = "/api/v1/topics"


def create(body):
    return http_request("POST", TOPICS, body if isinstance(body, bytes) else json.dumps(body).encode())


ADMIN = [
    ("a valid request", LIST, http_status(200, text="bystander")),
    *framing(ADMIN_BODY_BYTES_MAX),
    ("an unknown path", http_request("GET", "/frobnicate"), http_status(404, text="not_found")),
    ("an unknown method", http_request("FROB", "/livez"), http_status(405, text="method_not_allowed")),
    ("a path that climbs", http_request("GET", "/../../etc/passwd"), http_status(404, text="not_found")),
    ("no such topic", http_request("GET", f"{TOPICS}/nowhere"), http_status(404, text="not_found")),
    ("a broken escape", http_request("GET", f"{TOPICS}/%zz%0"), http_status(404, text="not_found")),
    ("a foreign origin", http_request("GET", "/livez", b"", {"Origin": "http://evil.example"}), http_status(403)),
    ("a foreign host", http_request("GET", "/livez", b"", {"Host": "evil.example"}), http_status(403)),
    ("no JSON", create(b"\xff\xfe\0"), http_status(400)),
    ("JSON cut in the middle", create(b'{"name":"a'), http_status(400)),
    ("JSON 100,000 deep", create(nested(100_000)), http_status(400)),
    ("arrays that never close", create(b"[" * 1_000_000), http_status(400)),
    ("an unknown field", create({"name": "fine", "frobnicate": 1}), http_status(400, text="frobnicate")),
    ("a number for a name", create({"name": 7}), http_status(400)),
    ("a name of 1 MiB", create({"name": "n" * (1 << 20)}), http_status(413, text="too_large")),
    ("2^31 partitions", create({"name": "fine", "partitions": 2**31}), http_status(400)),
    ("a limit of -1", http_request("GET", f"{TOPICS}?limit=-1"), http_status(400)),
    ("a limit of 2^64", http_request("GET", f"{TOPICS}?limit={2**64}"), http_status(400)),
    ("garbage behind a valid request", LIST + b"\xff" * 64 + b"\r\n\r\n", then(http_status(200), ended(400))),
]

AWS_SAMPLES = [
    GET_URL,
    sqs_request("SendMessage", {"QueueUrl": URL, "MessageBody": "sample"}),
    sqs_request("ReceiveMessage", {"QueueUrl": URL.replace("bystander", "silent"), "WaitTimeSeconds": 20}),
    sqs_request("CreateQueue", {"QueueName": "sample", "Attributes": {"DelaySeconds": "1"}}),
]
ADMIN_SAMPLES = [LIST, http_request("GET", "/metrics"), create({"name": "sample", "partitions": 2})]
