"""Bad input on the four ports of one broker; after every attack the others are served as before."""

import attacks
import cases_http
import cases_kafka
import cases_redis
import wire
from broker import Broker
from cases import http_status, kafka_answer
from watch import Watch

CASES = {"aws": cases_http.AWS, "kafka": cases_kafka.CASES, "redis": cases_redis.CASES, "http": cases_http.ADMIN}
SAMPLES = {
    "aws": cases_http.AWS_SAMPLES,
    "kafka": cases_kafka.SAMPLES,
    "redis": cases_redis.SAMPLES,
    "http": cases_http.ADMIN_SAMPLES,
}
# A valid request a port, and its answer.
VALID = {
    "aws": (cases_http.GET_URL, http_status(200, text="QueueUrl")),
    "kafka": (cases_kafka.METADATA, kafka_answer(b"bystander-topic")),
    "redis": (wire.resp("PING"), cases_redis.pong),
    "http": (cases_http.LIST, http_status(200)),
}
# A request that waits for what never comes, a port that has one.
WAITING = {"aws": SAMPLES["aws"][2], "kafka": SAMPLES["kafka"][4], "redis": SAMPLES["redis"][4]}
# The beginning of the largest request that a port takes.
LARGEST = {
    "aws": cases_http.announcing(cases_http.SQS_BODY_BYTES_MAX),
    "kafka": cases_kafka.size(cases_kafka.FRAME_BYTES_MAX) + cases_kafka.METADATA[4:12],
    "redis": b"*%d\r\n$%d\r\nx" % (cases_redis.ARGUMENTS_MAX, cases_redis.BULK_BYTES_MAX),
    "http": cases_http.announcing(cases_http.ADMIN_BODY_BYTES_MAX),
}
# A request whose answer is no smaller than itself, so that answers pile up.
ECHOING = {
    "aws": wire.sqs_request("F" * 10_000, {}),
    "kafka": wire.metadata_request("n" * 30_000),
    "redis": wire.resp("ECHO", "e" * 30_000),
    "http": wire.http_request("GET", "/" + "p" * 10_000),
}
# What a request that never ends is given up with.
STALLED = {"aws": b"HTTP/1.1 408 ", "kafka": b"", "redis": b"", "http": b"HTTP/1.1 408 "}


def send_and_expect(port, data, expectation):
    with wire.Wire(port) as connection:
        connection.send(data)
        expectation(connection)


def check_named_cases(suite, broker, watch, name):
    for title, data, expectation in CASES[name]:
        with suite.case(f"{name}: {title}"):
            send_and_expect(broker.ports[name], data, expectation)
            watch.check()


def check_generic(suite, broker, watch, name, seed):
    port, samples = broker.ports[name], SAMPLES[name]
    for title, attack in (
        ("random bytes", lambda random: attacks.noise(port, random)),
        ("changed requests", lambda random: attacks.mutations(port, samples, random)),
        ("cut requests", lambda random: attacks.cuts(port, samples, random)),
        ("200 silent connections", lambda _: attacks.half_open(broker, name, watch)),
        ("200 announcements of the largest request", lambda _: attacks.announced(broker, name, LARGEST[name], watch)),
        ("slow senders", lambda _: attacks.slow(broker, name, *VALID[name], watch)),
        ("a client that reads nothing", lambda _: attacks.deaf(broker, name, ECHOING[name], watch)),
        ("resets in the middle", lambda random: attacks.resets(broker, name, samples, random)),
    ):
        with suite.case(f"{name}: {title}"):
            attack(suite.random(f"{name} {title}", seed))
            watch.check()


def check_vanished_waiters(suite, broker, watch, name):
    def waiting():
        if name == "redis":
            with wire.Wire(broker.ports["redis"]) as connection:
                text = wire.redis(connection, "INFO", "clients").decode()
            return int(text.split("blocked_clients:")[1].split()[0])
        return attacks.metric(broker, "weir_waiting_requests")

    # An orderly end was once overlooked on the Redis port: the dead client's BRPOP took the next value.
    for title, leave in (("reset", wire.Wire.reset), ("close", wire.Wire.close), ("end their output", wire.Wire.end_output)):
        with suite.case(f"{name}: waiting clients {title}"):
            attacks.leave_while_waiting(broker, name, WAITING[name], waiting, leave)
            watch.check()


def check_nothing_went_astray(suite, broker):
    """What arrives after the waiters vanished goes to those who live."""
    with suite.case("redis: a vanished waiter takes nothing"), wire.Wire(broker.ports["redis"]) as connection:
        assert wire.redis(connection, "LPUSH", "silent-list", "kept") == 1
        assert wire.redis(connection, "BRPOP", "silent-list", "5") == [b"silent-list", b"kept"]
    with suite.case("aws: a vanished waiter takes nothing"), wire.Wire(broker.ports["aws"]) as connection:
        url = cases_http.URL.replace("bystander", "silent")
        status, answer = wire.sqs(connection, "SendMessage", QueueUrl=url, MessageBody="kept")
        assert status == 200, answer
        status, answer = wire.sqs(connection, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=5)
        assert status == 200 and answer["Messages"][0]["Body"] == "kept", answer


def prepare(broker):
    with wire.Wire(broker.ports["aws"]) as connection:
        status, answer = wire.sqs(connection, "CreateQueue", QueueName="silent")
        assert status == 200, answer
    with wire.Wire(broker.ports["kafka"]) as connection:
        for topic in ("bystander-topic", "silent-topic"):
            connection.send(wire.metadata_request(topic))
            wire.read_kafka(connection)


def check(suite, meanwhile):
    """`meanwhile` runs while the stalled requests of this broker wait for their end."""
    with Broker() as broker:
        broker.ready()
        watch = Watch(broker)
        prepare(broker)
        stalled = attacks.Stalled(broker, {name: VALID[name][0] for name in VALID})
        for name in VALID:
            check_named_cases(suite, broker, watch, name)
            check_generic(suite, broker, watch, name, suite.seed)
        for name in WAITING:
            check_vanished_waiters(suite, broker, watch, name)
        check_nothing_went_astray(suite, broker)
        meanwhile()
        for name, expected in STALLED.items():
            with suite.case(f"{name}: a request that never ends is given up"):
                stalled.check(name, expected)
                watch.check()
        watch.close()
        with suite.case("after all of it: the broker stops when asked"):
            assert broker.terminate(within_s=15) == 0, broker.log()[-4000:]
        suite.note(f"resident memory: {watch.resident_before >> 20} MiB before, {watch.resident_most >> 20} MiB at most")
