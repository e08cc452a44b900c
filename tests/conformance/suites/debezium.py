"""Debezium's PostgreSQL connector in Kafka Connect writes into the broker, and what it writes is what was recorded.

The recording (tests/golden/debezium) is what Weir's own connector is held to by the unit tests: `DEBEZIUM_RECORD=1` makes it anew from
this run, with the stream and the catalog that the events were made from."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker import Broker, until
from kit import fetched
from kit.kafka import Java, end, jars, maven
from kit.postgres import Postgres
from kit.suite import Unavailable
from workshop.sources import ROOT

_HERE = Path(__file__).resolve().parents[1] / "debezium"
_GOLDEN = ROOT / "tests" / "golden" / "debezium"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_PATIENCE_S = 240
_READ_S = 60
_HEARTBEATS = "__debezium-heartbeat"
_TIMES = ("ts_ms", "ts_us", "ts_ns")


def _plugins(results):
    """A plugin folder of Kafka Connect with the connector. Fetched once; later calls find it."""
    folder = fetched.TOP / "debezium"
    mark, wanted = folder / "installed", (_HERE / "pom.xml").read_text(encoding="utf-8")
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(_HERE / "pom.xml", folder)
        maven(results, folder, [_COPY, "-DincludeScope=runtime", "-DoutputDirectory=plugins/debezium"], "Debezium's jars cannot be had")
        mark.write_text(wanted, encoding="utf-8")
    return folder / "plugins"


def _profiles():
    found = json.loads((_HERE / "profiles.json").read_text(encoding="utf-8"))
    return {name: found["common"] | own for name, own in found["profiles"].items()}


def _settings(folder, broker, postgres, plugins, rest):
    """The files of a worker and of one connector for each profile."""
    worker = (_HERE / "worker.properties").read_text(encoding="utf-8")
    files = [Path(folder) / "worker.properties"]
    files[0].write_text(worker.format(broker=f"127.0.0.1:{broker.ports['kafka']}", rest=rest, plugins=plugins, folder=folder))
    for name, properties in _profiles().items():
        own = {"name": name, "topic.prefix": name, "slot.name": name, "publication.name": name, "database.port": postgres.port}
        lines = [f"{key}={value}\n".replace("\\", "\\\\") for key, value in (properties | own).items()]
        files.append(Path(folder) / f"{name}.properties")
        files[-1].write_text("".join(lines))
    return files


def _kcat(broker, *words):
    command = ["kcat", "-b", f"127.0.0.1:{broker.ports['kafka']}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_READ_S, check=False, stdin=subprocess.DEVNULL)
    return done.stdout


def _topics(broker):
    return sorted(topic["topic"] for topic in json.loads(_kcat(broker, "-L", "-J"))["topics"])


def _read(broker, topic):
    """Its records: {"key", "value", "headers"}. Of heartbeats, which never end, the first."""
    many = ("-c", "1") if topic.startswith(_HEARTBEATS) else ("-e",)
    records = []
    for line in _kcat(broker, "-C", "-q", "-J", *many, "-t", topic).splitlines():
        record = json.loads(line)
        pairs = iter(record.get("headers") or [])
        headers = {name: value for name, value in zip(pairs, pairs) if not name.endswith(".runId")}
        key, value = record.get("key"), record["payload"]
        records.append({"key": key and json.loads(key), "value": value and json.loads(value), "headers": headers})
    return records


def _without_clock(record):
    """Without the wall clock, and without what names the connector's version."""
    if record["value"]:
        payload = record["value"].get("payload", record["value"])
        if "source" in payload:
            payload["source"].pop("version", None)
            for name in _TIMES:
                payload.pop(name, None)
        elif "status" not in payload:
            payload.pop("ts_ms", None)
    return record


# What is another in each run of the database, beside the clock: positions, transactions, times of commits, now().
_OF_A_RUN = {"lsn", "txId", "sequence", "snapshot", *_TIMES}


def _without_run(node):
    if isinstance(node, list) and node and all(isinstance(item, dict) and "data_collection" in item for item in node):
        # Logical messages are counted below the address of a Java object.
        return sorted((item["data_collection"].partition("@")[0], item["event_count"]) for item in node)
    if isinstance(node, list):
        return [_without_run(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("snapshot") and "txId" in node:
        return {name: value for name, value in node.items() if name not in _OF_A_RUN}
    kept = {name: _without_run(value) for name, value in node.items()}
    if "status" in kept or "total_order" in kept:
        kept.pop("id", None)
        kept.pop("ts_ms", None)
    if "tz" in kept and "needed" not in kept and "ts0" not in kept:
        kept.pop("tz")  # DEFAULT now()
    if set(kept) == {"id"} and isinstance(kept["id"], str):
        kept.pop("id")  # the key of a transaction
    return kept


def _facts(postgres):
    """{"relations", "types"}, and the rows of every table as COPY writes them."""
    facts = json.loads(postgres.sql((_HERE / "facts.sql").read_text(encoding="utf-8")))
    rows = {}
    for relation in facts["relations"]:
        columns = ",".join('"' + column["name"] + '"' for column in relation["columns"] if not column["generated"])
        table = f'"{relation["schema"]}"."{relation["table"]}"'
        rows[str(relation["id"])] = postgres.sql(f"COPY (SELECT {columns} FROM {table}) TO STDOUT").splitlines()
    return facts, rows


_STREAM = """SELECT lsn - '0/0' AS lsn, encode(data, 'hex') FROM
  pg_logical_slot_peek_binary_changes('recorded', NULL, NULL, 'proto_version', '1', 'publication_names', '{publication}', 'messages', 'true')"""


class _Golden:
    """One file for a profile: its schemas once each, its events by topic with the number of theirs."""

    @staticmethod
    def write(name, events):
        schemas = []

        def numbered(node):
            if not isinstance(node, dict) or set(node) != {"schema", "payload"}:
                return node
            if node["schema"] not in schemas:
                schemas.append(node["schema"])
            return {"schema": schemas.index(node["schema"]), "payload": node["payload"]}

        lines = []
        for topic, records in sorted(events.items()):
            for record in records:
                record = {"topic": topic} | record | {"key": numbered(record["key"]), "value": numbered(record["value"])}
                lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
        texts = [json.dumps(schema, ensure_ascii=False, separators=(",", ":")) for schema in schemas]
        text = '{"schemas":[\n' + ",\n".join(texts) + '\n],"events":[\n' + ",\n".join(lines) + "\n]}\n"
        (_GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")

    @staticmethod
    def read(name):
        found = json.loads((_GOLDEN / f"{name}.json").read_text(encoding="utf-8"))

        def whole(node):
            if not isinstance(node, dict) or set(node) != {"schema", "payload"}:
                return node
            return {"schema": found["schemas"][node["schema"]], "payload": node["payload"]}

        events = {}
        for record in found["events"]:
            topic = record.pop("topic")
            events.setdefault(topic, []).append(record | {"key": whole(record["key"]), "value": whole(record["value"])})
        return events


def _record(postgres, snapshot, events):
    shutil.rmtree(_GOLDEN, ignore_errors=True)
    _GOLDEN.mkdir(parents=True)
    facts, _ = _facts(postgres)
    before, rows = snapshot
    text = json.dumps({"before": before, "after": facts, "rows": rows}, ensure_ascii=False, separators=(",", ":"))
    (_GOLDEN / "catalog.json").write_text(text + "\n", encoding="utf-8")
    for publication in ("recorded", "recorded_root"):
        (_GOLDEN / f"{publication}.stream").write_text(postgres.sql(_STREAM.format(publication=publication)), encoding="utf-8")
    for name in _profiles():
        _Golden.write(name, {topic: records for topic, records in events.items() if _profile_of(topic) == name})


def _profile_of(topic):
    return topic.rpartition(".")[2] if topic.startswith(_HEARTBEATS) else topic.partition(".")[0]


def _compare(results, java, events):
    for name in _profiles():
        wanted = _Golden.read(name)
        found = {topic: records for topic, records in events.items() if _profile_of(topic) == name}
        java.said = f"{sorted(set(wanted) ^ set(found))}"
        java.check(name, "the topics are those that were recorded", set(wanted) == set(found))
        for topic in sorted(set(wanted) & set(found)):
            left, right = _without_run(wanted[topic]), _without_run(found[topic])
            differing = [pair for pair in zip(left, right) if pair[0] != pair[1]]
            java.said = f"{len(left)} recorded, {len(right)} found; the first that differ:\n{json.dumps(differing[:1], indent=1)}"
            java.check(name, f"{topic} has the events that were recorded", left == right)


def _streaming(postgres):
    active = postgres.sql("SELECT count(*) FROM pg_replication_slots WHERE active").strip()
    return int(active) == len(_profiles())


def _arrived(broker):
    """The last row of the workload, in each profile."""
    return all(f"{name}.public.finished" in _topics(broker) for name in _profiles())


def _check(results, java, plugins, folder):
    with Postgres() as postgres, Broker() as broker, Broker() as other:
        broker.ready()
        rest = other.ready().ports["http"]  # a port that is free once its broker is gone
        other.__exit__()
        postgres.sql((_HERE / "prepare.sql").read_text(encoding="utf-8"))
        files = _settings(folder, broker, postgres, plugins, rest)
        log = f"{folder}/connect"
        worker = java.start("org.apache.kafka.connect.cli.ConnectStandalone", *files, log=log)
        try:
            until(lambda: _streaming(postgres), _PATIENCE_S, "the connectors stream")
            publications = "CREATE PUBLICATION recorded FOR ALL TABLES; CREATE PUBLICATION recorded_root FOR ALL TABLES WITH (publish_via_partition_root)"
            postgres.sql(f"{publications}; SELECT pg_create_logical_replication_slot('recorded', 'pgoutput')")
            snapshot = _facts(postgres)
            postgres.sql((_HERE / "workload.sql").read_text(encoding="utf-8"))
            until(lambda: _arrived(broker), _PATIENCE_S, "the workload's last row arrives")
            events = {topic: [_without_clock(record) for record in _read(broker, topic)] for topic in _topics(broker)}
            if os.environ.get("DEBEZIUM_RECORD"):
                _record(postgres, snapshot, events)
            _compare(results, java, events)
            java.said = "the worker ended"
            java.check("Kafka Connect", "the worker runs on", worker.poll() is None)
        finally:
            end([worker])
            results.log.write(Path(log).read_text(encoding="utf-8", errors="replace")[-20000:])
        broker.check_alive()


def run(results):
    if not shutil.which("kcat") or not shutil.which("psql"):
        raise Unavailable("this needs kcat and Debian's postgresql")
    java, plugins = Java(results, jars(results)), _plugins(results)
    results.source = "Debezium " + (_HERE / "pom.xml").read_text(encoding="utf-8").partition("<debezium.version>")[2].partition("<")[0]
    folder = tempfile.mkdtemp(prefix="weir-debezium-")
    try:
        _check(results, java, plugins, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
