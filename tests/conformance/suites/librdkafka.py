"""librdkafka's own test programs, built from SUITE_LIBRDKAFKA or Debian's source, and those of a newer release from
SUITE_LIBRDKAFKA_NEXT: the ones that need a broker, one at a time.

Tests that mock their broker say nothing about ours and are not run. Some need a broker of their own: with logins, with TLS,
without topics on demand; some call Apache Kafka's own shell tools, which come from Maven. The newer ones run with groups of
both protocols. What is left out stands in librdkafka/skips.txt and skips-next.txt. TESTS="0012 0030" runs some; PATIENCE=3 gives each three times its time, for a machine
that is busy with other things.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from broker import Broker
from kit import fetched, kafka, skips
from kit.suite import Unavailable

_FOLDER = Path(__file__).resolve().parents[1] / "librdkafka"
_BUILD_S = 1500
_TEST_S = 150
_QUICK_ONLY = "0082_fetch_max_bytes"  # leaves itself out when asked to be quick
_SHELL_TOOLS = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-acls.sh": "org.apache.kafka.tools.AclCommand"}
_NEED_TOOLS = re.compile(r"0045_subscribe_update_|0052|0109|0115|0119")
_PATIENCE = int(os.environ.get("PATIENCE", "1"))
_TOOLS_TAKE = 3  # times as long as the tests think, where a Java program starts in each step
# Tests of many parts of which one has to be left out, so that each part runs by itself.
_BY_PARTS = {
    "0081_admin": (
        *("do_test_CreateTopics", "do_test_DeleteTopics", "do_test_CreatePartitions", "do_test_AlterConfigs", "do_test_DescribeConfigs"),
        *("do_test_CreateAcls", "do_test_DescribeAcls", "do_test_DeleteAcls", "do_test_DeleteRecords", "do_test_DeleteGroups"),
        *("do_test_ListConsumerGroups", "do_test_DescribeConsumerGroups", "do_test_DeleteConsumerGroupOffsets"),
        *("do_test_AlterConsumerGroupOffsets", "do_test_ListConsumerGroupOffsets"),
    ),
    "0142_reauthentication": (
        *("do_test_producer", "do_test_consumer", "do_test_txn_producer", "do_test_oauthbearer", "do_test_reauth_failure"),
        "do_test_share",
    ),
}
# Rules that the tests make deny what they name; without this the first one would deny all the rest, too.
_COMMON = ("--kafka-access", "allow", "--kafka-default-partitions", "4")
_USER, _PASSWORD = "probe", "s3cret"
_USES_GROUPS = re.compile(r"create_consumer|KafkaConsumer::create|test_consume_msgs_easy")
_PROTOCOL_CHOICE = "TEST_CONSUMER_GROUP_PROTOCOL"
_MACRO = re.compile(r"^ +_TEST\(\s*(\w+),\s*([^,)]+)", re.MULTILINE)


@dataclass
class _Edition:
    """A release of librdkafka: where it is built, what is left out of it, and of what broker its tests may expect what."""

    name: str
    skips: str
    kafka_version: str
    protocols: tuple  # of groups: (part of the report, value of the variable that chooses)


_DEBIANS = _Edition("librdkafka", "skips.txt", "3.0.0", (("test-runner", ""),))
_NEXT = _Edition("librdkafka-next", "skips-next.txt", "4.2.0", (("classic groups", "classic"), ("consumer groups", "consumer")))


def _build(results, edition, origin):
    tree = fetched.TOP / edition.name / "tree"
    results.source = "librdkafka " + _version(origin)
    if (tree / "origin").is_file() and (tree / "origin").read_text() == f"{origin} {results.source}":
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(origin, tree, symlinks=True)
    jobs = os.environ.get("JOBS", str(os.cpu_count()))
    for command in (
        ["./configure", "--disable-sasl", "--disable-curl"],
        ["make", f"-j{jobs}", "libs"],
        ["make", f"-j{jobs}", "-C", "tests", "build"],
    ):
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_BUILD_S, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            results.log.write(done.stdout + done.stderr)
            raise Unavailable(f"{' '.join(command)} of librdkafka failed; the log says why")
    (tree / "origin").write_text(f"{origin} {results.source}")
    return tree


def _version(origin):
    number = re.search(r"#define RD_KAFKA_VERSION\s+0x([0-9a-fA-F]{8})", (origin / "src/rdkafka.h").read_text()).group(1)
    return ".".join(str(int(number[i : i + 2], 16)) for i in (0, 2, 4))


def _tests(tree):
    """[(name, flags)] of the tests that the runner knows."""
    text = (tree / "tests/test.c").read_text()
    return [(name, flags) for name, flags in _MACRO.findall(text) if name[0].isdigit()]


def _use_groups(tree, tests):
    """Those whose sources make a consumer of a group; to the others the group's protocol is all the same."""
    sources = {path.name: path.read_text(errors="replace") for path in (tree / "tests").glob("[0-9]*.c*")}
    users = {name[:4] for name, text in sources.items() if _USES_GROUPS.search(text)}
    return [test for test in tests if test[0][:4] in users]


@dataclass
class _Setting:
    """A broker of its own: for which tests, with which options, and what the clients are told."""

    tests: tuple
    options: tuple = ()
    config: str = ""
    arguments: tuple = ()
    environment: dict = field(default_factory=dict)


def _certificates(folder):
    """An authority, a server and a client, in the forms that the test of TLS reads."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")

    def openssl(words):
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    for name in ("ca", "other"):
        openssl(f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem")
        openssl(f"x509 -in {name}.pem -outform der -out {name}.der")
    for name in ("server", "client"):
        openssl(f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem")
    openssl("x509 -in client.pem -outform der -out client.der")
    openssl("pkcs8 -topk8 -nocrypt -in client.key -outform der -out client.key.der")
    openssl(f"pkcs12 -export -in client.pem -inkey client.key -certfile ca.pem -password pass:{_PASSWORD} -out client.p12")
    (folder / "all.pem").write_text((folder / "other.pem").read_text() + (folder / "ca.pem").read_text())
    names = {"pkcs": "client.p12", "pub_der": "client.der", "pub_pem": "client.pem", "priv_der": "client.key.der"}
    names |= {"priv_pem": "client.key", "ca_der": "ca.der", "ca_pem": "ca.pem", "all_cas_pem": "all.pem"}
    return {f"SSL_{key}": f"{folder}/{name}" for key, name in names.items()} | {"SSL_password": _PASSWORD}


def _settings(edition):
    folder = fetched.TOP / edition.name / "certificates"
    files = _certificates(folder)
    (folder / "user").write_text(f"{_USER}:{_PASSWORD}\n")
    tls = ("--kafka-tls-certificate", f"{folder}/server.pem", "--kafka-tls-key", f"{folder}/server.key", "--kafka-tls-client-ca", f"{folder}/ca.pem")
    tls_config = f"security.protocol=SSL\nssl.ca.location={folder}/ca.pem\nssl.certificate.location={folder}/client.pem\n"
    tls_config += f"ssl.key.location={folder}/client.key\nssl.key.password={_PASSWORD}\n"
    logins = ("--kafka-sasl", "required", "--first-user", f"{folder}/user")
    login = f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username={_USER}\nsasl.password={_PASSWORD}\n"
    return [
        # They start two consumers and expect both in the first rebalance, for which Apache Kafka waits this long.
        _Setting(("0089_max_poll_interval", "0118_commit_rebalance"), ("--kafka-group-initial-delay-ms", "3000")),
        _Setting(("0097_ssl_verify",), tls, tls_config, environment=files),
        _Setting(("0135_sasl_credentials",), logins, login),
        # Each part takes somewhat longer than a session lives.
        _Setting(("0142_reauthentication",), (*logins, "--kafka-session-lifetime-ms", "10000"), login),
        _Setting(
            ("0045_subscribe_update_topic_remove", "0045_subscribe_update_non_exist_and_partchange"),
            ("--kafka-auto-create-topics", "off"),
            arguments=("-s", "noautocreate"),
        ),
    ]


def _shell_tools(results):
    """A folder like that of Apache Kafka's distribution, with the tools that tests call; or why there is none."""
    try:
        java = kafka.Java(results, kafka.jars(results))
    except Unavailable as reason:
        return None, f"needs Apache Kafka's shell tools: {reason}"
    folder = fetched.TOP / "librdkafka" / "kafka"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name, main in _SHELL_TOOLS.items():
        command = " ".join(f"'{word}'" for word in java.command(main))
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    return folder, ""


class _Runner:
    def __init__(self, results, tree, edition, part, protocol):
        self._results, self._tree, self._part, self._version = results, tree, part, edition.kafka_version
        self._protocol = {_PROTOCOL_CHOICE: protocol} if protocol else {}
        self._skips = skips.read(_FOLDER / edition.skips)
        self._tools, self._no_tools = _shell_tools(results)

    def run(self, setting, tests):
        """Starts the broker of `setting` and runs `tests`, [(name, flags)], one at a time."""
        if not tests:
            return
        config = self._tree / "weir.conf"
        with Broker(*_COMMON, *setting.options).ready() as broker:
            address = f"127.0.0.1:{broker.ports['kafka']}"
            config.write_text(f"bootstrap.servers={address}\ntest.topic.random=true\ntest.timeout.multiplier={_PATIENCE}\n{setting.config}")
            patient = self._tree / "weir-patient.conf"
            patient.write_text(config.read_text() + f"test.timeout.multiplier={_PATIENCE * _TOOLS_TAKE}\n")
            environment = os.environ | setting.environment | self._protocol | {
                "LD_LIBRARY_PATH": f"{self._tree}/src:{self._tree}/src-cpp",
                "TEST_KAFKA_VERSION": self._version,
                "BROKERS": address,
                **({"KAFKA_PATH": str(self._tools)} if self._tools else {}),
            }
            for name, flags in tests:
                environment["RDKAFKA_TEST_CONF"] = str(patient if _NEED_TOOLS.match(name) else config)
                for part in _BY_PARTS.get(name, ("",)):
                    self._run_part(name, part, flags, setting, environment)
                    broker.check_alive()

    def _run_part(self, name, part, flags, setting, environment):
        shown = f"{name} {part}".rstrip()
        reason = self._reason(shown, flags)
        if reason:
            self._results.skipped(self._part, shown, reason)
        else:
            chosen = {"TESTS": name} | ({"SUBTESTS": part} if part else {})
            self._run_one(name, shown, self._command(name, flags, setting), environment | chosen)

    def _reason(self, name, flags):
        reason = skips.reason_of(self._skips, self._part, name)
        if not reason and ("TEST_F_MANUAL" in flags or re.search(r"TEST_F_KNOWN_ISSUE\b", flags)):
            reason = "the suite's own mark: manual or a known issue"
        if not reason and not self._tools and _NEED_TOOLS.match(name):
            reason = self._no_tools
        return reason

    @staticmethod
    def _command(name, flags, setting):
        """Only what asks for the suite's own bad network (sockem) gets it, and has its time."""
        command = ["./test-runner", "-p1", "-L", *setting.arguments]
        if "TEST_F_SOCKEM" in flags:
            return command
        return [*command, "-E"] if name == _QUICK_ONLY else [*command, "-E", "-Q"]

    def _run_one(self, name, shown, command, environment):
        try:
            done = subprocess.run(
                command, cwd=self._tree / "tests", env=environment, capture_output=True, timeout=_PATIENCE * _TEST_S, check=False, stdin=subprocess.DEVNULL
            )
            code, output = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired as late:
            code, output = None, (late.stdout or b"") + (late.stderr or b"")
        text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode(errors="replace"))
        verdict = re.search(rf"\|\s*{name}\s*\|\s*(\w+)", text)
        if code == 0 and verdict and verdict.group(1) == "PASSED":
            self._results.passed(self._part, shown)
        elif code == 0 and (not verdict or verdict.group(1) == "SKIPPED"):
            # Some end no line with what they say.
            found = re.search(rf"\[{name}\b.*SKIPPING TEST: ([^\n]*?)(?:\[{name}|$)|\[{name}\b.*TEST SKIPPED: (.*)", text, re.MULTILINE)
            own = f": {(found.group(1) or found.group(2)).strip()}" if found else ""
            self._results.skipped(self._part, shown, "the test leaves itself out" + own)
        else:
            self._results.failed(self._part, shown, ("not done in time\n" if code is None else "") + text[-3000:])


def _run(results, edition, origin):
    if not all(map(shutil.which, ("make", "cc", "c++", "openssl"))):
        raise Unavailable("this needs make, cc, c++ and openssl")
    tree = _build(results, edition, origin())
    chosen = os.environ.get("TESTS", "").split()
    tests = [(name, flags) for name, flags in _tests(tree) if "TEST_F_LOCAL" not in flags]
    tests = [test for test in tests if not chosen or any(test[0].startswith(part) for part in chosen)]
    settings = _settings(edition)
    special = {name for setting in settings for name in setting.tests}
    for number, (part, protocol) in enumerate(edition.protocols):
        if number > 0:
            tests = _use_groups(tree, tests)
        runner = _Runner(results, tree, edition, part, protocol)
        runner.run(_Setting(()), [test for test in tests if test[0] not in special])
        for setting in settings:
            runner.run(setting, [test for test in tests if test[0] in setting.tests])


def run(results):
    _run(results, _DEBIANS, lambda: fetched.checkout("librdkafka") or fetched.debian_source("librdkafka", results.log))


def run_next(results):
    origin = fetched.checkout("librdkafka-next")
    if origin is None:
        raise Unavailable("name a checkout of a newer release with SUITE_LIBRDKAFKA_NEXT")
    _run(results, _NEXT, lambda: origin)
