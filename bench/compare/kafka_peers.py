"""Apache Kafka as a peer: a single KRaft node from Maven's jars, and its own performance tools as clients."""

import os
import re
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode

from loads import pin
from servers import Server, free_port
from sqs_peers import folder_of, install, need

KAFKA = "4.3.0"
START_S = 60
TOOL_S = 300
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir.bench</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
_SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.delete.delay.ms=1000
"""
# As its own start script has them.
_BROKER_JVM = ("-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def jars():
    need("java", "mvn")
    home = folder_of("kafka")
    if not (home / "installed").exists():
        (home / "pom.xml").write_text(_POM)
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        install(["mvn", "-q", "-B", f"-Dmaven.repo.local={home}/repository", plugin, "-DincludeScope=runtime", "-DoutputDirectory=lib"], home)
        (home / "installed").touch()
    return home / "lib"


class Kafka(Server):
    """`flush`: after so many messages it calls fsync; 0 is its own default, never."""

    def __init__(self, folder, cores="", flush=0):
        lib = jars()
        super().__init__(folder, cores)
        self.name = f"Apache Kafka {KAFKA}" + (f", flush.messages={flush}" if flush else "")
        self.durability = "fsync" if flush else "os"
        port, controller = free_port(), free_port()
        settings = self.folder / "server.properties"
        extra = f"log.flush.interval.messages={flush}\n" if flush else ""
        settings.write_text(_SETTINGS.format(port=port, controller=controller, folder=self.folder) + extra)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        java = ["java", _QUIET, "-cp", f"{lib}/*"]
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", settings], check=True, capture_output=True)
        self.addresses = {"kafka": f"127.0.0.1:{port}"}
        self.spawn([java[0], *_BROKER_JVM, *java[1:], "kafka.Kafka", settings])
        self.wait_until(lambda: self._answers(port), START_S)

    @staticmethod
    def _answers(port):
        """Whether it says which versions it speaks, which it does when it is up."""
        request = bytes.fromhex("0000000e 0012 0000 00000001 0004") + b"weir"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
                probe.sendall(request)
                return len(probe.recv(64)) > 4
        except OSError:
            return False


def _run_tool(cores, *words):
    command = [str(word) for word in ("java", "-Xmx512m", _QUIET, "-cp", f"{jars()}/*", *words)]
    done = subprocess.run(pin(command, cores), capture_output=True, text=True, timeout=TOOL_S, check=False, stdin=subprocess.DEVNULL, env=dict(os.environ))
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[4:])}: {done.stdout[-500:]}{done.stderr[-800:]}")
    return command, done.stdout


def make_topic(server, topic, partitions):
    _run_tool("", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", server.addresses["kafka"], "--create", "--topic", topic, "--partitions", partitions)


def drop_topic(server, topic):
    """So that the disk does not fill with what was measured already."""
    _run_tool("", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", server.addresses["kafka"], "--delete", "--topic", topic)


def perf_produce(server, cores, topic, size, count):
    """kafka-producer-perf-test with acks=all; what it says in its last line."""
    words = ("org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", server.addresses["kafka"], "--topic", topic, "--throughput", -1)
    cpu = server.cpu_s()
    command, said = _run_tool(cores, *words, "--num-records", count, "--record-size", size, "--command-property", "acks=all", "linger.ms=5", "batch.size=131072")
    last = re.findall(r"records sent, ([\d.]+) records/sec .*?, ([\d.]+) ms avg latency, ([\d.]+) ms max latency, (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th", said)[-1]
    per_s, _, maximum, p50, p99 = map(float, last)
    gib = count * size / 2**30
    return {"command": command, "per_s": per_s, "latency_ms": {"p50": p50, "p99": p99, "max": maximum}, "server_cpu_s_per_gib": (server.cpu_s() - cpu) / gib, "server_rss_bytes": server.rss_bytes()}


def perf_consume(server, cores, topic, size, count):
    """kafka-consumer-perf-test from the start of the topic; the rate without the time that joining a group took."""
    words = ("org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", server.addresses["kafka"], "--topic", topic, "--num-records", count, "--hide-header")
    cpu = server.cpu_s()
    command, said = _run_tool(cores, *words, "--group", f"{topic}-{uuid.uuid4().hex[:8]}")
    row = next(line.split(", ") for line in said.splitlines() if line.count(", ") >= 9)
    gib = count * size / 2**30
    return {"command": command, "per_s": float(row[9]), "mib_per_s": float(row[8]), "server_cpu_s_per_gib": (server.cpu_s() - cpu) / gib, "server_rss_bytes": server.rss_bytes()}
