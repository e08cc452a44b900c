"""Kafka Streams (examples/streams-word-count) and Kafka Connect with its file connectors, from Maven, across kill -9 of the broker."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from broker import until
from kit import fetched
from kit.kafka import Java, MortalBroker, end, events, jars, maven, version
from workshop.sources import ROOT

_EXAMPLE = ROOT / "examples" / "streams-word-count"
_PATIENCE_S = 150
_RECORDS = 6000
_BYTES_BETWEEN_KILLS = 200_000  # of what the producer reports, some 100 B a record


def _word_count(results):
    """Maven's output of the example, whose libraries are among Apache Kafka's jars already."""
    folder = fetched.TOP / "streams-word-count"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("target"))
    maven(results, folder, ["compile"], "the example cannot be built")
    return folder / "target" / "classes"


def _read(path):
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _counts(path):
    """{word: how often}, over all minutes: of each minute the last count that was written."""
    last = dict(re.findall(r"^(\S+ \S+)\t(\d+)$", _read(path), re.MULTILINE))
    words = {}
    for key, count in last.items():
        word = key.partition(" ")[2]
        words[word] = words.get(word, 0) + int(count)
    return words


def _check_streams(results, java, folder):
    classes = _word_count(results)
    part, logs = "Kafka Streams", {name: f"{folder}/{name}" for name in ("producer", "streams", "output")}
    settings = Path(folder) / "patient"
    settings.write_text("retries=2147483647\nenable.idempotence=true\nacks=all\n")
    processes = []
    with MortalBroker(folder) as broker:
        address = f"127.0.0.1:{broker.port}"
        try:
            for topic in ("user-events", "words-per-minute"):
                java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--create", "--topic", topic, "--partitions", 2)
            environment = os.environ | {"KAFKA_BROKERS": address, "STATE_DIR": f"{folder}/state"}
            with_example = Java(results, f"{classes}:{java.jars}")
            processes.append(with_example.start("WordCount", log=logs["streams"], environment=environment))
            until(lambda: "RUNNING" in _read(logs["streams"]), _PATIENCE_S, "the streams program runs")
            # Values are "7.N": the word 7 in each, and a word of its own.
            words = ("--topic", "user-events", "--max-messages", _RECORDS, "--throughput", 300, "--value-prefix", 7, "--repeating-keys", 12)
            words = ("--bootstrap-server", address, *words, "--command-config", settings)
            producer = java.start("org.apache.kafka.tools.VerifiableProducer", *words, log=logs["producer"])
            processes.append(producer)
            for share in (1, 2):
                until(lambda least=share: os.path.getsize(logs["producer"]) > least * _BYTES_BETWEEN_KILLS, _PATIENCE_S, "the producer gets on")
                broker.kill()
            producer.wait(_PATIENCE_S)
            sent = [event["value"] for event in events(logs["producer"]) if event["name"] == "producer_send_success"]
            words = ("--bootstrap-server", address, "--topic", "words-per-minute", "--from-beginning", "--formatter-property", "print.key=true")
            processes.append(java.start("org.apache.kafka.tools.consumer.ConsoleConsumer", *words, log=logs["output"]))
            wanted = {value.partition(".")[2] for value in sent}
            try:
                until(lambda: wanted <= _counts(logs["output"]).keys() and _counts(logs["output"]).get("7", 0) >= len(sent), _PATIENCE_S, "all is counted")
            finally:
                counts = _counts(logs["output"])
                java.said = f"{len(sent)} sent, {len(wanted - counts.keys())} words missing, {counts.get('7')} counted\n{_read(logs['streams'])[-4000:]}"
                java.check(part, "every event is acknowledged", len(sent) == _RECORDS)
                java.check(part, "no event is lost in two kill -9", wanted <= counts.keys() and counts.get("7", 0) >= len(sent))
            java.check(part, "the program runs on", processes[0].poll() is None)
        finally:
            end(processes)
        broker.check_alive()


_WORKER = """bootstrap.servers={address}
listeners=http://127.0.0.1:{rest}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
"""
_SOURCE = """name=lines-in
connector.class=org.apache.kafka.connect.file.FileStreamSourceConnector
tasks.max=1
file={folder}/in.txt
topic=lines
"""
_SINK = """name=lines-out
connector.class=org.apache.kafka.connect.file.FileStreamSinkConnector
tasks.max=1
file={folder}/out.txt
topics=lines
"""


def _check_connect(results, java, folder):
    part, log = "Kafka Connect", f"{folder}/connect"
    source, sink = Path(folder) / "in.txt", Path(folder) / "out.txt"
    source.touch()
    sink.touch()
    with MortalBroker(folder) as broker:
        rest = MortalBroker(folder).port  # a free one
        settings = {"address": f"127.0.0.1:{broker.port}", "rest": rest, "folder": folder}
        files = []
        for name, text in (("worker", _WORKER), ("source", _SOURCE), ("sink", _SINK)):
            files.append(Path(folder) / f"{name}.properties")
            files[-1].write_text(text.format(**settings))
        worker = java.start("org.apache.kafka.connect.cli.ConnectStandalone", *files, log=log)
        try:
            written = []
            for third in range(3):
                lines = [f"line {number}" for number in range(third * 1000, third * 1000 + 1000)]
                with open(source, "a", encoding="utf-8") as stream:
                    stream.write("\n".join(lines) + "\n")
                written += lines
                until(lambda least=third * 1000 + 200: _read(sink).count("\n") >= least, _PATIENCE_S, f"lines of part {third} come out\n{_read(log)[-3000:]}")
                if third < 2:
                    broker.kill()
            try:
                until(lambda: set(written) <= set(_read(sink).splitlines()), _PATIENCE_S, "all lines come out")
            finally:
                seen = _read(sink).splitlines()
                java.said = f"{len(set(written) - set(seen))} lines missing, {len(seen)} came out\n{_read(log)[-4000:]}"
                java.check(part, "no line is lost in two kill -9", set(written) <= set(seen))
                java.check(part, "and none is anything else", set(seen) <= set(written))
            java.check(part, "the worker runs on", worker.poll() is None)
        finally:
            end([worker])
        broker.check_alive()


def run(results):
    java = Java(results, jars(results))
    results.source = f"Apache Kafka {version()}"
    for check in (_check_streams, _check_connect):
        folder = tempfile.mkdtemp(prefix="weir-kafka-streams-")
        try:
            check(results, java, folder)
        except AssertionError as late:
            results.failed(check.__name__.removeprefix("_check_"), "it gets to its end", str(late))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
