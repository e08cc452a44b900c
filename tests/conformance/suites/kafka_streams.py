"""Kafka Streams (examples/streams-word-count) and Kafka Connect with its file connectors, from Maven, across kill -9 of the broker.

TESTS="classic streams connect" runs some parts.
"""

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


class _Programs:
    """Instances of the example, each with its own state."""

    def __init__(self, results, java, folder, address, protocol):
        self._java = Java(results, f"{_word_count(results)}:{java.jars}")
        self._folder = folder
        self._environment = os.environ | {"KAFKA_BROKERS": address, "GROUP_PROTOCOL": protocol}
        self.all = []

    def start(self):
        number = len(self.all)
        log = f"{self._folder}/streams-{number}"
        environment = self._environment | {"STATE_DIR": f"{self._folder}/state-{number}"}
        self.all.append(self._java.start("WordCount", log=log, environment=environment))
        until(lambda: "RUNNING" in _read(log), _PATIENCE_S, f"instance {number} runs\n")

    def logs(self):
        return "\n".join(_read(f"{self._folder}/streams-{number}")[-3000:] for number in range(len(self.all)))


def _check_counts(java, part, address, folder, logs, sent):
    output = f"{folder}/output"
    words = ("--bootstrap-server", address, "--topic", "words-per-minute", "--from-beginning", "--formatter-property", "print.key=true")
    reader = java.start("org.apache.kafka.tools.consumer.ConsoleConsumer", *words, log=output)
    wanted = {value.partition(".")[2] for value in sent}
    try:
        until(lambda: wanted <= _counts(output).keys() and _counts(output).get("7", 0) >= len(sent), _PATIENCE_S, "all is counted")
    finally:
        end([reader])
        counts = _counts(output)
        java.said = f"{len(sent)} sent, {len(wanted - counts.keys())} words missing, {counts.get('7')} counted\n{logs()}"
        java.check(part, "every event is acknowledged", len(sent) == _RECORDS)
        java.check(part, "no event is lost in two kill -9", wanted <= counts.keys() and counts.get("7", 0) >= len(sent))


def _check_program(results, java, folder, protocol, shared):
    """The word count lives through two kills of the broker. `shared`: after the first a second instance comes, after the other the first goes."""
    part, log = f"Kafka Streams, protocol {protocol}", f"{folder}/producer"
    settings = Path(folder) / "patient"
    settings.write_text("retries=2147483647\nenable.idempotence=true\nacks=all\n")
    with MortalBroker(folder) as broker:
        address = f"127.0.0.1:{broker.port}"
        programs = _Programs(results, java, folder, address, protocol)
        producer = None
        try:
            for topic in ("user-events", "words-per-minute"):
                java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--create", "--topic", topic, "--partitions", 2)
            programs.start()
            # Values are "7.N": the word 7 in each, and a word of its own.
            words = ("--topic", "user-events", "--max-messages", _RECORDS, "--throughput", 300, "--value-prefix", 7, "--repeating-keys", 12)
            words = ("--bootstrap-server", address, *words, "--command-config", settings)
            producer = java.start("org.apache.kafka.tools.VerifiableProducer", *words, log=log)
            for share in (1, 2):
                until(lambda least=share: os.path.getsize(log) > least * _BYTES_BETWEEN_KILLS, _PATIENCE_S, "the producer gets on")
                broker.kill()
                if shared and share == 1:
                    programs.start()
                elif shared:
                    end(programs.all[:1])
            producer.wait(_PATIENCE_S)
            sent = [event["value"] for event in events(log) if event["name"] == "producer_send_success"]
            _check_counts(java, part, address, folder, programs.logs, sent)
            java.check(part, "the program runs on", programs.all[-1].poll() is None)
            if protocol == "streams":
                _check_tool(java, broker, address, programs)
        finally:
            end([*programs.all, *([producer] if producer else [])])
        broker.check_alive()


def _check_tool(java, broker, address, programs):
    """`kafka-streams-groups.sh` looks at the group while somebody is in it, and changes it when nobody is, after another kill."""
    part, group = "streams-groups", ("--group", "word-count")

    def tool(*words):
        return java("org.apache.kafka.tools.streams.StreamsGroupCommand", "--bootstrap-server", address, *words)

    def offsets():
        return dict(re.findall(r"^word-count\s+(user-events\s+\d)\s+(\d+)\s", tool("--describe", *group, "--verbose"), re.MULTILINE))

    java.check(part, "--list", "word-count" in tool("--list").split())
    java.check(part, "--list --state", re.search(r"word-count\s+Stable", tool("--list", "--state")))
    java.check(part, "--describe --state", re.search(r"\sStable\s+\d+\s+\d+\s+1\s", tool("--describe", *group, "--state", "--verbose") + "\n"))
    seen = tool("--describe", *group, "--members", "--verbose")
    java.check(part, "--describe --members shows active tasks", re.search(r"\sstreams\s.*ACTIVE: 0:\[0,1\]; 1:\[0,1\]; TARGET-ACTIVE", seen))
    java.check(part, "--describe shows committed offsets", sum(map(int, offsets().values())) > 0)
    tool("--reset-offsets", *group, "--input-topic", "user-events", "--to-earliest", "--execute")
    java.check(part, "offsets of a group at work stay", "only be reset if the group" in java.said)
    end(programs.all)
    until(lambda: "Empty" in tool("--describe", *group, "--state"), _PATIENCE_S, "the group is empty")
    broker.kill()
    java.check(part, "--describe --state of a group that nobody came back to", re.search(r"\sEmpty\s+0\s", tool("--describe", *group, "--state") + "\n"))
    seen = tool("--reset-offsets", *group, "--input-topic", "user-events", "--to-offset", 5, "--execute")
    java.check(part, "--reset-offsets --to-offset", len(re.findall(r"user-events\s+[01]\s+5\b", seen)) == 2)
    seen = tool("--reset-offsets", *group, "--all-input-topics", "--to-earliest", "--dry-run")
    java.check(part, "--reset-offsets --all-input-topics --dry-run", len(re.findall(r"user-events\s+[01]\s+0\b", seen)) == 2)
    java.check(part, "--delete-offsets", "succeeded" in tool("--delete-offsets", *group, "--input-topic", "user-events"))
    java.check(part, "--delete with internal topics", tool("--delete", *group, "--delete-all-internal-topics").count("was successful") == 2)
    topics = java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--list").split()
    java.check(part, "and both are gone", "user-events" in topics and not [name for name in topics if name.startswith("word-count-")])
    java.check(part, "no group is left", "word-count" not in tool("--list").split())


def _check_classic(results, java, folder):
    _check_program(results, java, folder, "classic", shared=False)


def _check_streams(results, java, folder):
    _check_program(results, java, folder, "streams", shared=True)


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
    chosen = os.environ.get("TESTS", "").split()
    for check in (_check_classic, _check_streams, _check_connect):
        if chosen and check.__name__.removeprefix("_check_") not in chosen:
            continue
        folder = tempfile.mkdtemp(prefix="weir-kafka-streams-")
        try:
            check(results, java, folder)
        except AssertionError as late:
            results.failed(check.__name__.removeprefix("_check_"), "it gets to its end", str(late))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
