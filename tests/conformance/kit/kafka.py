"""Apache Kafka's own programs: the jars of kafka-java/pom.xml from Maven, and how to run a class of them."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

from broker import Broker
from kit import fetched
from kit.suite import Unavailable

_HERE = Path(__file__).resolve().parents[1] / "kafka-java"
_INSTALL_S = 900
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
# They live for seconds: no time for the better compiler, no threads for the collector.
_SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
_TOOL_S = 120


def version():
    text = (_HERE / "pom.xml").read_text(encoding="utf-8")
    return text.partition("<kafka.version>")[2].partition("<")[0]


def maven(results, folder, words, what):
    """Runs Maven in `folder` with a repository of the suites' own."""
    command = ["mvn", "-q", "-B", f"-Dmaven.repo.local={fetched.TOP / 'maven'}", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL)
    results.log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise Unavailable(f"{what}; the log says why")


def jars(results):
    """The folder of Apache Kafka's jars and those they need. Fetched once; later calls find it."""
    if not shutil.which("mvn") or not shutil.which("javac"):
        raise Unavailable("this needs Maven and a Java development kit")
    folder = fetched.TOP / "kafka-java"
    mark, wanted = folder / "installed", (_HERE / "pom.xml").read_text(encoding="utf-8")
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(_HERE / "pom.xml", folder)
        maven(results, folder, [_COPY, "-DincludeScope=runtime", "-DoutputDirectory=lib"], "Apache Kafka's jars cannot be had")
        mark.write_text(wanted, encoding="utf-8")
    return folder / "lib"


class Java:
    """Runs Apache Kafka's classes. `said` is what the last one was asked and answered, for the report of a failure."""

    def __init__(self, results, folder):
        self.results, self.jars = results, folder
        self.said, self.code = "", None

    def command(self, main, *words):
        return ["java", *_SHORT_LIVED, "-cp", f"{self.jars}/*", main, *map(str, words)]

    def __call__(self, main, *words, typed="", seconds=_TOOL_S):
        """What it printed; `code` is its exit code, or None when it was not done in time."""
        try:
            done = subprocess.run(self.command(main, *words), input=typed, capture_output=True, text=True, timeout=seconds, check=False)
            self.code, printed, errors = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            self.code, printed, errors = None, (late.stdout or b"").decode(), (late.stderr or b"").decode() + f"\nnot done within {seconds} s"
        shown = " ".join([main.rpartition(".")[2], *map(str, words)])
        self.said = f"$ {shown}\nstatus {self.code}\n{printed[-3000:]}{errors[-3000:]}"
        self.results.log.write(self.said)
        return printed

    def start(self, main, *words, log, environment=None):
        """A process that the caller ends; what it prints goes to the file `log`."""
        with open(log, "ab") as stream:
            return subprocess.Popen(self.command(main, *words), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment)

    def check(self, part, name, holds):
        if holds:
            self.results.passed(part, name)
        else:
            self.results.failed(part, name, self.said)


class MortalBroker:
    """A broker that can be killed and comes back with its data on the same port. Use with `with`."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._data = f"{folder}/data"
        self._broker = None

    def __enter__(self):
        self._broker = Broker(data=self._data, ports={"kafka": self.port}).ready()
        return self

    def __exit__(self, *_):
        self._broker.__exit__()

    def kill(self):
        """kill -9, and a new start."""
        self._broker.process.kill()
        self._broker.__exit__()
        self.__enter__()

    def check_alive(self):
        self._broker.check_alive()


def events(path):
    """What a verifiable client wrote so far; a line that is not whole yet is left out."""
    found = []
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("{") and line.endswith("}\n"):
                found.append(json.loads(line))
    return found


def end(processes):
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
