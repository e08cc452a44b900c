"""Measures Weir beside other servers that speak SQS, with the same load from the same client.

From a send to a receiver that waits. Then, for a standard queue and for FIFO queues with 1, 100 and 10,000 message groups, on an empty queue and on top of a backlog:
sending one message a request, then receiving ten with one delete for all of them. A fresh server each time. Weir answers when
the disk has it; the others keep everything in memory. A peer that cannot be had is skipped by name; one that is too slow to
build up the backlog in time is measured on what it reached, which the table shows.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True

from loads import flush_latency, pin  # noqa: E402
from servers import TOP, Weir, tool  # noqa: E402
from sqs_peers import PEER_KINDS, Absent  # noqa: E402

CONNECTIONS = 16
BATCH = 10
SHAPES = {"standard": 0, "FIFO, 1 group": 1, "FIFO, 100 groups": 100, "FIFO, 10000 groups": 10000}
FIFO_DEPTH_SHARE = 0.5  # a queue remembers a million deduplication ids for five minutes: half for the backlog, half for the runs


class Settings:
    def __init__(self, options):
        self.seconds = options.seconds or (2 if options.quick else 20)
        self.warmup = 0.5 if options.quick else 3
        self.depth = 100_000 if options.quick else 1_000_000
        self.fill_s = 10 if options.quick else 120
        self.folder = options.folder
        self.server_cores, self.client_cores = ("0", "1") if options.pinned else ("", "")


def load(server, settings, workload, groups, **options):
    """One run of weir-load, or why it has no figures. A run in which messages were lost or doubled says so in `verified`."""
    kind = "sqs-fifo-" if groups else "sqs-"
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        given = {"connections": CONNECTIONS, "groups": max(groups, 1)} | options
        words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        command = [str(tool("weir-load")), kind + workload, "--connect", server.addresses["aws"], "--server-pid", str(server.process.pid), "--json", result.name, *words]
        done = subprocess.run(pin(command, settings.client_cores), capture_output=True, text=True, check=False)
        text = Path(result.name).read_text()
    if not text:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
        return {"command": command, "error": said[-1]}
    return {"command": command, **json.loads(text)}


def measure(server, settings, shape, depth):
    groups = SHAPES[shape]
    wanted = int(depth * (FIFO_DEPTH_SHARE if groups else 1))
    result = {"shape": shape, "server": server.name, "durability": server.durability, "depth_wanted": wanted, "depth": 0}
    if wanted:
        filled = load(server, settings, "send", groups, name="deep", batch=BATCH, requests=wanted // BATCH, warmup=0, seconds=settings.fill_s)
        result["fill"] = filled
        result["depth"] = filled.get("messages", 0)
    name = "deep" if wanted else "flat"
    # Numbers of their own: a number is the message's deduplication id, and the receiving run counts what came twice. Twice the
    # depth, because requests under way at the end of the backlog take it a little further.
    result["send"] = load(server, settings, "send", groups, name=name, **({"first": 2 * wanted} if wanted else {}), warmup=settings.warmup, seconds=settings.seconds)
    result["receive"] = load(server, settings, "receive", groups, name=name, batch=BATCH, warmup=0, seconds=settings.seconds)
    return result


def figures(run):
    if "error" in run:
        return run["error"]
    told = f"{run['messages_per_s']:10,.0f}/s  p50 {run['latency_us']['p50'] / 1000:8.2f} ms  p99 {run['latency_us']['p99'] / 1000:8.2f} ms  server {run['server_cpu_s_per_million']:6.1f} us CPU a message"
    notes = [f"{run['failed']} failed"] if run["failed"] else []
    notes += [] if run["verified"] == "yes" else [run["verified"]]
    return told + (f" ({', '.join(notes)})" if notes else "")


def measure_wake(server, settings):
    """From send to a receiver that waits in a long poll: one sender at a fixed rate, an `os` queue (Weir) or the memory of a peer."""
    if server.name == Weir.name:
        body = json.dumps({"name": "wake", "durability": "os"}).encode()
        request = urllib.request.Request(f"http://{server.addresses['http']}/api/v1/queues", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
    given = {"name": "wake", "connections": 3, "rate": 200, "batch": 1, "warmup": 1, "seconds": settings.seconds}
    return {"server": server.name, "durability": "os" if server.name == Weir.name else server.durability, **load(server, settings, "end-to-end", 0, **given)}


def show_wake(run):
    if "error" in run:
        print(f"{'send to waiting receive':36}  {run['server']:16} {run['error']}", flush=True)
        return
    through = run["end_to_end_us"]
    print(f"{'send to waiting receive':36}  {run['server']:16} {run['durability']:6}  p50 {through['p50'] / 1000:.3f} ms  p99 {through['p99'] / 1000:.3f} ms", flush=True)


def show(result):
    print(f"{result['shape']:20} depth {result['depth']:>9,}  {result['server']:16} send {figures(result['send'])}", flush=True)
    print(f"{'':20} {'':15}  {'':16} take {figures(result['receive'])}", flush=True)


def show_ratio(results, verb):
    rates = {result["server"]: result[verb].get("messages_per_s", 0) for result in results}
    peers = {name: rate for name, rate in rates.items() if name != Weir.name and rate}
    if peers and rates.get(Weir.name):
        best = max(peers, key=peers.get)
        print(f"{'':20} {verb}: Weir {rates[Weir.name] / peers[best]:.1f}x of the best peer, {best}", flush=True)


def servers(settings, chosen):
    """[(name, how to start it)] of those that can be had."""
    found = []
    for kind in (Weir, *PEER_KINDS):
        if chosen and not any(word.lower() in kind.name.lower() for word in chosen):
            continue
        try:
            with kind(settings.folder, settings.server_cores) as probe:
                found.append((probe.name, kind))
        except Absent as reason:
            print(f"skipped: {kind.name}: {reason}", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a backlog of 100,000 and runs of 2 s: to see that it works")
    parser.add_argument("--seconds", type=float, default=0, help="of one run")
    parser.add_argument("--pinned", action="store_true", help="servers on core 0, clients on core 1")
    parser.add_argument("--servers", default="", help="weir, elasticmq, fauxqs, moto, with commas")
    parser.add_argument("--shapes", default="", help="words of the shapes' names, with commas, as in 'standard,100 groups'; wake: from send to a waiting receive")
    parser.add_argument("--flat", action="store_true", help="without the backlog")
    parser.add_argument("--folder", default=str(TOP / "build"), help="where the servers keep their data")
    options = parser.parse_args()
    settings = Settings(options)
    words = [word for word in options.shapes.split(",") if word]
    shapes = [shape for shape in SHAPES if not words or any(word in shape for word in words)]
    found = servers(settings, [word for word in options.servers.split(",") if word])
    result = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
        "weir": Weir.version(),
        "connections": CONNECTIONS,
        "flush_us": flush_latency(settings.folder),
        "wake": [],
        "runs": [],
    }
    for _, kind in found if not words or "wake" in words else ():
        with kind(settings.folder, settings.server_cores) as server:
            result["wake"].append(measure_wake(server, settings))
        show_wake(result["wake"][-1])
    for shape in shapes:
        for depth in (0, settings.depth)[: 1 if options.flat else 2]:
            results = []
            for _, kind in found:
                with kind(settings.folder, settings.server_cores) as server:
                    results.append(measure(server, settings, shape, depth))
                show(results[-1])
            for verb in ("send", "receive"):
                show_ratio(results, verb)
            result["runs"] += results
    folder = TOP / "bench/results"
    folder.mkdir(exist_ok=True)
    file = folder / f"sqs-{result['when'][:19].replace(':', '')}{'-quick' if options.quick else ''}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(f"raw results: {file.relative_to(TOP)}")


if __name__ == "__main__":
    main()
