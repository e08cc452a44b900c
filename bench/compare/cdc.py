"""Measures captures of PostgreSQL: Weir's own, Debezium in Kafka Connect, and pg_recvlogical, which writes what it reads to nowhere.

All write into a Weir of their own, but for pg_recvlogical; the rows and the properties are the same. The stream is measured on what
gathered in the slot while nobody read: small transactions, and one large one. The snapshot is a table that is there already. A rate is that
between the first and the last record that is seen to arrive, so that nobody's start counts; beside pg_recvlogical, whose start counts, Weir's
is the one from its start. Memory is the highest resident memory of the
process that captures: of Weir with all of its broker, of Debezium without one.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/conformance"), str(TOP / "tests/negative"), str(TOP / "scripts")]

from compare import processor, spread  # noqa: E402
from kit.kafka import jars  # noqa: E402
from kit.postgres import Postgres  # noqa: E402
from kit.suite import Unavailable  # noqa: E402
from servers import Server, Weir, free_port, weir_binary  # noqa: E402
from suites.debezium import plugins  # noqa: E402

POLL_S = 0.02
PATIENCE_S = 300
TABLE = "CREATE TABLE load (id bigserial PRIMARY KEY, account int, amount numeric(12, 2), note text, at timestamptz DEFAULT now())"
ROWS = "INSERT INTO load (account, amount, note) SELECT g % 1000, g * 0.25, repeat(md5(g::text), 4) FROM generate_series(1, {}) g;"
# As Kafka's own scripts start Connect.
CONNECT_JVM = ("-Xms256M", "-Xmx2G", "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
PROPERTIES = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "database.hostname": "127.0.0.1",
    "database.user": "weir",
    "database.dbname": "postgres",
    "publication.autocreate.mode": "filtered",
    "table.include.list": "public.load",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


class Log:
    """What the suites' helpers say while they fetch."""

    def write(self, text):
        pass

    def note(self, text):
        print(text, flush=True)


class Fetching:
    log = Log()


def ask(weir, method, path, body=None):
    data = body and json.dumps(body).encode()
    request = urllib.request.Request(f"http://{weir.addresses['http']}/api/v1/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def records(weir, topic):
    try:
        return ask(weir, "GET", f"topics/{topic}/records?partition=0&offset=0&limit=1")["end"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return 0
        raise


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(POLL_S)


def rate_of_arrival(weir, topic, count, process, begin):
    """Records a second from the first that are seen behind what was there, until there are `count` more, and likewise from `begin` on; CPU and
    memory of the process."""
    before, asked = records(weir, topic), time.monotonic()
    begin()
    wait_until(lambda: records(weir, topic) > before, "the first record arrives")
    first, began, cpu, peak = records(weir, topic), time.monotonic(), process.cpu_s(), process.rss_bytes()
    while (now := records(weir, topic)) < before + count:
        peak = max(peak, process.rss_bytes())
        if time.monotonic() - began > PATIENCE_S:
            raise RuntimeError(f"{now - before} of {count} records in {PATIENCE_S} s")
        time.sleep(POLL_S)
    done = time.monotonic()
    return {"per_s": (now - first) / (done - began), "from_start_per_s": count / (done - asked), "records": count, "seen": now - first, "cpu_s": process.cpu_s() - cpu, "peak_bytes": max(peak, process.rss_bytes())}


class WeirCapture:
    name = "weir"

    def __init__(self, folder, postgres):
        self.weir = self.measured = Weir(folder)
        self.properties = PROPERTIES | {"topic.prefix": "weir", "slot.name": "weir", "publication.name": "weir", "database.port": str(postgres.port)}
        self.topic = "weir.public.load"

    def begin(self):
        ask(self.weir, "POST", "cdc", {"name": "load", "config": self.properties})

    def streaming(self):
        return ask(self.weir, "GET", "cdc/load")["state"] == "streaming"

    def pause(self):
        ask(self.weir, "POST", "cdc/load/pause")

    def resume(self):
        ask(self.weir, "POST", "cdc/load/resume")

    def stop(self):
        self.weir.stop()


class Debezium(Server):
    name = "debezium"

    def __init__(self, folder, postgres):
        self.jars, self.plugins = jars(Fetching), plugins(Fetching)
        super().__init__(folder)
        self.measured = self
        self.postgres, self.weir, self.topic = postgres, Weir(folder), "debezium.public.load"
        self.addresses = self.weir.addresses
        own = {"name": "load", "topic.prefix": "debezium", "slot.name": "debezium", "publication.name": "debezium", "database.port": postgres.port, "tasks.max": 1}
        worker = {
            "bootstrap.servers": self.weir.addresses["kafka"], "listeners": f"http://127.0.0.1:{free_port()}", "plugin.path": self.plugins,
            "key.converter": PROPERTIES["key.converter"], "value.converter": PROPERTIES["value.converter"],
            "offset.storage.file.filename": self.folder / "offsets", "offset.flush.interval.ms": 1000,
        }
        for file, properties in (("worker", worker), ("connector", PROPERTIES | own)):
            (self.folder / f"{file}.properties").write_text("".join(f"{key}={value}\n" for key, value in properties.items()))

    def begin(self):
        words = [f"{self.folder}/{file}.properties" for file in ("worker", "connector")]
        self.spawn(["java", *CONNECT_JVM, "-cp", f"{self.jars}/*", "org.apache.kafka.connect.cli.ConnectStandalone", *words])

    def streaming(self):
        return self.postgres.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'debezium' AND active").strip() == "1"

    def pause(self):
        """Ended, so that it keeps its place as after a restart."""
        self.process.terminate()
        self.process.wait(60)
        wait_until(lambda: not self.streaming(), "the slot is free")

    def resume(self):
        self.begin()

    def stop(self):
        super().stop()
        self.weir.stop()


def fill(postgres, load):
    """Answers how many events it makes."""
    if load["transactions"] == 1:
        postgres.sql(ROWS.format(load["rows"]))
    else:
        each = load["rows"] // load["transactions"]
        postgres.sql(ROWS.format(each) * load["transactions"])
    return load["rows"]


def capture(kind, settings, snapshot_rows, loads):
    """A fresh database and a fresh capture: its snapshot, then each load."""
    results = {}
    with Postgres() as postgres:
        postgres.sql(TABLE)
        postgres.sql(ROWS.format(snapshot_rows))
        side = kind(settings.folder, postgres)
        try:
            results["snapshot"] = rate_of_arrival(side.weir, side.topic, snapshot_rows, side.measured, side.begin)
            wait_until(side.streaming, "it streams")
            for name, load in loads.items():
                side.pause()
                count = fill(postgres, load)
                results[name] = rate_of_arrival(side.weir, side.topic, count, side.measured, side.resume)
        finally:
            side.stop()
    return results


def to_nowhere(loads):
    """pg_recvlogical with the same slot and the same options, until the end of what was written."""
    results = {}
    with Postgres() as postgres:
        postgres.sql(TABLE)
        postgres.sql("CREATE PUBLICATION nowhere FOR TABLE load")
        for name, load in loads.items():
            postgres.sql("SELECT pg_create_logical_replication_slot('nowhere', 'pgoutput')")
            count = fill(postgres, load)
            end = postgres.sql("SELECT pg_current_wal_lsn()").strip()
            command = [str(postgres.programs / "pg_recvlogical"), "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "weir", "-d", "postgres", "-S", "nowhere"]
            options = ["-o", "proto_version=1", "-o", "publication_names=nowhere", "--start", "-f", "/dev/null", "--endpos", end]
            began = time.monotonic()
            subprocess.run([*command, *options], check=True, capture_output=True, timeout=PATIENCE_S)
            results[name] = {"per_s": count / (time.monotonic() - began), "records": count}
            postgres.sql("SELECT pg_drop_replication_slot('nowhere')")
    return results


def report(name, runs, target):
    rates = {side: [run[name]["per_s"] for run in measured if name in run] for side, measured in runs.items()}
    median = {side: spread(values)["median"] for side, values in rates.items() if values}
    words = [f"{side} {rate:9,.0f}/s" for side, rate in median.items()]
    peaks = {side: max(run[name]["peak_bytes"] for run in measured) for side, measured in runs.items() if measured and "peak_bytes" in measured[0].get(name, {})}
    words += [f"{side} {peak / 2**20:,.0f} MiB" for side, peak in peaks.items()]
    if {"weir", "debezium"} <= set(median):
        words.append(f"ratio {median['weir'] / median['debezium']:.2f}, memory {peaks['debezium'] / peaks['weir']:.1f} times less")
    if {"weir", "nowhere"} <= set(median):
        started = spread([run[name]["from_start_per_s"] for run in runs["weir"]])["median"]
        words.append(f"from the start {started:,.0f}/s, {started / median['nowhere']:.0%} of pg_recvlogical")
    print(f"{name:22} {'  '.join(words)}  target {target}", flush=True)
    return {"name": name, "target": target, "median": median, "peak_bytes": peaks}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows: to see that it works, not to quote")
    parser.add_argument("--rounds", type=int, default=0, help="each with a fresh database for each side, which take turns")
    parser.add_argument("--only", default="weir,debezium,nowhere", help="which sides, with commas")
    parser.add_argument("--folder", default=str(TOP / "build"), help="where the servers keep their data")
    settings = parser.parse_args()
    rows = 60_000 if settings.quick else 1_000_000
    rounds = settings.rounds or (1 if settings.quick else 3)
    loads = {"one transaction": {"rows": rows, "transactions": 1}, "rows of 10 each": {"rows": rows // 2, "transactions": rows // 20}}
    result = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()},
        "weir": Weir.version(),
    }
    runs = {side: [] for side in settings.only.split(",")}
    for _ in range(rounds):
        for side, measured in runs.items():
            try:
                measured.append(to_nowhere(loads) if side == "nowhere" else capture({"weir": WeirCapture, "debezium": Debezium}[side], settings, rows, loads))
            except Unavailable as reason:
                print(f"skipped: {side}: {reason}", flush=True)
    target = "the lower of 3x Debezium and 80% of pg_recvlogical, a third of the memory"
    result["results"] = [report(name, runs, target if name != "snapshot" else "3x Debezium") for name in ("snapshot", *loads)]
    result["runs"] = runs
    folder = TOP / "bench/results"
    folder.mkdir(exist_ok=True)
    file = folder / f"cdc-{result['when'][:19].replace(':', '')}{'-quick' if settings.quick else ''}.json"
    # Without where this machine keeps things.
    file.write_text(json.dumps(result, indent=1).replace(str(weir_binary()), "weir").replace(f"{TOP}/", "") + "\n")
    print(f"raw results: {file.relative_to(TOP)}")


if __name__ == "__main__":
    main()
