"""What must stay true while the others misbehave: four well-behaved clients are answered, memory stays bounded."""

import json
import time

import wire

PROMPT_S = 5
# Above the memory that the broker held before the first attack. One attack makes it hold a few megabytes of requests at
# most, except a Redis client that reads nothing (32 MiB of answers); the journal keeps what they stored as recent frames.
RESIDENT_GROWTH_BYTES = 96 << 20


def valid_sqs(connection):
    status, document = wire.sqs(connection, "GetQueueUrl", QueueName="bystander")
    assert status == 200 and document["QueueUrl"].endswith("/bystander"), (status, document)


def valid_kafka(connection):
    connection.socket.sendall(wire.API_VERSIONS + wire.metadata_request("bystander-topic"))
    answer = wire.read_kafka(connection)
    assert answer[:6] == b"\0\0\0\7\0\0", answer[:40]
    answer = wire.read_kafka(connection)
    assert b"bystander-topic" in answer, answer[:200]


def valid_redis(connection):
    connection.socket.sendall(wire.resp("SET", "bystander-text", "here") + wire.resp("GET", "bystander-text"))
    assert wire.read_resp(connection) == b"+OK"
    assert wire.read_resp(connection) == b"here"


def valid_http(connection):
    connection.socket.sendall(wire.http_request("GET", "/api/v1/queues/bystander"))
    status, _, body = wire.read_http(connection)
    assert status == 200 and json.loads(body), (status, body)


VALID = {"aws": valid_sqs, "kafka": valid_kafka, "redis": valid_redis, "http": valid_http}


class Watch:
    def __init__(self, broker):
        self.broker = broker
        with wire.Wire(broker.ports["aws"]) as connection:
            status, answer = wire.sqs(connection, "CreateQueue", QueueName="bystander")
            assert status == 200, answer
        self.bystanders = {name: wire.Wire(port, PROMPT_S) for name, port in broker.ports.items()}
        self.check_answers()
        self.resident_before = broker.resident_bytes()
        self.resident_most = self.resident_before

    def close(self):
        for connection in self.bystanders.values():
            connection.close()

    def check(self):
        """After every attack."""
        self.broker.check_alive()
        self.check_answers()
        resident = self.broker.resident_bytes()
        self.resident_most = max(self.resident_most, resident)
        grown = resident - self.resident_before
        assert grown <= RESIDENT_GROWTH_BYTES, f"resident memory grew by {grown >> 20} MiB"

    def check_answers(self):
        """A new client and one that has been here all the time, on every port."""
        for name, port in self.broker.ports.items():
            begin = time.monotonic()
            try:
                with wire.Wire(port, PROMPT_S) as connection:
                    VALID[name](connection)
                VALID[name](self.bystanders[name])
            except (AssertionError, OSError, wire.Closed) as error:
                raise AssertionError(f"another client of the {name} port suffers: {error!r}") from error
            taken = time.monotonic() - begin
            assert taken < PROMPT_S, f"the {name} port needed {taken:.1f} s"
