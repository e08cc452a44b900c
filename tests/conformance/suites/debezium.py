"""Debezium's PostgreSQL connector in Kafka Connect writes into the broker, and what it writes is what was recorded; Weir's own captures of
the same database, with the same properties, write the same into another broker.

The recording (tests/golden/debezium) is what Weir's connector is held to by the unit tests: `DEBEZIUM_RECORD=1` makes it anew from
this run, with the stream and the catalog that the events were made from."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from broker import Broker, until
from kit import debezium_events, fetched
from kit.debezium_events import HEARTBEATS, profile_of
from kit.kafka import Java, end, jars, maven
from kit.postgres import Postgres
from kit.suite import Unavailable
from workshop.sources import ROOT

_HERE = Path(__file__).resolve().parents[1] / "debezium"
_GOLDEN = ROOT / "tests" / "golden" / "debezium"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_PATIENCE_S = 240
_ANSWER_S = 30
_TIMES = ("ts_ms", "ts_us", "ts_ns")


def plugins(results):
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


def _properties(postgres, name, own):
    """Of one profile's connector: `own` is the name of its slot and its publication."""
    return _profiles()[name] | {"topic.prefix": name, "slot.name": own, "publication.name": own, "database.port": str(postgres.port)}


def _settings(folder, broker, postgres, connector, rest):
    """The files of a worker and of one connector for each profile."""
    worker = (_HERE / "worker.properties").read_text(encoding="utf-8")
    files = [Path(folder) / "worker.properties"]
    files[0].write_text(worker.format(broker=f"127.0.0.1:{broker.ports['kafka']}", rest=rest, plugins=connector, folder=folder))
    for name in _profiles():
        properties = _properties(postgres, name, name) | {"name": name}
        lines = [f"{key}={value}\n".replace("\\", "\\\\") for key, value in properties.items()]
        files.append(Path(folder) / f"{name}.properties")
        files[-1].write_text("".join(lines))
    return files


def _ask(broker, path, body=None):
    """Weir's own captures."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{broker.ports['http']}/api/v1/cdc{path}", data=data)
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{body}: {refused.read().decode()}") from refused


def _capture(broker, postgres):
    for name in _profiles():
        _ask(broker, "", {"name": name, "config": _properties(postgres, name, f"own_{name}")})


def _without_clock(record):
    """A copy without wall clocks, and without what names the connector's version or its run."""
    record = json.loads(json.dumps(record))
    record.pop("ts")
    record["headers"] = {name: value for name, value in record["headers"].items() if not name.endswith(".runId")}
    if isinstance(record["value"], dict):
        payload = record["value"].get("payload", record["value"])
        if not isinstance(payload, dict):
            return record
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


def _work(postgres, brokers, restart):
    """The workload, step by step. Answers the facts after each step, with where the log ended."""
    steps = []
    text, marks = (_HERE / "workload.sql").read_text(encoding="utf-8"), re.compile(r"^-- (?:step|restart)\n", re.MULTILINE)
    ends = [mark.strip() for mark in marks.findall(text)] + ["-- step"]
    for number, (step, end) in enumerate(zip(marks.split(text), ends), start=1):
        postgres.sql(step)
        mark = f"'00000000-0000-0000-0000-{number:012}', 'finished', '{number}'"
        postgres.sql(f"INSERT INTO finished VALUES ({number}); INSERT INTO outbox VALUES ({mark})")
        steps.append({"lsn": int(postgres.sql("SELECT pg_current_wal_lsn() - '0/0'"))} | _facts(postgres)[0])
        for broker in brokers:
            until(lambda: _arrived(broker, number), _PATIENCE_S, f"step {number} of the workload arrives")
        if end == "-- restart":
            restart()
    return steps


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


def _record(postgres, snapshot, steps, events):
    """The catalog is recorded whole as it was before, and of each step what was another relation."""
    shutil.rmtree(_GOLDEN, ignore_errors=True)
    _GOLDEN.mkdir(parents=True)
    before, rows = snapshot
    changed = [{"lsn": step["lsn"], "relations": [one for one in step["relations"] if one not in before["relations"]]} for step in steps]
    text = json.dumps({"before": before, "steps": changed, "rows": rows}, ensure_ascii=False, separators=(",", ":"))
    (_GOLDEN / "catalog.json").write_text(text + "\n", encoding="utf-8")
    for publication in ("recorded", "recorded_root"):
        (_GOLDEN / f"{publication}.stream").write_text(postgres.sql(_STREAM.format(publication=publication)), encoding="utf-8")
    for name in _profiles():
        _Golden.write(name, {topic: records for topic, records in events.items() if profile_of(topic) == name})


def _compare(results, java, events):
    for name in _profiles():
        wanted = _Golden.read(name)
        found = {topic: records for topic, records in events.items() if profile_of(topic) == name}
        java.said = f"{sorted(set(wanted) ^ set(found))}"
        java.check(name, "the topics are those that were recorded", set(wanted) == set(found))
        for topic in sorted(set(wanted) & set(found)):
            left, right = _without_run(wanted[topic]), _without_run(found[topic])
            differing = [pair for pair in zip(left, right) if pair[0] != pair[1]]
            java.said = f"{len(left)} recorded, {len(right)} found; the first that differ:\n{json.dumps(differing[:1], indent=1)}"
            java.check(name, f"{topic} has the events that were recorded", left == right)


def _compare_own(results, java, debezium, weir):
    """Field by field; the reason of each allowance stands in the log with how often it was needed."""
    comparison = debezium_events.Comparison()
    for topic in sorted(set(debezium) | set(weir)):
        java.said = comparison.of_topic(topic, debezium.get(topic, []), weir.get(topic, []))
        java.check(f"own {profile_of(topic)}", f"Weir's own events of {topic} equal Debezium's", not java.said)
    for allowance in comparison.allowances:
        java.said = f"{allowance.used} fields {allowance.paths} of {allowance.topics} may differ: {allowance.reason}"
        results.log.write(java.said)
        java.check("allowances", allowance.reason, allowance.used > 0)


_READERS = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE active ORDER BY 1"


def _restart(postgres, own, rest):
    """Every connector of Debezium and every capture ends, and goes on where it was."""
    before = set(postgres.sql(_READERS).split())
    for name in _profiles():
        _ask(own, f"/{name}/pause", {})
        request = urllib.request.Request(f"http://127.0.0.1:{rest}/connectors/{name}/restart?includeTasks=true", method="POST")
        urllib.request.urlopen(request, timeout=_ANSWER_S).close()
    until(lambda: all(_ask(own, f"/{name}")["state"] == "paused" for name in _profiles()), _PATIENCE_S, "the captures pause")
    for name in _profiles():
        _ask(own, f"/{name}/resume", {})

    def others():
        now = set(postgres.sql(_READERS).split())
        return len(now) == len(before) and not now & before

    until(others, _PATIENCE_S, "all stream again")


def _streaming(postgres, log):
    said = Path(log).read_text(encoding="utf-8", errors="replace")
    if "Task is being killed" in said:
        raise AssertionError(f"a connector of Debezium ended:\n{said[-3000:]}")
    active = postgres.sql("SELECT count(*) FROM pg_replication_slots WHERE active").strip()
    return int(active) == 2 * len(_profiles())


def _arrived(broker, step):
    """The row that ends a step, in each profile: in the topic of its table, or as an event of the outbox."""
    port = broker.ports["kafka"]
    return all(max(debezium_events.count(port, f"{name}.{topic}") for topic in ("public.finished", "event.finished")) >= step for name in _profiles())


def _check(results, java, connector, folder):
    with Postgres() as postgres, Broker() as broker, Broker() as own, Broker() as other:
        broker.ready()
        own.ready()
        rest = other.ready().ports["http"]  # a port that is free once its broker is gone
        other.__exit__()
        postgres.sql((_HERE / "prepare.sql").read_text(encoding="utf-8"))
        _capture(own, postgres)
        files = _settings(folder, broker, postgres, connector, rest)
        log = f"{folder}/connect"
        worker = java.start("org.apache.kafka.connect.cli.ConnectStandalone", *files, log=log)
        try:
            until(lambda: _streaming(postgres, log), _PATIENCE_S, "the connectors stream")
            publications = "CREATE PUBLICATION recorded FOR ALL TABLES; CREATE PUBLICATION recorded_root FOR ALL TABLES WITH (publish_via_partition_root)"
            postgres.sql(f"{publications}; SELECT pg_create_logical_replication_slot('recorded', 'pgoutput')")
            snapshot = _facts(postgres)
            steps = _work(postgres, (broker, own), lambda: _restart(postgres, own, rest))
            events, own_events = (debezium_events.read(each.ports["kafka"]) for each in (broker, own))
            recorded = {topic: [_without_clock(record) for record in records] for topic, records in events.items()}
            if os.environ.get("DEBEZIUM_RECORD"):
                _record(postgres, snapshot, steps, recorded)
            _compare(results, java, recorded)
            _compare_own(results, java, events, own_events)
            java.said = "the worker ended"
            java.check("Kafka Connect", "the worker runs on", worker.poll() is None)
        finally:
            end([worker])
            results.log.write(Path(log).read_text(encoding="utf-8", errors="replace")[-20000:])
            results.log.write(json.dumps(_ask(own, ""), indent=1))
        broker.check_alive()
        own.check_alive()


def run(results):
    if not shutil.which("kcat"):
        raise Unavailable("this needs kcat")
    java, folder_of_plugins = Java(results, jars(results)), plugins(results)
    results.source = "Debezium " + (_HERE / "pom.xml").read_text(encoding="utf-8").partition("<debezium.version>")[2].partition("<")[0]
    folder = tempfile.mkdtemp(prefix="weir-debezium-")
    try:
        _check(results, java, folder_of_plugins, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
