"""Measures Weir beside its peers on this machine and prints ratios for the targets that apply.

A and B alternate: one pair after the other, the median of the pairs' ratios is quoted with its range. Both servers of a
comparison run during all of its pairs, so that the idle one costs nothing but memory. Results with every single run, the
versions, the settings and the commands go to bench/results/.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import loads  # noqa: E402
import memory  # noqa: E402
from servers import TOP, Echo, Redis, Weir  # noqa: E402

BODY = "x" * 100


class Comparison:
    """`load(server, settings)` measures one run; `better`: which way the ratio A/B should go."""

    def __init__(self, name, target, peer, load, unit="messages/s", metric=lambda run: run["per_s"]):
        self.name, self.target, self.peer, self.load, self.unit, self.metric = name, target, peer, load, unit, metric


def redis_command(words, clients, pipeline, key, before=()):
    def load(server, settings):
        loads.redis_cli(server, "DEL", key)
        for command in before:
            loads.redis_benchmark(server, settings.client_cores, settings.seconds, *command)
        return loads.redis_benchmark(server, settings.client_cores, settings.seconds, words, clients, pipeline)

    return load


def drained(words, clients, pipeline, key):
    """Takes away what was put there first."""

    def load(server, settings):
        loads.redis_cli(server, "DEL", key)
        count = settings.stock
        loads.redis_benchmark(server, settings.client_cores, 0, ["LPUSH", key, BODY], 50, 16, requests=count)
        return loads.redis_benchmark(server, settings.client_cores, 0, words, clients, pipeline, requests=count)

    return load


def read_group(clients, pipeline):
    def load(server, settings):
        loads.redis_cli(server, "DEL", "groupstream")
        loads.redis_benchmark(server, settings.client_cores, 0, ["XADD", "groupstream", "*", "body", BODY], 50, 16, requests=settings.stock)
        return loads.weir_load(server, "redis", settings.client_cores, "redis-xreadgroup", name="groupstream", connections=clients, depth=pipeline, batch=10, warmup=0, seconds=120)

    return load


def comparisons():
    memory, always, everysec = "none", "always", "everysec"
    xadd = ["XADD", "stream", "*", "body", BODY]
    lpush, lmove = ["LPUSH", "list", BODY], ["LMOVE", "list", "list", "RIGHT", "LEFT"]
    add = lambda clients, pipeline: redis_command(xadd, clients, pipeline, "stream")  # noqa: E731
    yield Comparison("XADD c=50 P=16", ">= 1x Redis without persistence", memory, add(50, 16))
    yield Comparison("XADD c=50 P=1", ">= 0.8x Redis without persistence", memory, add(50, 1))
    yield Comparison("XADD c=200 P=1", ">= 1x Redis without persistence", memory, add(200, 1))
    yield Comparison("XADD c=50 P=16, always", ">= 2x Redis appendfsync always", always, add(50, 16))
    yield Comparison("XADD c=50 P=1, always", ">= 2x Redis appendfsync always", always, add(50, 1))
    yield Comparison("XADD c=50 P=16, everysec", "for comparison", everysec, add(50, 16))
    yield Comparison("XREADGROUP+XACK c=50 P=16", ">= 1x Redis without persistence", memory, read_group(50, 16))
    yield Comparison("XREADGROUP+XACK c=50 P=1", ">= 0.8x Redis without persistence", memory, read_group(50, 1))
    yield Comparison("XREADGROUP+XACK c=50 P=16, always", ">= 2x Redis appendfsync always", always, read_group(50, 16))
    yield Comparison("LPUSH c=50 P=16", ">= 1x Redis without persistence", memory, redis_command(lpush, 50, 16, "list"))
    yield Comparison("BRPOP c=50 P=16", ">= 1x Redis without persistence", memory, drained(["BRPOP", "list", "1"], 50, 16, "list"))
    yield Comparison("LMOVE c=50 P=16", ">= 1x Redis without persistence", memory, redis_command(lmove, 50, 16, "list", before=[(lpush, 50, 16, 1000)]))


# What has no peer here is measured alone: against the depth of its own queue, the disk and an echo.
ALONE = [
    ("SQS send c=64", "aws", "sqs-send", {"connections": 64}),
    ("SQS send batch of 10, c=64", "aws", "sqs-send", {"connections": 64, "batch": 10}),
    ("SQS FIFO send, 1 group", "aws", "sqs-fifo-send", {"connections": 64, "groups": 1}),
    ("SQS FIFO send, 100 groups", "aws", "sqs-fifo-send", {"connections": 64, "groups": 100}),
    ("SQS FIFO send, 10000 groups", "aws", "sqs-fifo-send", {"connections": 64, "groups": 10000}),
    ("Kafka produce 100 B x 100, 1 partition, c=16", "kafka", "kafka-produce", {"connections": 16, "batch": 100, "bytes": 100}),
    ("Kafka produce 1 KiB x 100, 16 partitions, c=16", "kafka", "kafka-produce", {"connections": 16, "batch": 100, "bytes": 1024, "partitions": 16}),
]

LONE = [
    ("Redis XADD", "redis", "redis-xadd"),
    ("Redis LPUSH", "redis", "redis-lpush"),
    ("SQS send", "aws", "sqs-send"),
    ("Kafka produce", "kafka", "kafka-produce"),
]


def spread(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def run_pairs(comparison, settings):
    if settings.needs_skipped("redis"):
        return None
    runs = []
    with Weir(settings.folder, settings.server_cores) as weir, Redis(settings.folder, settings.server_cores, comparison.peer) as peer:
        for _ in range(settings.pairs):
            runs.append({"weir": comparison.load(weir, settings), "peer": comparison.load(peer, settings)})
        commands = {"weir": weir.command, "peer": peer.command}
    measured = [(comparison.metric(run["weir"]), comparison.metric(run["peer"])) for run in runs]
    ratio = spread([a / b for a, b in measured])
    a, b = (spread(values)["median"] for values in zip(*measured, strict=True))
    print(f"{comparison.name:32} weir {a:12,.0f}  peer {b:12,.0f}  ratio {ratio['median']:5.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})  target {comparison.target}", flush=True)
    return {"name": comparison.name, "target": comparison.target, "peer": peer.name, "durability": [weir.durability, peer.durability], "ratio": ratio, "commands": commands, "runs": runs}


def run_alone(settings):
    results = []
    for number, (name, protocol, workload, options) in enumerate(ALONE):
        if settings.needs_skipped(protocol):
            continue
        with Weir(settings.folder, settings.server_cores) as weir:
            run = loads.weir_load(weir, protocol, settings.client_cores, workload, name=f"load{number}", warmup=settings.warmup, seconds=settings.seconds, **options)
        print(f"{name:50} {run['per_s']:12,.0f}/s  p50 {run['latency_us']['p50']:,.0f} us  p99 {run['latency_us']['p99']:,.0f} us  {run['server_cpu_s_per_million']:.2f} CPU s/M  peak {run['server_peak_bytes'] / 2**20:.0f} MiB", flush=True)
        results.append({"name": name, "run": run})
    if not settings.needs_skipped("aws"):
        results.append(run_depth(settings))
    return results


def run_depth(settings):
    """Send, then receive(10) + deleteBatch(10), at depth 0 and on top of a backlog."""
    rates = {}
    with Weir(settings.folder, settings.server_cores) as weir:
        for depth in (0, settings.backlog):
            if depth:
                loads.weir_load(weir, "aws", settings.client_cores, "sqs-send", name="deep", connections=16, batch=10, requests=depth // 10, warmup=0, seconds=600)
            name = "deep" if depth else "flat"
            count = settings.stock // 5
            sent = loads.weir_load(weir, "aws", settings.client_cores, "sqs-send", name=name, connections=16, batch=10, requests=count // 10, warmup=0, seconds=120)
            extra = {"requests": count // 10} if depth else {"expect": count}
            taken = loads.weir_load(weir, "aws", settings.client_cores, "sqs-receive", name=name, connections=16, batch=10, warmup=0, seconds=120, **extra)
            rates[depth] = (sent["per_s"], taken["per_s"])
    send, take = (rates[settings.backlog][i] / rates[0][i] for i in (0, 1))
    print(f"SQS at depth {settings.backlog:,} against depth 0: send {send:.2f}x of {rates[0][0]:,.0f}/s, receive+delete {take:.2f}x of {rates[0][1]:,.0f}/s  target >= 0.9", flush=True)
    return {"name": "depth", "backlog": settings.backlog, "rates": {str(depth): rate for depth, rate in rates.items()}}


def run_lone(settings):
    """One lone message against one flush plus one echo, in turn."""
    results = []
    seconds = min(settings.seconds, 5)
    with Weir(settings.folder, settings.server_cores) as weir, Echo(settings.folder, settings.server_cores) as echo:
        time.sleep(settings.settle)
        for name, protocol, workload in LONE:
            if settings.needs_skipped(protocol):
                continue
            runs = []
            for pair in range(settings.pairs):
                flush = loads.flush_latency(settings.folder)["p50"]
                around = loads.weir_load(echo, "echo", settings.client_cores, "echo", seconds=1, warmup=0.2)["latency_us"]["p50"]
                lone = loads.weir_load(weir, protocol, settings.client_cores, workload, name=f"{workload}-{pair}", seconds=seconds, warmup=0.5)["latency_us"]
                runs.append({"flush": flush, "echo": around, "lone": lone, "ratio": lone["p50"] / (flush + around)})
            ratio = spread([run["ratio"] for run in runs])
            middle = {key: statistics.median(run[key] for run in runs) for key in ("flush", "echo")}
            p50 = statistics.median(run["lone"]["p50"] for run in runs)
            print(f"lone {name:20} p50 {p50:6.0f} us  flush {middle['flush']:.0f} us + echo {middle['echo']:.0f} us  ratio {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})  target <= {settings.lone_target}", flush=True)
            results.append({"name": name, "ratio": ratio, "runs": runs})
    return results


def run_start(settings):
    """Start on an empty folder, idle cost, start after a kill."""
    empty = []
    for _ in range(settings.pairs):
        weir = Weir.__new__(Weir)
        super(Weir, weir).__init__(settings.folder)
        empty.append(weir.start())
        weir.stop()
    with Weir(settings.folder) as weir:
        time.sleep(settings.settle)
        cpu, began = weir.cpu_s(), time.monotonic()
        time.sleep(settings.settle)
        share = (weir.cpu_s() - cpu) / (time.monotonic() - began)
        rss = weir.rss_bytes()
        if not settings.needs_skipped("kafka"):
            loads.weir_load(weir, "kafka", "", "kafka-produce", connections=8, batch=100, bytes=1024, partitions=8, warmup=0, seconds=settings.seconds)
        weir.process.kill()
        weir.process.wait()
        again = weir.start()
    start = spread(empty)
    print(f"start on an empty folder {start['median'] * 1000:.0f} ms (target <= 50), after kill -9 under load {again * 1000:.0f} ms (target <= 2000)")
    print(f"idle: RSS {rss / 2**20:.1f} MiB (target <= 25), CPU {share * 100:.2f} % (target 0.0)", flush=True)
    return {"empty_s": start, "after_kill_s": again, "idle_rss_bytes": rss, "idle_cpu": share}


class Settings:
    def __init__(self, options):
        quick = options.quick
        self.pairs = options.pairs or (2 if quick else 5)
        self.seconds = options.seconds or (3 if quick else 20)
        self.warmup = 0.5 if quick else 5
        self.settle = 1 if quick else 3
        self.stock = 100_000 if quick else 1_000_000
        self.backlog = 100_000 if quick else 1_000_000
        self.small_keys = 100_000 if quick else 1_000_000
        self.server_cores, self.client_cores = ("0", "1") if options.pinned else ("", "")
        self.lone_target = 1.5 if options.pinned else 1.3
        self.folder = options.folder
        self.missing = set()

    def needs_skipped(self, protocol):
        return protocol in self.missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works, not to quote")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--pinned", action="store_true", help="servers on core 0, clients on core 1")
    parser.add_argument("--only", default="", help="parts: redis, memory, alone, lone, start; or words of a comparison's name")
    parser.add_argument("--folder", default=str(TOP / "build"), help="where the servers keep their data")
    options = parser.parse_args()
    settings = Settings(options)
    words = [word for word in options.only.split(",") if word]
    wanted = lambda part, name="": not words or part in words or any(word in name for word in words)  # noqa: E731

    with Weir(settings.folder) as probe:
        settings.missing = {"kafka", "aws", "redis"} - set(probe.addresses)
    result = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "processor": processor()},
        "versions": {"weir": Weir.version(), "redis": Redis.version()},
        "pinned": options.pinned,
        "flush_us": loads.flush_latency(settings.folder),
    }
    print(f"{result['machine']['processor']}, {os.cpu_count()} cores, {'pinned' if options.pinned else 'unpinned'}; {result['versions']['weir']}; {result['versions']['redis']}")
    print(f"one flush of the disk (4 KiB, direct {result['flush_us']['direct']}): p50 {result['flush_us']['p50']:.0f} us, p99 {result['flush_us']['p99']:.0f} us", flush=True)
    for protocol in sorted(settings.missing):
        print(f"skipped: the broker has no {protocol} listener")
    result["pairs"] = [run_pairs(comparison, settings) for comparison in comparisons() if wanted("redis", comparison.name)]
    if wanted("memory") and not settings.needs_skipped("redis"):
        result["memory"] = memory.run(settings)
    for part, run in (("lone", run_lone), ("alone", run_alone), ("start", run_start)):
        if wanted(part):
            result[part] = run(settings)
    folder = TOP / "bench/results"
    folder.mkdir(exist_ok=True)
    file = folder / f"compare-{result['when'][:19].replace(':', '')}{'-quick' if options.quick else ''}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(f"raw results: {file.relative_to(TOP)}")


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
