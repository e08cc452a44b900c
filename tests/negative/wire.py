"""Small speakers of the four protocols over plain sockets: enough to ask for something valid, and to send what is not."""

import json
import socket
import struct

REPLY_S = 10


class Closed(Exception):
    """The broker ended the connection."""


class Wire:
    """One connection. Every wait has a deadline."""

    def __init__(self, port, timeout_s=REPLY_S):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a TCP reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        """Sends as much as the broker takes; it may close early, which is its right."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end_output(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise AssertionError(f"neither an answer nor an end of the connection within {REPLY_S} s") from None
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def take(self, size):
        while len(self.buffer) < size:
            self.more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def rest(self):
        """Everything until the broker ends the connection."""
        while True:
            try:
                self.more()
            except Closed:
                taken, self.buffer = self.buffer, b""
                return taken


def http_request(method, target, body=b"", headers=None):
    fields = {"Host": "localhost", "Content-Length": str(len(body))} | (headers or {})
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("latin-1") + b"\r\n" + body


def read_http(wire):
    """(status, headers, body) of the next response."""
    status = int(wire.line().split(b" ")[1])
    headers = {}
    while line := wire.line():
        name, value = line.split(b":", 1)
        headers[name.decode().lower()] = value.strip().decode("latin-1")
    body = wire.take(int(headers.get("content-length", 0)))
    return status, headers, body


def sqs_request(action, body):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
    return http_request("POST", "/", text, fields)


def sqs(wire, action, **parameters):
    """(status, document) of one SQS call."""
    wire.socket.sendall(sqs_request(action, parameters))
    status, _, body = read_http(wire)
    return status, json.loads(body or b"{}")


def kafka_frame(key, version, body=b"", correlation=7, client=b"negative", tags=b""):
    head = struct.pack(">hhih", key, version, correlation, len(client)) + client + tags
    return struct.pack(">i", len(head) + len(body)) + head + body


def read_kafka(wire):
    """The next response: its correlation id in front, its size stripped."""
    size = struct.unpack(">i", wire.take(4))[0]
    return wire.take(size)


def kafka_string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">h", len(data)) + data


API_VERSIONS = kafka_frame(18, 0)


def metadata_request(*topics, create=True):
    """Metadata version 4."""
    body = struct.pack(">i", len(topics)) + b"".join(kafka_string(name) for name in topics)
    return kafka_frame(3, 4, body + bytes([create]))


def resp(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read_resp(wire):
    """The next RESP2 value; an error comes as bytes that begin with '-'."""
    line = wire.line()
    kind, rest = line[:1], line[1:]
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else wire.take(int(rest) + 2)[:-2]
    if kind == b"*":
        return None if rest == b"-1" else [read_resp(wire) for _ in range(int(rest))]
    if kind not in b"+-":
        raise AssertionError(f"no RESP value: {line[:100]!r}")
    return line


def redis(wire, *words):
    wire.socket.sendall(resp(*words))
    return read_resp(wire)
