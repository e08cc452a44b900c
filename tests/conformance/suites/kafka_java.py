"""Apache Kafka's own command-line tools, verifiable clients and performance tools, from Maven, unmodified.

TESTS="topics console groups" runs some parts; most read what `topics` and `console` made.
"""

import json
import os
import re
import shutil
import tempfile

from broker import until
from kit import fetched
from kit.kafka import Java, MortalBroker, end, events, jars, version

_PATIENCE_S = 90
_TOOLS = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "configs": "kafka.admin.ConfigCommand",
    "acls": "org.apache.kafka.tools.AclCommand",
    "groups": "org.apache.kafka.tools.GroupsCommand",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "cluster": "org.apache.kafka.tools.ClusterTool",
    "features": "org.apache.kafka.tools.FeatureCommand",
    "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "delegation-tokens": "org.apache.kafka.tools.DelegationTokenCommand",
    "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
    "producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "e2e-latency": "org.apache.kafka.tools.EndToEndLatency",
    "verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
}
# What the distribution also has, and why it is not run.
_LEFT_OUT = {
    "transactions": "transactions are not there",
    "share-groups": "share groups are not there",
    "console-share-consumer": "share groups are not there",
    "verifiable-share-consumer": "share groups are not there",
    "share-consumer-perf-test": "share groups are not there",
    "storage, dump-log, metadata-shell": "they read the files of an Apache Kafka broker",
    "replica-verification": "there is one replica",
    "jmx": "asks a Java process",
}


class _Tools:
    """Runs a tool against the broker and judges what it printed."""

    def __init__(self, results, java, port, folder):
        self.java, self.address, self.folder = java, f"127.0.0.1:{port}", folder
        self.part = ""
        self._results = results

    def __call__(self, tool, *words, typed=""):
        self.part = tool
        return self.java(_TOOLS[tool], *self._before(tool, words), typed=typed)

    def _before(self, tool, words):
        """`kafka-cluster` wants its subcommand first."""
        return [words[0], "--bootstrap-server", self.address, *words[1:]] if tool == "cluster" else ["--bootstrap-server", self.address, *words]

    def start(self, tool, *words, log):
        return self.java.start(_TOOLS[tool], *self._before(tool, words), log=log)

    def check(self, name, holds):
        self.java.check(self.part, name, holds)

    def check_done(self, name):
        self.check(name, self.java.code == 0)

    def file(self, name, content):
        path = f"{self.folder}/{name}"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(content)
        return path


def _check_topics(tool):
    tool("topics", "--create", "--topic", "orders", "--partitions", 3, "--replication-factor", 1, "--config", "retention.ms=3600000")
    tool.check_done("--create with partitions and a setting")
    seen = tool("topics", "--describe", "--topic", "orders")
    tool.check("--describe shows them", "PartitionCount: 3" in seen and "retention.ms=3600000" in seen and seen.count("Leader: 1") == 3)
    tool("topics", "--create", "--topic", "orders")
    tool.check("a topic that exists is refused", tool.java.code != 0 and "TopicExistsException" in tool.java.said)
    tool("topics", "--create", "--topic", "orders", "--if-not-exists")
    tool.check_done("--if-not-exists")
    tool("topics", "--create", "--topic", "wrong", "--config", "retention.ms=soon")
    tool.check("a setting that cannot be is refused", tool.java.code != 0 and "retention.ms" in tool.java.said)
    tool("topics", "--alter", "--topic", "orders", "--partitions", 5)
    seen = tool("topics", "--describe", "--topic", "orders")
    tool.check("--alter adds partitions", "PartitionCount: 5" in seen)
    tool("topics", "--create", "--topic", "short-lived")
    tool("topics", "--delete", "--topic", "short-lived")
    listed = tool("topics", "--list").split()
    tool.check("--delete and --list", "orders" in listed and "short-lived" not in listed)


def _check_configs(tool):
    entity = ("--entity-type", "topics", "--entity-name", "orders")
    tool("configs", "--alter", *entity, "--add-config", "max.message.bytes=200000,cleanup.policy=[compact,delete]")
    tool.check_done("--add-config, a list among them")
    seen = tool("configs", "--describe", *entity)
    tool.check("--describe shows what differs from the defaults", "max.message.bytes=200000" in seen and "cleanup.policy=compact,delete" in seen)
    tool("configs", "--alter", *entity, "--delete-config", "max.message.bytes,cleanup.policy")
    seen = tool("configs", "--describe", *entity)
    tool.check("--delete-config", "max.message.bytes" not in seen and "retention.ms=3600000" in seen)
    seen = tool("configs", "--describe", "--all", *entity)
    tool.check("--all shows defaults and where values come from", "segment.bytes=" in seen and "DEFAULT_CONFIG" in seen and "DYNAMIC_TOPIC_CONFIG" in seen)
    seen = tool("configs", "--describe", "--all", "--entity-type", "brokers", "--entity-name", 1)
    tool.check("the broker's settings", "auto.create.topics.enable=true" in seen)
    group = ("--entity-type", "groups", "--entity-name", "readers")
    tool("configs", "--alter", *group, "--add-config", "consumer.session.timeout.ms=50000")
    tool.check("a group's settings", "consumer.session.timeout.ms=50000" in tool("configs", "--describe", *group))
    alice = ("--entity-type", "users", "--entity-name", "alice")
    tool("configs", "--alter", *alice, "--add-config", "SCRAM-SHA-256=[iterations=8192,password=s3cret]")
    tool("configs", "--alter", *alice, "--add-config", "producer_byte_rate=1000000")
    seen = tool("configs", "--describe", *alice)
    tool.check("a user's password and quota", "SCRAM-SHA-256=iterations=8192" in seen and "producer_byte_rate=1000000" in seen)
    tool("configs", "--alter", *alice, "--delete-config", "SCRAM-SHA-256")
    tool("configs", "--alter", *alice, "--delete-config", "producer_byte_rate")
    seen = tool("configs", "--describe", *alice)
    tool.check("and both taken away", tool.java.code == 0 and "8192" not in seen and "1000000" not in seen)
    everybody = ("--entity-type", "clients", "--entity-default")
    tool("configs", "--alter", *everybody, "--add-config", "consumer_byte_rate=500000000")
    tool.check("a quota of every client id", "consumer_byte_rate=5" in tool("configs", "--describe", *everybody))
    address = ("--entity-type", "ips", "--entity-name", "127.0.0.1")
    tool("configs", "--alter", *address, "--add-config", "connection_creation_rate=1000")
    tool.check("a quota of an address", "connection_creation_rate=1000" in tool("configs", "--describe", *address))
    tool("configs", "--alter", *alice, "--add-config", "controller_mutation_rate=0.5")
    tool.check("a quota of mutations", "controller_mutation_rate=0.5" in tool("configs", "--describe", *alice))
    tool("configs", "--alter", *address, "--delete-config", "connection_creation_rate")
    tool("configs", "--alter", *alice, "--delete-config", "controller_mutation_rate")
    seen = tool("configs", "--describe", *address) + tool("configs", "--describe", *alice)
    tool.check("and both taken away", tool.java.code == 0 and "rate" not in seen)


def _check_acls(tool):
    tool("acls", "--add", "--allow-principal", "User:alice", "--operation", "Read", "--operation", "Describe", "--topic", "orders")
    tool.check_done("--add")
    tool("acls", "--add", "--deny-principal", "User:mallory", "--deny-host", "10.0.0.1", "--operation", "All", "--group", "ledger-", "--resource-pattern-type", "prefixed")
    seen = tool("acls", "--list")
    tool.check("--list shows both kinds of patterns", "User:alice" in seen and "patternType=PREFIXED" in seen and "host=10.0.0.1" in seen)
    seen = tool("acls", "--list", "--group", "ledger-2026", "--resource-pattern-type", "match")
    tool.check("--list of what matches a name", "User:mallory" in seen and "User:alice" not in seen)
    tool("acls", "--add", "--producer", "--allow-principal", "User:bob", "--topic", "orders")
    tool.check("--producer means write, describe and create", tool("acls", "--list", "--principal", "User:bob").count("User:bob") >= 3)
    tool("acls", "--remove", "--force", "--topic", "orders")
    tool("acls", "--remove", "--force", "--group", "ledger-", "--resource-pattern-type", "prefixed")
    seen = tool("acls", "--list")
    tool.check("--remove", tool.java.code == 0 and "User:" not in seen)


def _check_console(tool):
    lines = [f"key-{i}:value-{i}" for i in range(300)]
    read = ("--topic", "orders", "--formatter-property", "print.key=true", "--formatter-property", "key.separator=:", "--max-messages", 300)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = f"console-{codec}"
        options = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:", "--compression-codec", codec)
        tool("console-producer", "--topic", topic, *options, typed="\n".join(lines) + "\n")
        tool.check_done(f"codec {codec}")
        seen = tool("console-consumer", *read[:1], topic, *read[2:], "--from-beginning")
        tool.check(f"what codec {codec} brought", sorted(seen.split()) == sorted(lines))
    typed = "h1:one,h2:two\tk\tv\n"
    tool("console-producer", "--topic", "orders", "--reader-property", "parse.headers=true", "--reader-property", "parse.key=true", typed=typed)
    options = ("--formatter-property", "print.headers=true", "--formatter-property", "print.key=true", "--max-messages", 1)
    seen = tool("console-consumer", "--topic", "orders", "--from-beginning", *options)
    tool.check("headers", seen == typed)
    seen = tool("console-consumer", "--topic", "console-none", "--partition", 0, "--offset", 298, "--max-messages", 2)
    tool.check("from an offset of a partition", seen.split() == ["value-298", "value-299"])
    for protocol in ("classic", "consumer"):
        options = ("--group", f"console-{protocol}", "--command-property", f"group.protocol={protocol}", "--max-messages", 300)
        seen = tool("console-consumer", "--topic", "console-gzip", "--from-beginning", *options)
        tool.check(f"a member of a group, protocol {protocol}", len(seen.split()) == 300)
    seen = tool("console-consumer", "--include", "console-(gzip|lz4)", "--from-beginning", "--max-messages", 600, "--group", "console-pattern")
    tool.check("topics by a pattern", len(seen.split()) == 600)
    seen = tool("console-consumer", "--topic", "console-zstd", "--from-beginning", "--isolation-level", "read_committed", "--max-messages", 300)
    tool.check("read_committed", len(seen.split()) == 300)


def _check_offsets(tool):
    seen = tool("get-offsets", "--topic", "console-none")
    tool.check("the end", seen.split() == ["console-none:0:300"])
    tool.check("the start", tool("get-offsets", "--topic", "console-none", "--time", "earliest").split() == ["console-none:0:0"])
    tool.check("the greatest time", re.fullmatch(r"console-none:0:\d+\s*", tool("get-offsets", "--topic", "console-none", "--time", "max-timestamp")))
    tool.check("a time in the past", tool("get-offsets", "--topic", "console-none", "--time", "1000").split() == ["console-none:0:0"])
    wanted = tool.file("delete.json", '{"partitions":[{"topic":"console-none","partition":0,"offset":100}],"version":1}')
    tool("delete-records", "--offset-json-file", wanted)
    tool.check("up to an offset", "low_watermark: 100" in tool.java.said)
    tool.check("and they are gone", tool("get-offsets", "--topic", "console-none", "--time", "earliest").split() == ["console-none:0:100"])


def _group_offsets(tool, group):
    """{(topic, partition): (committed, end, lag)} as --describe shows them."""
    seen = tool("consumer-groups", "--describe", "--group", group)
    rows = re.findall(r"^\S+\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(-?\d+)", seen, re.MULTILINE)
    return {(topic, int(partition)): tuple(map(int, rest)) for topic, partition, *rest in rows}


def _check_groups(tool):
    group, topic = ("--group", "console-classic"), ("--topic", "console-gzip")
    tool.check("--describe shows offsets and lag", _group_offsets(tool, "console-classic") == {("console-gzip", 0): (300, 300, 0)})
    listed = tool("consumer-groups", "--list").split()
    tool.check("--list", {"console-classic", "console-consumer", "console-pattern"} <= set(listed))
    tool.check("--list --state", re.search(r"console-classic\s+Classic\s+Empty", tool("consumer-groups", "--list", "--state", "--type"), re.IGNORECASE))
    tool.check("--describe --state", "Empty" in tool("consumer-groups", "--describe", *group, "--state"))
    tool("consumer-groups", "--describe", "--all-groups")
    tool.check_done("--describe --all-groups")
    wanted = (("--to-earliest", 0), ("--to-latest", 300), ("--to-offset 120", 120), ("--shift-by -20", 100), ("--by-duration PT1H", 0), ("--to-datetime 2020-01-01T00:00:00.000", 0))
    for how, offset in wanted:
        seen = tool("consumer-groups", "--reset-offsets", *group, *topic, *how.split(), "--execute")
        shown = re.search(r"console-gzip\s+0\s+(\d+)", seen)
        tool.check(f"--reset-offsets {how}", shown and int(shown.group(1)) == offset)
    tool("consumer-groups", "--reset-offsets", *group, *topic, "--to-offset", 280, "--dry-run")
    tool.check("--dry-run changes nothing", _group_offsets(tool, "console-classic")["console-gzip", 0][0] == 0)
    exported = tool("consumer-groups", "--reset-offsets", *group, *topic, "--to-offset", 290, "--export", "--dry-run")
    path = tool.file("offsets.csv", exported.strip() + "\n")
    tool("consumer-groups", "--reset-offsets", *group, "--from-file", path, "--execute")
    tool.check("--export and --from-file", _group_offsets(tool, "console-classic")["console-gzip", 0][:2] == (290, 300))
    seen = tool("console-consumer", *topic, *group, "--max-messages", 10)
    tool.check("a member goes on from there", len(seen.split()) == 10)
    tool.check("--delete-offsets", "Successful" in tool("consumer-groups", "--delete-offsets", *group, *topic))
    tool.check("--delete", "was successful" in tool("consumer-groups", "--delete", *group))
    tool("consumer-groups", "--describe", *group)
    tool.check("a group that is gone is not found", "GroupIdNotFoundException" in tool.java.said)
    seen = tool("groups", "--list")
    tool.check("both protocols", re.search(r"console-consumer\s+Consumer", seen) and re.search(r"console-pattern\s+Classic", seen))


def _check_cluster(tool):
    tool.check("cluster-id", "Cluster ID: " in tool("cluster", "cluster-id"))
    tool.check("list-endpoints", re.search(r"^1\s+127\.0\.0\.1\s", tool("cluster", "list-endpoints"), re.MULTILINE))
    seen = tool("broker-api-versions")
    tool.check("every key and version", "ConsumerGroupHeartbeat(68): 0 to 1" in seen and "Produce(0): 0 to 13" in seen)
    seen = tool("log-dirs", "--describe", "--topic-list", "console-gzip")
    found = json.loads(next((line for line in seen.splitlines() if line.startswith("{")), "{}"))
    sizes = [partition["size"] for broker in found.get("brokers", []) for folder in broker["logDirs"] for partition in folder["partitions"]]
    tool.check("--describe shows sizes", len(sizes) == 1 and sizes[0] > 0)
    tool("leader-election", "--election-type", "PREFERRED", "--all-topic-partitions")
    tool.check_done("the preferred leader leads already")
    tool("reassign-partitions", "--list")
    tool.check_done("--list: none")
    path = tool.file("move.json", '{"topics":[{"topic":"orders"}],"version":1}')
    tool.check("--generate", "Proposed partition reassignment" in tool("reassign-partitions", "--topics-to-move-json-file", path, "--broker-list", 1, "--generate"))
    tool("client-metrics", "--list")
    tool.check_done("--list: none")


def _check_quorum(tool):
    seen = tool("metadata-quorum", "describe", "--status")
    tool.check("describe --status", re.search(r"LeaderId:\s+1\n", seen) and re.search(r"MaxFollowerLag:\s+0\n", seen) and '"id": 1' in seen)
    seen = tool("metadata-quorum", "describe", "--replication", "--human-readable")
    tool.check("describe --replication", re.search(r"^1\s+\S+\s+\d+\s+0\s.*\sLeader", seen, re.MULTILINE))
    tool("metadata-quorum", "remove-controller", "--controller-id", 1, "--controller-directory-id", "AAAAAAAAAAAAAAAAAAAAAQ")
    tool.check("the one voter stays", tool.java.code != 0 and "UnsupportedVersionException" in tool.java.said)
    seen = tool("features", "describe")
    tool.check("describe", re.search(r"group\.version.*FinalizedVersionLevel: 1\s", seen))
    tool("features", "upgrade", "--feature", "group.version=1")
    tool.check_done("upgrade to the level that is there")
    tool("features", "upgrade", "--feature", "group.version=9")
    tool.check("a level that is not there", tool.java.code != 0 and "this broker has level 1" in tool.java.said)
    tool("features", "disable", "--feature", "group.version")
    tool.check("disable", tool.java.code != 0 and "this broker has level 1" in tool.java.said)
    tool("cluster", "unregister", "--id", 7)
    tool.check("unregister a broker that is not there", tool.java.code != 0 and "BrokerIdNotRegisteredException" in tool.java.said)


def _login(name, password, more=""):
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={module} required username="{name}" password="{password}"{more};\n'


def _check_tokens(results, java, folder):
    """A token that is made, used, renewed, described and ended, with a kill in between."""
    place = tempfile.mkdtemp(dir=folder)
    with MortalBroker(place) as broker:
        tool = _Tools(results, java, broker.port, place)
        for name in ("alice", "bob"):
            tool("configs", "--alter", "--entity-type", "users", "--entity-name", name, "--add-config", f"SCRAM-SHA-256=[iterations=4096,password={name}]")
        alice, bob = (("--command-config", tool.file(f"{name}.properties", _login(name, name))) for name in ("alice", "bob"))
        seen = tool("delegation-tokens", "--create", "--max-life-time-period", -1, "--renewer-principal", "User:bob", *alice)
        made = re.search(r"^(\w+)\s+([\w+/]+=*)\s+User:alice\s+User:alice\s+\[?User:bob", seen, re.MULTILINE)
        tool.check("--create", made)
        token, secret = made.groups() if made else ("", "")
        delegate = ("--command-config", tool.file("delegate.properties", _login(token, secret, ' tokenauth="true"')))
        tool("topics", "--create", "--topic", "delegated", *delegate)
        tool.part = "delegation-tokens"
        tool.check_done("a login with it")
        tool("delegation-tokens", "--create", "--max-life-time-period", -1, *delegate)
        tool.check("which makes no further tokens", tool.java.code != 0 and "Delegation Token requests are not allowed" in tool.java.said)
        broker.kill()
        tool("topics", "--describe", "--topic", "delegated", *delegate)
        tool.part = "delegation-tokens"
        tool.check_done("a login with it after kill -9")
        tool("delegation-tokens", "--renew", "--renew-time-period", 3_600_000, "--hmac", secret, *bob)
        tool.check("--renew by a renewer", "Completed renew operation" in tool.java.said)
        seen = tool("delegation-tokens", "--describe", "--owner-principal", "User:alice", *bob)
        tool.check("--describe", "Total number of tokens : 1" in seen and token in seen)
        tool("delegation-tokens", "--renew", "--renew-time-period", -1, "--hmac", "AAAA", *alice)
        tool.check("a secret of no token", "DelegationTokenNotFoundException" in tool.java.said)
        tool("delegation-tokens", "--expire", "--expiry-time-period", -1, "--hmac", secret, *alice)
        tool.check("--expire", "Completed expire operation" in tool.java.said)
        tool("topics", "--list", *delegate)
        tool.part = "delegation-tokens"
        tool.check("no login with it any more", tool.java.code != 0 and "SaslAuthenticationException" in tool.java.said)
        broker.check_alive()


def _check_performance(tool):
    rate = r"^50000 records sent, ([\d.]+) records/sec"
    for size in (100, 1024):
        topic = f"perf-{size}"
        options = ("--topic", topic, "--num-records", 50_000, "--record-size", size, "--throughput", -1)
        seen = tool("producer-perf-test", *options, "--command-property", "acks=all", "compression.type=lz4")
        tool.check(f"{size} B", re.search(rate, seen, re.MULTILINE))
        for protocol in ("classic", "consumer"):
            words = ("--topic", topic, "--num-records", 50_000, "--group", f"perf-{size}-{protocol}", "--command-property", f"group.protocol={protocol}")
            seen = tool("consumer-perf-test", *words)
            tool.check(f"{size} B, protocol {protocol}", ", 50000, " in seen)
    seen = tool("e2e-latency", "--topic", "latency", "--num-records", 2000, "--producer-acks", "all", "--record-size", 100)
    tool.check("2000 records one by one", re.search(r"Percentiles: 50th = \d+", seen))


def _consumed(path):
    return sum(event["count"] for event in events(path) if event["name"] == "records_consumed")


def _check_verifiable(tool):
    count = 20_000
    tool("topics", "--create", "--topic", "verified", "--partitions", 4)
    seen = tool("verifiable-producer", "--topic", "verified", "--max-messages", count, "--acks", -1)
    sent = [json.loads(line) for line in seen.splitlines() if line.startswith("{")]
    tool.check("every record acknowledged", sum(event["name"] == "producer_send_success" for event in sent) == count)
    for protocol in ("classic", "consumer"):
        logs = [f"{tool.folder}/{protocol}-{i}" for i in range(2)]
        words = ("--topic", "verified", "--group-id", f"verified-{protocol}", "--group-protocol", protocol, "--reset-policy", "earliest")
        members = [tool.start("verifiable-consumer", *words, log=log) for log in logs]
        try:
            until(lambda paths=logs: sum(map(_consumed, paths)) >= count, _PATIENCE_S, "two members read everything")
            holds = True
        except AssertionError:
            holds = False
        finally:
            end(members)
        tool.part = "verifiable-consumer"
        tool.java.said = "\n".join(open(log, encoding="utf-8").read()[-2000:] for log in logs)
        tool.check(f"two members read all records, protocol {protocol}", holds)
        lag = _group_offsets(tool, f"verified-{protocol}")
        tool.part = "verifiable-consumer"
        tool.check(f"and committed all, protocol {protocol}", sum(end for _, end, _ in lag.values()) == count and not any(row[2] for row in lag.values()))


def _check_kill(results, java, folder):
    """An idempotent producer and two consumers live through two kills: all that was acknowledged is read, once in the log."""
    logs = {name: f"{folder}/kill-{name}" for name in ("producer", "classic", "consumer")}
    clients = []
    with MortalBroker(folder) as broker:
        tool = _Tools(results, java, broker.port, folder)
        try:
            tool("topics", "--create", "--topic", "killed", "--partitions", 3)
            settings = tool.file("patient", "retries=2147483647\nenable.idempotence=true\nacks=all\n")
            words = ("--topic", "killed", "--max-messages", 12_000, "--throughput", 500, "--command-config", settings)
            clients.append(tool.start("verifiable-producer", *words, log=logs["producer"]))
            for protocol in ("classic", "consumer"):
                words = ("--topic", "killed", "--group-id", f"killed-{protocol}", "--group-protocol", protocol, "--reset-policy", "earliest")
                clients.append(tool.start("verifiable-consumer", *words, log=logs[protocol]))
            for share in (1, 2):
                until(lambda least=share: os.path.getsize(logs["producer"]) > least * 300_000, _PATIENCE_S, "the producer gets on")
                broker.kill()
            clients[0].wait(_PATIENCE_S)
            acknowledged = [event for event in events(logs["producer"]) if event["name"] == "producer_send_success"]
            for protocol in ("classic", "consumer"):
                until(lambda name=protocol: _consumed(logs[name]) >= len(acknowledged), _PATIENCE_S, f"protocol {protocol} reads everything")
        finally:
            end(clients)
        ends = tool("get-offsets", "--topic", "killed").split()
        tool.part = "verifiable clients, kill -9"
        tool.check("12000 records acknowledged", len(acknowledged) == 12_000)
        tool.check("each once in the log", sum(int(last.rpartition(":")[2]) for last in ends) == 12_000)
        places = {(event["partition"], event["offset"]) for event in acknowledged}
        tool.check("no two acknowledged at one offset", len(places) == len(acknowledged))
        tool.check("consumers of both protocols read all of them", True)
        broker.check_alive()


_PARTS = {
    "topics": _check_topics,
    "configs": _check_configs,
    "acls": _check_acls,
    "console": _check_console,
    "offsets": _check_offsets,
    "groups": _check_groups,
    "cluster": _check_cluster,
    "quorum": _check_quorum,
    "performance": _check_performance,
    "verifiable": _check_verifiable,
}


def run(results):
    chosen = os.environ.get("TESTS", "").split() or [*_PARTS, "tokens", "kill"]
    java = Java(results, jars(results))
    results.source = f"Apache Kafka {version()}"
    folder = tempfile.mkdtemp(prefix="weir-kafka-java-")
    try:
        # Who anybody is does not matter here; rules that the tools make should not lock them out.
        with fetched.fast_broker("--kafka-access", "allow").ready() as broker:
            tool = _Tools(results, java, broker.ports["kafka"], folder)
            for name, part in _PARTS.items():
                if name in chosen:
                    part(tool)
                    broker.check_alive()
        if "tokens" in chosen:
            _check_tokens(results, java, folder)
        if "kill" in chosen:
            _check_kill(results, java, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, reason in _LEFT_OUT.items():
        results.skipped(name, "the tool", reason)
