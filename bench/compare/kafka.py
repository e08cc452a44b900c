"""Measures Weir beside Apache Kafka (one KRaft node from Maven) and prints ratios for the targets that apply.

Produce and catch-up reads with Kafka's own perf tools, with rdkafka_performance and with weir-load: records of 100 B and 1 KiB, 1 and
16 partitions, acks=all. The first two bring the peer to its limits only where its limits are below theirs; weir-load has five requests
under way on each connection, as Kafka's producers have, and costs little itself. What each of the three can do at most is measured in
the same rounds, against a server that stores nothing and answers at once (bench/kafka_null), and stands beside the ratios.
Weir answers when the disk has it; Kafka is measured at its own default, which answers before that, and with an fsync after each batch.
Catch-up reads come three times: as the producer left it (Kafka has then all in the page cache, Weir writes past it), again, when both
have it there, and, with rdkafka_performance, after the page cache was told to forget it. Beside them stands what a loopback connection
and the disk (fio) give at most.
End to end is an open loop of 5,000 messages a second. A and B alternate, both run all the time; the median of the pairs' ratios is
quoted with its range, and absolute rates beside it.
"""

import argparse
import datetime
import json
import os
import platform
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import ceilings  # noqa: E402
import loads  # noqa: E402
import rdkafka  # noqa: E402
from compare import processor, spread  # noqa: E402
from kafka_peers import KAFKA, Kafka, drop_topic, jars, make_topic, perf_consume, perf_produce  # noqa: E402
from servers import TOP, KafkaNull, Weir, weir_binary  # noqa: E402
from sqs_peers import Absent  # noqa: E402

SIZES = (100, 1024)
PARTITIONS = (1, 16)
FLUSH_SHARE = 20  # an fsync for each batch makes it so much slower that fewer records will do
RATE = 5000
IN_FLIGHT = 5  # max.in.flight.requests.per.connection, by default


class Settings:
    def __init__(self, options):
        quick = options.quick
        self.pairs = options.pairs or (2 if quick else 5)
        self.seconds = options.seconds or (3 if quick else 20)
        self.warmup = 0.5 if quick else 5
        self.bytes = (40 if quick else 1000) * 2**20  # of payload in a run of Kafka's tools
        self.records_max = 300_000 if quick else 5_000_000
        self.folder = options.folder
        self.server_cores, self.client_cores = ("0", "1") if options.pinned else ("", "")

    def records(self, size, flush):
        return max(2000, min(self.records_max, self.bytes // size) // (FLUSH_SHARE if flush else 1))


class Side:
    """One server and the number of the next topic on it."""

    def __init__(self, server):
        self.server, self.next = server, 0

    def topic(self):
        self.next += 1
        return f"bench-{self.next}"


def produce_and_read(side, settings, size, partitions, flush):
    topic, count = side.topic(), settings.records(size, flush)
    make_topic(side.server, topic, partitions)
    produced = perf_produce(side.server, settings.client_cores, topic, size, count)
    read, again = (perf_consume(side.server, settings.client_cores, topic, size, count) for _ in range(2))
    drop_topic(side.server, topic)
    return {"produce": produced, "read": read, "again": again, "records": count}


def rdkafka_both(side, settings, size, partitions, flush):
    topic, count = side.topic(), settings.records(size, flush)
    make_topic(side.server, topic, partitions)
    produced = rdkafka.produce(side.server, settings.client_cores, topic, size, count)
    read, again = (rdkafka.consume(side.server, settings.client_cores, topic, size, count) for _ in range(2))
    ceilings.forget_pages(side.server.folder)
    cold = rdkafka.consume(side.server, settings.client_cores, topic, size, count)
    drop_topic(side.server, topic)
    return {"produce": produced, "read": read, "again": again, "cold": cold, "records": count}


def load_both(side, settings, size, partitions):
    """Produces, and then reads from the start again and again, with a client that costs little itself."""
    topic = side.topic()
    make_topic(side.server, topic, partitions)  # before, since Kafka refuses records for a moment after a topic was made
    options = {"connections": 16, "depth": IN_FLIGHT, "batch": 100, "bytes": size, "partitions": partitions, "warmup": settings.warmup, "seconds": settings.seconds}
    produced = loads.weir_load(side.server, "kafka", settings.client_cores, "kafka-produce", name=topic, **options)
    options = {"connections": partitions, "batch": 1, "bytes": size, "partitions": partitions, "warmup": settings.warmup, "seconds": settings.seconds}
    read = loads.weir_load(side.server, "kafka", settings.client_cores, "kafka-fetch", name=topic, **options)
    drop_topic(side.server, topic)
    return {"load": produced, "read": read}


def produce_rate(run):
    return run["produce"]["per_s"]


def load_rate(run):
    return run["load"]["per_s"]


def read_rate(run):
    return run["read"]["per_s"]


def at_most(runs, pick):
    """The median of what the tool did against a server that does nothing; nothing for a measure that it does not have."""
    return spread([pick(run["tool"]) for run in runs])["median"] if all("tool" in run for run in runs) else None


def report_reads(tool, shape, runs):
    """Catch-up reads of one tool, and what they cost the server."""
    kinds = {"read": "as it was left", "again": "from memory", "cold": "from the disk"}
    results = []
    for key, kind in kinds.items():
        if key not in runs[0]["weir"]:
            continue
        # Whether it comes from memory or not is all the same to the tool.
        most = at_most(runs, read_rate)
        results.append(report(f"catch-up, {tool}, {kind}, {shape}", ">= 2x", runs, lambda run, key=key: run[key]["per_s"], most=most))
        results.append(report(f"  server CPU, {shape}", "less", runs, lambda run, key=key: run[key]["server_cpu_s_per_gib"], "s/GiB", "less"))
    return results


def end_to_end(side, settings):
    options = {"connections": 4, "depth": 64, "rate": RATE, "batch": 1, "bytes": 100, "partitions": 1, "warmup": settings.warmup, "seconds": settings.seconds}
    return {"load": loads.weir_load(side.server, "kafka", settings.client_cores, "kafka-end-to-end", name=side.topic(), **options)}


def report(name, target, runs, pick, unit="records/s", better="more", most=None):
    """Prints the medians of both sides and the ratio A/B (B/A where less is better). `most`: what the tool can do at most."""
    pairs = [(pick(run["weir"]), pick(run["peer"])) for run in runs]
    ratio = spread([a / b if better == "more" else b / a for a, b in pairs])
    weir, peer = (spread(values)["median"] for values in zip(*pairs, strict=True))
    print(f"{name:50} weir {weir:12,.1f}  kafka {peer:12,.1f} {unit:10} ratio {ratio['median']:5.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})  target {target}" + (f"  tool at most {most:,.1f}" if most else ""), flush=True)
    return {"name": name, "target": target, "unit": unit, "ratio": ratio, "weir": weir, "kafka": peer} | ({"tool_at_most": most} if most else {})


def compare(settings, flush, only):
    """Both servers through all shapes; the results with every run."""
    results, runs = [], {}
    target = ">= 5x" if flush else ">= 1.5x"
    cores = settings.server_cores
    with Weir(settings.folder, cores) as weir, Kafka(settings.folder, cores, flush) as kafka, KafkaNull(settings.folder, cores) as null:
        sides = {"weir": Side(weir), "peer": Side(kafka), "tool": Side(null)}

        def pairs(load, *words):
            return [{key: load(side, settings, *words) for key, side in sides.items()} for _ in range(settings.pairs)]

        label = "flush.messages=1" if flush else "default"
        for size in SIZES:
            for partitions in PARTITIONS:
                shape = f"{size} B, {partitions} partition{'s' if partitions > 1 else ''}, Kafka {label}"
                if "tools" in only:
                    made = runs[f"tools {shape}"] = pairs(produce_and_read, size, partitions, flush)
                    results.append(report(f"produce, perf tool, {shape}", target, made, produce_rate, most=at_most(made, produce_rate)))
                    results.append(report(f"  server CPU, {shape}", ">= 3x less", made, lambda run: run["produce"]["server_cpu_s_per_gib"], "s/GiB", "less"))
                    if not flush:
                        results += report_reads("perf tool", shape, made)
                if "rdkafka" in only:
                    made = runs[f"rdkafka {shape}"] = pairs(rdkafka_both, size, partitions, flush)
                    results.append(report(f"produce, rdkafka_performance, {shape}", target, made, produce_rate, most=at_most(made, produce_rate)))
                    results.append(report(f"  server CPU, {shape}", ">= 3x less", made, lambda run: run["produce"]["server_cpu_s_per_gib"], "s/GiB", "less"))
                    if not flush:
                        results += report_reads("rdkafka_performance", shape, made)
                if "load" in only:
                    made = runs[f"load {shape}"] = pairs(load_both, size, partitions)
                    results.append(report(f"produce, weir-load c=16 x 5 x 100, {shape}", target, made, load_rate, most=at_most(made, load_rate)))
                    if not flush:
                        results.append(report(f"catch-up read, weir-load, {shape}", ">= 2x", made, read_rate, most=at_most(made, read_rate)))
        if "e2e" in only and not flush:
            del sides["tool"]  # which has its records before they were asked for
            made = runs["end to end"] = pairs(end_to_end)
            results.append(report(f"end to end p99, {RATE}/s, 100 B", ">= 2x less", made, lambda run: run["load"]["end_to_end_us"]["p99"], "us", "less"))
        servers = {side.server.name: {"durability": side.server.durability, "command": side.server.command} for side in sides.values()}
    return {"flush_messages": flush, "servers": servers, "results": results, "runs": runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two pairs of short runs: to see that it works, not to quote")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="of one run of weir-load")
    parser.add_argument("--pinned", action="store_true", help="servers on core 0, clients on core 1")
    parser.add_argument("--only", default="tools,rdkafka,load,e2e", help="which loads, with commas: tools (Kafka's own), rdkafka, load (weir-load), e2e")
    parser.add_argument("--flush", default="0,1", help="Kafka's settings: 0 its default, 1 an fsync for each batch")
    parser.add_argument("--folder", default=str(TOP / "build"), help="where the servers keep their data")
    options = parser.parse_args()
    settings = Settings(options)
    try:
        jars()
    except Absent as reason:
        print(f"skipped: Apache Kafka {KAFKA}: {reason}", flush=True)
        return
    only = options.only.split(",")
    if "rdkafka" in only:
        try:
            rdkafka.program()
        except Absent as reason:
            print(f"skipped: rdkafka_performance: {reason}", flush=True)
            only.remove("rdkafka")
    result = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release()},
        "weir": Weir.version(),
        "kafka": KAFKA,
        "flush_us": loads.flush_latency(settings.folder),
        "loopback_bytes_per_s": ceilings.loopback_bytes_per_s(),
        "disk_read_bytes_per_s": ceilings.disk_bytes_per_s(settings.folder),
        "comparisons": [],
    }
    disk = result["disk_read_bytes_per_s"]
    print(f"at most: {result['loopback_bytes_per_s'] / 2**20:,.0f} MiB/s through a loopback connection, " + (f"{disk / 2**20:,.0f} MiB/s off the disk" if disk else "the disk unknown without fio"), flush=True)
    began = time.monotonic()
    for flush in map(int, options.flush.split(",")):
        result["comparisons"].append(compare(settings, flush, only))
    result["took_s"] = round(time.monotonic() - began)
    folder = TOP / "bench/results"
    folder.mkdir(exist_ok=True)
    file = folder / f"kafka-{result['when'][:19].replace(':', '')}{'-quick' if options.quick else ''}.json"
    # Without where this machine keeps things.
    text = json.dumps(result, indent=1).replace(str(weir_binary()), "weir").replace(f"{TOP}/", "")
    file.write_text(text + "\n")
    print(f"raw results: {file.relative_to(TOP)}")


if __name__ == "__main__":
    main()
