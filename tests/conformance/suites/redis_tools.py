"""redis-benchmark and redis-cli of Debian's redis-tools."""

import re
import shutil
import subprocess

from kit.fetched import fast_broker
from kit.suite import Unavailable

_COMMAND_S = 120
# The names as -t takes them; "lrange" is four loads.
_LOADS = ("ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd",
          "zpopmin", "lrange", "mset")  # fmt: skip
_SHAPES = {
    "one at a time": ["-n", "2000", "-c", "20"],
    "pipelined": ["-n", "10000", "-c", "20", "-P", "16", "-r", "1000"],
    "two threads, larger values": ["-n", "1000", "-c", "20", "--threads", "2", "-d", "512"],
}
_XADD = ["xadd", "stream:__rand_int__", "*", "field", "__rand_int__"]


def _need(program):
    if not shutil.which(program):
        raise Unavailable(f"this needs {program}")


def _version(program):
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return re.sub(r"\s*\(git.*", "", text.strip())


def _run(command, typed=None):
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=typed, capture_output=True, timeout=_COMMAND_S, check=False)
    except subprocess.TimeoutExpired:
        return None, f"{' '.join(words)}: not done within {_COMMAND_S} s"
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def benchmark(results):
    _need("redis-benchmark")
    results.source = _version("redis-benchmark")
    with fast_broker().ready() as broker:
        for shape, options in _SHAPES.items():
            for load in (*_LOADS, _XADD):
                name = load if isinstance(load, str) else load[0]
                words = ["-t", load] if isinstance(load, str) else load
                code, output = _run(["redis-benchmark", "-p", broker.ports["redis"], "-e", "--csv", *options, *words])
                rates = re.findall(r'^"[^"]+","\d+\.\d+"', output, re.MULTILINE)
                if code == 0 and rates and "Error" not in output:
                    results.passed(shape, name)
                else:
                    results.failed(shape, name, output)
        broker.check_alive()


class _Cli:
    def __init__(self, results, port):
        self._results, self._port = results, port

    def __call__(self, *words, typed=None):
        code, output = _run(["redis-cli", "-p", self._port, *words], typed)
        return output if code == 0 else f"status {code}: {output}"

    def check(self, part, name, output, pattern):
        if re.search(pattern, output, re.MULTILINE):
            self._results.passed(part, name)
        else:
            self._results.failed(part, name, f"expected {pattern!r} in:\n{output}")


def _resp(*words):
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)


def cli(results):
    _need("redis-cli")
    results.source = _version("redis-cli")
    with fast_broker().ready() as broker:
        cli = _Cli(results, broker.ports["redis"])
        _check_commands(cli)
        _check_modes(cli)
        broker.check_alive()


def _check_commands(cli):
    part = "commands"
    cli.check(part, "PING", cli("ping"), "^PONG$")
    cli.check(part, "RESP3", cli("-3", "hello"), "^proto\n3$|proto 3")
    cli.check(part, "a database", cli("-n", "3", "set", "in-three", "x"), "^OK$")
    cli.check(part, "the other database has no such key", cli("exists", "in-three"), "^0$")
    cli.check(part, "the last argument from standard input", cli("-x", "set", "typed", typed=b"words"), "^OK$")
    cli.check(part, "a value read back", cli("get", "typed"), "^words$")
    cli.check(part, "repeated", cli("-r", "3", "incr", "counter"), "^1\n2\n3$")
    cli.check(part, "CSV", cli("--csv", "mget", "typed", "nothing"), '^"words",NULL$')
    cli.check(part, "JSON", cli("--json", "config", "get", "databases"), r'"databases"\s*:\s*"16"')
    cli.check(part, "an error's status", cli("-e", "nosuch"), "^status 1: ERR unknown command")
    cli.check(part, "lines from standard input", cli(typed=b"lpush list a b c\nlrange list 0 -1\n"), "^3\nc\nb\na$")
    cli.check(part, "a transaction", cli(typed=b"multi\nincr counter\nincr counter\nexec\n"), "^OK\nQUEUED\nQUEUED\n4\n5$")
    cli.check(part, "a stream", cli(typed=b"xadd s 1-1 f v\nxrange s - +\n"), "^1-1\n1-1\nf\nv$")
    cli.check(part, "INFO", cli("info", "server"), "^redis_version:7")
    cli.check(part, "CLIENT LIST", cli("client", "list"), "^id=\\d+ addr=")
    cli.check(part, "COMMAND DOCS", cli("command", "docs", "lpush"), "^summary$")


def _check_modes(cli):
    part = "modes"
    mass = "".join(_resp("SET", f"mass:{i}", str(i)) for i in range(5000))
    cli.check(part, "--pipe", cli("--pipe", typed=mass.encode()), "errors: 0, replies: 5000")
    cli.check(part, "--scan", str(len(cli("--scan", "--pattern", "mass:*").split())), "^5000$")
    cli.check(part, "--bigkeys", cli("--bigkeys"), "Biggest +list +found")
    cli.check(part, "--memkeys", cli("--memkeys"), "Biggest .* found .* has \\d+ bytes|bytes \\(")
