"""Bad input on ports with TLS: broken, cut, slow and missing handshakes, and damage behind a good one."""

import re
import socket
import ssl
import subprocess
import tempfile
import time

import attacks
import wire
from broker import Broker, until
from ports import VALID

ROUNDS = 40
NOISE_BYTES_MAX = 4096
HALF_OPEN = 100
# A handshake has 10 s; the rest is room on a busy machine.
HANDSHAKE_S = 25
SERVED_S = 5
GROWTH_BYTES_MAX = 96 << 20
RECORD_HEAD = b"\x16\x03\x01"


def trusting():
    """A client that takes any certificate: whom it trusts is not what is tested here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class TlsWire(wire.Wire):
    def __init__(self, port):
        super().__init__(port)
        self.socket = trusting().wrap_socket(self.socket)


class Pieces:
    """A client whose TLS bytes pass through the hands of the test."""

    def __init__(self):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting().wrap_bio(self.incoming, self.outgoing)

    def hello(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def shake_hands(self, connection):
        connection.send(self.hello())
        while True:
            connection.more()
            self.incoming.write(connection.take(len(connection.buffer)))
            try:
                self.tls.do_handshake()
                connection.send(self.outgoing.read())
                return
            except ssl.SSLWantReadError:
                connection.send(self.outgoing.read())

    def encrypted(self, data):
        self.tls.write(data)
        return self.outgoing.read()


def make_certificate(folder):
    certificate, key = f"{folder}/server.pem", f"{folder}/server.key"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", "-x509", *made, "-subj", "/CN=localhost", "-days", "2"], check=True, capture_output=True)
    return certificate, key


class Served:
    """Every port still serves: a new client, one that came before the attacks, within the bounds of memory."""

    def __init__(self, broker):
        self.broker = broker
        self.resident_before = broker.resident_bytes()
        self.old = {name: TlsWire(broker.ports[name]) for name in VALID}

    def check(self):
        self.broker.check_alive()
        for name, (request, expectation) in VALID.items():
            begin = time.monotonic()
            with TlsWire(self.broker.ports[name]) as connection:
                connection.send(request)
                expectation(connection)
            self.old[name].send(request)
            expectation(self.old[name])
            taken = time.monotonic() - begin
            assert taken < SERVED_S, f"{name} needed {taken:.1f} s"
        grown = self.broker.resident_bytes() - self.resident_before
        assert grown < GROWTH_BYTES_MAX, f"resident memory grew by {grown >> 20} MiB"

    def close(self):
        for connection in self.old.values():
            connection.close()


def metric(broker, name, port):
    with TlsWire(broker.ports["http"]) as connection:
        connection.socket.sendall(wire.http_request("GET", "/metrics"))
        _, _, body = wire.read_http(connection)
    found = re.search(rf'^{name}{{protocol="{port}"}} (\S+)$', body.decode(), re.MULTILINE)
    return float(found.group(1))


def noise(port, random, head=b""):
    for _ in range(ROUNDS):
        attacks.ends(port, head + random.randbytes(random.randint(1, NOISE_BYTES_MAX)))


def cut_hellos(port, random):
    hello = Pieces().hello()
    for size in {1, 4, 5, 6, len(hello) - 1, *(random.randrange(1, len(hello)) for _ in range(ROUNDS))}:
        attacks.ends(port, hello[:size])


def changed_hellos(port, random):
    for _ in range(ROUNDS):
        hello = bytearray(Pieces().hello())
        for _ in range(random.randint(1, 4)):
            hello[random.randrange(len(hello))] = random.randrange(256)
        attacks.ends(port, bytes(hello))


def bad_records(port, random):
    """A good handshake, then what no key has encrypted."""
    for _ in range(ROUNDS // 2):
        with wire.Wire(port) as connection:
            client = Pieces()
            client.shake_hands(connection)
            record = bytearray(client.encrypted(b"x" * 100))
            record[random.randrange(5, len(record))] ^= 1 + random.randrange(255)
            connection.send(bytes(record))
            connection.end_output()
            connection.rest()


def noise_inside(port, random):
    """Random bytes for the protocol itself."""
    for _ in range(ROUNDS // 2):
        with TlsWire(port) as connection:
            try:
                connection.socket.sendall(random.randbytes(random.randint(1, NOISE_BYTES_MAX)))
                connection.socket.unwrap()
            except OSError:
                pass  # it was closed, which is its right


def resets(port, random):
    for _ in range(ROUNDS):
        connection = wire.Wire(port)
        hello = Pieces().hello()
        connection.send(hello[: random.randrange(len(hello) + 1)])
        connection.reset()


def half_open(broker, name, served):
    """Silent ones and ones in the middle of their hello: others are served, and they are closed in time."""
    before = metric(broker, "weir_connections", name)
    hello = Pieces().hello()
    silent = [wire.Wire(broker.ports[name], HANDSHAKE_S) for _ in range(HALF_OPEN)]
    for index, connection in enumerate(silent):
        connection.send(hello[: index * 3])
    served.check()
    for connection in silent:
        connection.socket.settimeout(HANDSHAKE_S)
        connection.rest()
        connection.close()
    until(lambda: metric(broker, "weir_connections", name) <= before, attacks.SETTLE_S, "the end of the silent connections")


def plain(broker, name):
    request, _ = VALID[name]
    with wire.Wire(broker.ports[name]) as connection:
        connection.send(request)
        answer = connection.rest()
    if name in ("aws", "http"):
        assert answer.startswith(b"HTTP/1.1 400 ") and b"https://" in answer, answer
    else:
        assert answer == b"", answer


def old_version(broker, name):
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", broker.ports[name]), wire.REPLY_S) as connection:
        try:
            context.wrap_socket(connection)
        except ssl.SSLError as error:
            assert "ALERT_PROTOCOL_VERSION" in str(error), error
        else:
            raise AssertionError("TLS 1.1 was spoken")


def check(suite):
    with tempfile.TemporaryDirectory(prefix="weir-tls-") as folder:
        certificate, key = make_certificate(folder)
        with Broker("--tls-certificate", certificate, "--tls-key", key) as broker:
            broker.ready()
            check_ports(suite, broker)


def check_ports(suite, broker):
    with TlsWire(broker.ports["kafka"]) as connection:
        connection.send(wire.metadata_request("bystander-topic"))
        wire.read_kafka(connection)
    with TlsWire(broker.ports["aws"]) as connection:
        status, answer = wire.sqs(connection, "CreateQueue", QueueName="bystander")
        assert status == 200, answer
    served = Served(broker)
    for name in VALID:
        port = broker.ports[name]
        for title, attack in (
            ("random bytes", lambda random: noise(port, random)),
            ("random handshake records", lambda random: noise(port, random, RECORD_HEAD)),
            ("cut hellos", lambda random: cut_hellos(port, random)),
            ("changed hellos", lambda random: changed_hellos(port, random)),
            ("records that nobody encrypted", lambda random: bad_records(port, random)),
            ("random bytes inside", lambda random: noise_inside(port, random)),
            ("resets during the handshake", lambda random: resets(port, random)),
            ("a plain request", lambda _: plain(broker, name)),
            ("TLS 1.1", lambda _: old_version(broker, name)),
            ("handshakes that do not end", lambda _: half_open(broker, name, served)),
        ):
            with suite.case(f"{name} with TLS: {title}"):
                attack(suite.random(f"tls {name} {title}", suite.seed))
                served.check()
    served.close()
    with suite.case("with TLS, after all of it: the broker stops when asked"):
        assert broker.terminate(within_s=15) == 0, broker.log()[-4000:]
