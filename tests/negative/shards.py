"""Two connection shards, so that each protocol crosses threads: valid traffic of several clients at once, and clients that
leave while their answers are on the way."""

import concurrent.futures

import attacks
import ports
import wire
from broker import Broker

CLIENTS = 8
ROUNDS = 20
LEAVERS = 100
EMPTY_RECEIVE = wire.sqs_request("ReceiveMessage", {"QueueUrl": "http://localhost/000000000000/shared"})


def work_sqs(broker, client):
    """Sends, receives and deletes in a queue that all clients share; returns the bodies sent and those received."""
    sent, received = set(), []
    with wire.Wire(broker.ports["aws"]) as connection:
        url = "http://localhost/000000000000/shared"
        for round_number in range(ROUNDS):
            body = f"{client}-{round_number}"
            status, answer = wire.sqs(connection, "SendMessage", QueueUrl=url, MessageBody=body)
            assert status == 200, answer
            sent.add(body)
            status, answer = wire.sqs(connection, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=10)
            assert status == 200 and len(answer["Messages"]) == 1, answer
            message = answer["Messages"][0]
            status, answer = wire.sqs(connection, "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            assert status == 200, answer
            received.append(message["Body"])
    return sent, received


def work_kafka(broker, client):
    with wire.Wire(broker.ports["kafka"]) as connection:
        for round_number in range(ROUNDS):
            topic = f"topic-{client}-{round_number % 3}"
            connection.send(wire.API_VERSIONS + wire.metadata_request(topic) + wire.API_VERSIONS)
            answers = [wire.read_kafka(connection) for _ in range(3)]
            assert all(answer[:4] == b"\0\0\0\7" for answer in answers)
            assert topic.encode() in answers[1] and answers[0] == answers[2], answers


def work_redis(broker, client):
    """Pipelines of pushes and pops, then a blocking pop that another client's push ends."""
    mine, partner = f"list-{client}", f"list-{client ^ 1}"
    with wire.Wire(broker.ports["redis"]) as connection:
        for round_number in range(ROUNDS):
            pushes = b"".join(wire.resp("LPUSH", f"{mine}-own", value) for value in range(10))
            pops = b"".join(wire.resp("BRPOP", f"{mine}-own", 5) for _ in range(10))
            connection.send(wire.resp("PING") + pushes + pops)
            assert wire.read_resp(connection) == b"+PONG"
            assert [wire.read_resp(connection) for _ in range(10)] == list(range(1, 11))
            popped = [wire.read_resp(connection)[1] for _ in range(10)]
            assert popped == [str(value).encode() for value in range(10)], popped
            connection.send(wire.resp("LPUSH", partner, round_number) + wire.resp("BRPOP", mine, 10))
            assert isinstance(wire.read_resp(connection), int)
            assert wire.read_resp(connection) == [mine.encode(), str(round_number).encode()]


def work_http(broker, client):
    with wire.Wire(broker.ports["http"]) as connection:
        for _ in range(ROUNDS):
            connection.send(wire.http_request("GET", "/livez") + wire.http_request("GET", "/api/v1/queues/shared"))
            assert [wire.read_http(connection)[0] for _ in range(2)] == [200, 200], client


def together(work, broker, clients):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return [done.result(timeout=30) for done in [pool.submit(work, broker, client) for client in range(clients)]]


def check_leavers(suite, broker):
    """A ReceiveMessage that was answered while its client left was once answered twice, which ended the broker."""
    for name, port in broker.ports.items():
        with suite.case(f"two shards: {name} clients leave while their answers are on the way"):
            request = EMPTY_RECEIVE if name == "aws" else ports.VALID[name][0]
            for _ in range(LEAVERS):
                attacks.ends(port, request)
            attacks.resets(broker, name, [request, *ports.SAMPLES[name]], suite.random(f"two shards {name}", suite.seed))
            broker.check_alive()


def check(suite):
    with Broker("--shards", "2") as broker:
        broker.ready()
        with wire.Wire(broker.ports["aws"]) as connection:
            assert wire.sqs(connection, "CreateQueue", QueueName="shared")[0] == 200
        with suite.case("two shards: SQS sends, receives and deletes"):
            outcomes = together(work_sqs, broker, CLIENTS)
            sent = sorted(body for bodies, _ in outcomes for body in bodies)
            received = sorted(body for _, bodies in outcomes for body in bodies)
            assert sent == received, "a message was lost or delivered twice within its lease"
        for name, work in (("Kafka pipelines", work_kafka), ("Redis pipelines", work_redis), ("the admin API", work_http)):
            with suite.case(f"two shards: {name}"):
                together(work, broker, CLIENTS)
                broker.check_alive()
        with suite.case("two shards: all ports at once"), concurrent.futures.ThreadPoolExecutor(8) as pool:
            works = (work_sqs, work_kafka, work_redis, work_http)
            running = [pool.submit(work, broker, client) for work in works for client in (0, 1)]
            for done in running:
                done.result(timeout=30)
            broker.check_alive()
        check_leavers(suite, broker)
        with suite.case("two shards: the broker stops when asked"):
            assert broker.terminate(within_s=15) == 0, broker.log()[-4000:]
