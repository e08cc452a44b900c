"""What entries, pending entries and small keys cost in memory: the growth of a server's resident memory, divided by their number.

Both servers get the same commands through `redis-cli --pipe` and some seconds of rest before they are looked at, since Weir keeps
what it wrote last at hand while it is busy.
"""

import subprocess
import time

import loads
from servers import Redis, Weir, unpack_redis

REST_S = 5
CHUNK = 1000  # commands that are written at a time


def command(*words):
    parts = [str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])


def pipe(server, commands):
    """Sends the commands and waits for all answers; none may be an error."""
    port = server.addresses["redis"].split(":")[1]
    client = subprocess.Popen([unpack_redis() / "redis-cli", "-p", port, "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pending = []
    for each in commands:
        pending.append(each)
        if len(pending) == CHUNK:
            client.stdin.write(b"".join(pending))
            pending.clear()
    client.stdin.write(b"".join(pending))
    client.stdin.close()
    said = client.stdout.read().decode()
    if client.wait() != 0 or "errors: 0" not in said:
        raise RuntimeError(f"redis-cli --pipe: {said[-500:]}")


def growth(server, commands):
    before = server.rss_bytes()
    pipe(server, commands)
    time.sleep(REST_S)
    return server.rss_bytes() - before


def warm_up(server):
    """What a server takes once, whatever is kept in it."""
    pipe(server, (command("LPUSH", "warm", "x" * 100) for _ in range(100_000)))
    pipe(server, [command("DEL", "warm")])
    time.sleep(REST_S)


def one_stream(server, count):
    entry = growth(server, (command("XADD", "stream", "*", "body", "x" * 100) for _ in range(count)))
    pipe(server, [command("XGROUP", "CREATE", "stream", "group", "0")])
    read = command("XREADGROUP", "GROUP", "group", "reader", "COUNT", 1000, "STREAMS", "stream", ">")
    pending = growth(server, (read for _ in range(count // 1000)))
    seen = loads.redis_cli(server, "XPENDING", "stream", "group").split()[0]
    if int(seen) != count:
        raise RuntimeError(f"{seen} of {count} entries are pending")
    return {"entry of 100 bytes in a stream": entry / count, "pending entry": pending / count}


def small_keys(server, count):
    values = ("a" * 20, "b" * 20, "c" * 20)
    lists = growth(server, (command("RPUSH", f"list:{i}", *values) for i in range(count)))
    streams = growth(server, (command("XADD", f"stream:{i}", "*", "body", value) for i in range(count) for value in values))
    return {"list of 3 elements of 20 bytes": lists / count, "stream of 3 entries of 20 bytes": streams / count}


def run(settings):
    results = {}
    for part, count in ((one_stream, settings.stock), (small_keys, settings.small_keys)):
        for kind in (Weir, Redis):
            with kind(settings.folder) as server:
                warm_up(server)
                for what, size in part(server, count).items():
                    results.setdefault(what, {"count": count})[kind.__name__.lower()] = size
    for what, row in results.items():
        print(f"memory: {what:32} weir {row['weir']:8,.0f} bytes  redis {row['redis']:8,.0f} bytes  ({row['count']:,} of them)", flush=True)
    return results
