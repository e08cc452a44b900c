"""Attacks that need no knowledge of a protocol beyond one valid request: noise, cuts, silence, slowness, resets."""

import re
import select
import time

import wire
from broker import until

NOISE_ROUNDS = 60
NOISE_BYTES_MAX = 4096
MUTATIONS = 120
HALF_OPEN = 200
ANNOUNCERS = 200
SLOW_SENDERS = 20
# More than the buffers of both kernels and the broker's limits hold together.
DEAF_BYTES_MAX = 128 << 20
# A connection that takes nothing for so long is not read any more.
DEAF_S = 1
RESETS = 100
SETTLE_S = 10
# A request has 30 s to arrive whole; the rest is room on a busy machine.
REQUEST_DEADLINE_S = 30
STALLED_S = 45


def metric(broker, name, **labels):
    """One value of /metrics."""
    with wire.Wire(broker.ports["http"]) as connection:
        connection.socket.sendall(wire.http_request("GET", "/metrics"))
        _, _, body = wire.read_http(connection)
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    for line in body.decode().splitlines():
        if re.match(rf"{name}[{{ ]", line) and all(label in line for label in wanted):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no metric {name} {labels}")


def connections(broker, port):
    return metric(broker, "weir_connections", protocol=port)


def ends(port, data):
    """Sends `data` and an end: whatever the broker answers, it must come to an end of the connection."""
    with wire.Wire(port) as connection:
        connection.send(data)
        connection.end_output()
        return connection.rest()


def noise(port, random):
    """Random bytes."""
    for _ in range(NOISE_ROUNDS):
        ends(port, random.randbytes(random.randint(1, NOISE_BYTES_MAX)))


def mutate(sample, random):
    """A valid request with a few bytes changed, doubled or left out."""
    data = bytearray(sample)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        match random.randrange(4):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                data[at] ^= 1 << random.randrange(8)
            case 2:
                data[at:at] = data[at : at + random.randint(1, 8)]
            case _:
                del data[at : at + random.randint(1, 8)]
        if not data:
            return sample
    return bytes(data)


def mutations(port, samples, random):
    for _ in range(MUTATIONS):
        ends(port, mutate(random.choice(samples), random))


def cuts(port, samples, random):
    """Every request ends early, at each of its first bytes and at a few later ones."""
    for sample in samples:
        places = set(range(1, min(len(sample), 12))) | {random.randrange(1, len(sample)) for _ in range(8)}
        for place in places:
            ends(port, sample[:place])


def half_open(broker, name, watch):
    """Clients that connect and say nothing; later they go, and so do their connections."""
    before = connections(broker, name)
    silent = [wire.Wire(broker.ports[name]) for _ in range(HALF_OPEN)]
    until(lambda: connections(broker, name) >= before + HALF_OPEN, SETTLE_S, f"{HALF_OPEN} connections")
    watch.check()
    for connection in silent:
        connection.close()
    until(lambda: connections(broker, name) <= before, SETTLE_S, "the end of the silent connections")


def announced(broker, name, beginning, watch):
    """Many clients announce the largest request there is, and send none of it: memory is not taken on their word."""
    before = connections(broker, name)
    clients = [wire.Wire(broker.ports[name]) for _ in range(ANNOUNCERS)]
    received = metric(broker, "weir_received_bytes_total", protocol=name)
    for client in clients:
        client.send(beginning)
    wanted = received + ANNOUNCERS * len(beginning)
    until(lambda: metric(broker, "weir_received_bytes_total", protocol=name) >= wanted, SETTLE_S, "the announcements")
    watch.check()
    for client in clients:
        client.close()
    until(lambda: connections(broker, name) <= before, SETTLE_S, "the end of the announcers")


def slow(broker, name, request, expectation, watch):
    """Several clients send a valid request a byte at a time, in turns; each is answered, and nobody waits for them."""
    senders = [wire.Wire(broker.ports[name]) for _ in range(SLOW_SENDERS)]
    for place in range(len(request)):
        for sender in senders:
            sender.socket.sendall(request[place : place + 1])
        if place in (1, len(request) // 2):
            watch.check()
    for sender in senders:
        expectation(sender)
        sender.close()


def deaf(broker, name, request, watch):
    """A client asks and asks and reads nothing: the broker stops reading it long before memory is a matter."""
    client = wire.Wire(broker.ports[name])
    client.socket.setblocking(False)
    block = request * max(1, (64 << 10) // len(request))
    rest, sent = block, 0
    while sent < DEAF_BYTES_MAX and select.select([], [client.socket], [], DEAF_S)[1]:
        count = client.socket.send(rest)
        rest, sent = rest[count:] or block, sent + count
    watch.check()
    assert sent < DEAF_BYTES_MAX, f"{sent >> 20} MiB of requests were read from a client that reads no answers"
    client.reset()


def resets(broker, name, samples, random):
    """Resets in the middle of requests, and behind whole ones whose answers nobody will read."""
    before = connections(broker, name)
    for _ in range(RESETS):
        sample = random.choice(samples)
        connection = wire.Wire(broker.ports[name])
        connection.send(sample[: random.randint(1, len(sample))])
        connection.reset()
    until(lambda: connections(broker, name) <= before, SETTLE_S, "the end of the reset connections")


def leave_while_waiting(broker, name, request, waiting, leave):
    """Clients that wait for something `leave`; `waiting` counts them in the broker and must fall to what it was."""
    before = waiting()
    clients = [wire.Wire(broker.ports[name]) for _ in range(10)]
    for client in clients:
        client.send(request)
    until(lambda: waiting() >= before + len(clients), SETTLE_S, "waiting clients")
    for client in clients:
        leave(client)
    until(lambda: waiting() <= before, SETTLE_S, "the end of the waits")
    for client in clients:
        client.close()


class Stalled:
    """Requests that begin and never end, one a port; opened early and judged late, since they take their deadline."""

    def __init__(self, broker, samples):
        self.begin = time.monotonic()
        self.connections = {name: wire.Wire(broker.ports[name], STALLED_S) for name in samples}
        for name, connection in self.connections.items():
            connection.send(samples[name][:-1])

    def check(self, name, expected):
        connection = self.connections[name]
        answer = connection.rest()
        taken = time.monotonic() - self.begin
        assert taken >= REQUEST_DEADLINE_S - 1, f"given up after {taken:.0f} s already"
        assert answer.startswith(expected) and (expected or not answer), answer[:200]
        connection.close()
