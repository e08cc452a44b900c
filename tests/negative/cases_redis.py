"""Bad requests for the Redis port: an error reply where the framing still holds, `Protocol error` and the end where not."""

from cases import closed, closed_after_end, redis_error, then
from wire import read_resp, resp

BULK_BYTES_MAX = 60 << 20
ARGUMENTS_MAX = 1 << 20
LINE_BYTES_MAX = 64 << 10


def broken(*words):
    return redis_error("Protocol error", *words, ends=True)


def pong(connection):
    answer = read_resp(connection)
    assert answer == b"+PONG", answer


CASES = [
    ("a valid request", resp("PING"), pong),
    *(
        (f"an array of {count}", f"*{count}\r\n".encode(), broken("invalid multibulk length"))
        for count in (ARGUMENTS_MAX + 1, 2**31, 2**32 - 1, 2**63, "x", "1x")
    ),
    *(
        (f"a string of {length}", f"*1\r\n${length}\r\n".encode(), broken("invalid bulk length"))
        for length in (BULK_BYTES_MAX + 1, 2**32 - 1, 2**63, -1, -2, "x")
    ),
    ("the largest array, announced and not sent", b"*%d\r\n" % ARGUMENTS_MAX, closed_after_end),
    ("the largest string, announced and not sent", b"*1\r\n$%d\r\n" % BULK_BYTES_MAX, closed_after_end),
    ("a negative array, which Redis ignores", b"*-1\r\n" + resp("PING"), pong),
    ("a string where an array stood", b"*1\r\n:5\r\n", broken("expected '$', got ':'")),
    ("arrays in arrays, 10,000 deep", b"*1\r\n" * 10_000, broken("expected '$', got '*'")),
    ("an array cut in the middle", resp("SET", "cut", "value")[:-5], closed_after_end),
    ("a count without an end", b"*" + b"1" * (LINE_BYTES_MAX + 2), broken("too big mbulk count")),
    ("a length without an end", b"*1\r\n$" + b"1" * (LINE_BYTES_MAX + 2), broken("too big bulk count")),
    ("an inline request without an end", b"x" * (LINE_BYTES_MAX + 2), broken("too big inline request")),
    ("quotes that never close", b'SET "open\r\n', broken("unbalanced quotes")),
    ("an unknown command", resp("FROBNICATE", "a"), redis_error("ERR unknown command", "FROBNICATE")),
    ("an unknown command of 1 MiB", resp(b"F" * (1 << 20)), redis_error("ERR unknown command")),
    ("an unknown command of line ends", resp(b"\r\n+OK\r\n"), redis_error("ERR unknown command")),
    ("too few arguments", resp("GET"), redis_error("wrong number of arguments")),
    ("too many arguments", resp("GET", *range(1000)), redis_error("wrong number of arguments")),
    ("protocol version 9", resp("HELLO", "9"), redis_error("NOPROTO")),
    ("an unknown subcommand", resp("CLIENT", "FROBNICATE"), redis_error("unknown subcommand")),
    ("a database that there is not", resp("SELECT", "99"), redis_error("ERR")),
    ("a number beyond 64 bits", resp("LRANGE", "list", "0", "9" * 40), redis_error("not an integer")),
    ("a stream id beyond 64 bits", resp("XADD", "stream", "9" * 40, "f", "v"), redis_error("Invalid stream ID")),
    ("an offset beyond every string", resp("SETRANGE", "text", 2**62, "x"), redis_error("ERR")),
    ("a client name of 5,000 characters", resp("CLIENT", "SETNAME", "n" * 5000), redis_error("ERR")),
    ("an operation on another kind", resp("LPUSH", "bystander-text", "x"), redis_error("WRONGTYPE")),
    ("EXEC without MULTI", resp("EXEC"), redis_error("EXEC without MULTI")),
    ("garbage behind a valid request", resp("PING") + b"*1\r\n!\r\n", then(pong, broken("expected '$'"))),
    ("an HTTP request", b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", closed),
    ("a cross-protocol request by its Host line", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", lambda c: c.rest()),
]

SAMPLES = [
    resp("PING"),
    resp("SET", "sample", "value"),
    resp("LPUSH", "samples", "one", "two"),
    resp("XADD", "stream", "*", "field", "value"),
    resp("BRPOP", "silent-list", "20"),
    b'SET inline "quoted value"\r\n',
    resp("MULTI") + resp("INCR", "counter") + resp("EXEC"),
]
