"""The process among others: a data folder and ports that are taken, and a stop during traffic."""

import os
import socket
import threading

import wire
from broker import Broker, until

STOP_GRACE_MS = 3000


def check(suite):
    check_lock(suite)
    check_busy_ports(suite)
    check_chosen_ports(suite)
    check_stop_during_traffic(suite)


def check_lock(suite):
    with suite.case("a second broker on one data folder is refused by name"), Broker() as first:
        first.ready()
        with Broker(data=first.data) as second:
            status, words = second.refused()
        assert status == 1, f"status {status}: {words}"
        assert first.data in words and "in use" in words, words
        with wire.Wire(first.ports["redis"]) as connection:
            assert wire.redis(connection, "PING") == b"+PONG"
        first.check_alive()


def check_busy_ports(suite):
    for name in ("kafka", "aws", "redis", "http"):
        with suite.case(f"{name}: a busy port is refused by name"), socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with Broker(ports={name: port}) as broker:
                status, words = broker.refused()
                assert status == 1, f"status {status}: {words}"
                assert str(port) in words and f"--{name}-port" in words, words
                assert not os.path.exists(broker.ports_path), "a broker that did not start wrote its ports"


def listening(pid):
    """The ports on which a process listens."""
    links = (os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd"))
    sockets = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
        ports |= {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and row[9] in sockets}
    return ports


def check_chosen_ports(suite):
    with suite.case("aws: where a port was chosen, that one alone is opened"), socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        with Broker(ports={"aws": port}) as broker:
            broker.ready()
            assert listening(broker.process.pid) == set(broker.ports.values()), listening(broker.process.pid)


class Traffic(threading.Thread):
    """One client that calls until the broker ends its connection; an answer that is no success is remembered."""

    def __init__(self, call, connection):
        super().__init__(daemon=True)
        self.call, self.connection = call, connection
        self.answers, self.problem = 0, None

    def run(self):
        try:
            while True:
                self.call(self.connection)
                self.answers += 1
        except (wire.Closed, OSError):
            pass
        except Exception as error:  # handed to the thread that judges
            self.problem = error


def send_sqs(connection):
    status, answer = wire.sqs(connection, "SendMessage", QueueUrl="http://localhost/000000000000/traffic", MessageBody="m")
    assert status in (200, 503), answer


def push_redis(connection):
    answer = wire.redis(connection, "LPUSH", "traffic-list", "m")
    assert isinstance(answer, int) or b"shutting down" in answer, answer


def ask_kafka(connection):
    connection.socket.sendall(wire.metadata_request("traffic-topic"))
    assert b"traffic-topic" in wire.read_kafka(connection)


def wait_redis(connection):
    wire.redis(connection, "BRPOP", "nothing", "30")


def check_stop_during_traffic(suite):
    with suite.case("SIGTERM during traffic: status 0 within the grace"):
        with Broker("--stop-grace-ms", str(STOP_GRACE_MS)) as broker:
            broker.ready()
            with wire.Wire(broker.ports["aws"]) as connection:
                assert wire.sqs(connection, "CreateQueue", QueueName="traffic")[0] == 200
            calls = (("aws", send_sqs), ("redis", push_redis), ("kafka", ask_kafka), ("redis", wait_redis))
            clients = [Traffic(call, wire.Wire(broker.ports[name], 30)) for name, call in calls for _ in range(3)]
            for client in clients:
                client.start()
            busy = [client for client in clients if client.call is not wait_redis]
            until(lambda: all(client.answers > 5 or client.problem for client in busy), 20, "traffic")
            # Twice the grace (replies, then storage), and room for a busy machine.
            status = broker.terminate(within_s=2 * STOP_GRACE_MS / 1000 + 5)
            assert status == 0, f"status {status}:\n{broker.log()[-4000:]}"
            assert not os.path.exists(broker.ports_path), "the ports file outlived the broker"
            for client in clients:
                client.join(10)
                assert not client.is_alive(), "a client was left hanging"
                assert client.problem is None, repr(client.problem)
