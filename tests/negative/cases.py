"""What a bad request must get: tables of (name, bytes, expectation), one module a protocol.

An expectation takes an open connection after the bytes were sent, and asserts what it sees.
"""

import json

import wire


def closed(connection):
    """Not a byte, and the end of the connection."""
    answer = connection.rest()
    assert answer == b"", f"an answer instead of a closed connection: {answer[:200]!r}"


def closed_after_end(connection):
    """The same, once the client has said that it will send no more."""
    connection.end_output()
    closed(connection)


def http_status(*statuses, text="", ends=False):
    """A response with one of these statuses whose body holds `text`; when `ends`, the last of its connection."""

    def expectation(connection):
        status, headers, body = wire.read_http(connection)
        assert status in statuses, f"status {status}: {body[:300]!r}"
        assert text.encode() in body, f"{text!r} is not in {body[:300]!r}"
        if ends:
            assert headers.get("connection") == "close", headers
            closed(connection)

    return expectation


def sqs_error(shape, status=400):
    """SQS's own error of this name."""

    def expectation(connection):
        got, headers, body = wire.read_http(connection)
        document = json.loads(body)
        assert document.get("__type") == f"com.amazonaws.sqs#{shape}", f"{got} {body[:300]!r}"
        assert got == status, got
        assert "x-amzn-query-error" in headers, headers

    return expectation


def redis_error(*words, ends=False):
    """An error reply that holds the words; when `ends`, followed by the end of the connection."""

    def expectation(connection):
        answer = wire.read_resp(connection)
        assert isinstance(answer, bytes) and answer.startswith(b"-"), f"no error: {answer!r}"
        for word in words:
            assert word.encode() in answer, f"{word!r} is not in {answer[:300]!r}"
        if ends:
            closed(connection)
        else:
            assert wire.redis(connection, "PING") == b"+PONG"

    return expectation


def kafka_answer(*parts):
    """A response whose bytes behind the correlation id hold the parts in this order."""

    def expectation(connection):
        answer = wire.read_kafka(connection)
        assert answer[:4] == b"\0\0\0\7", answer[:40]
        at = 4
        for part in parts:
            at = answer.find(part, at)
            assert at >= 0, f"{part!r} is not in {answer[:300]!r}"
            at += len(part)

    return expectation


def then(first, second):
    """Two expectations in their order."""

    def expectation(connection):
        first(connection)
        second(connection)

    return expectation
