"""Events as a consumer reads them, and what differs between Debezium's and Weir's.

Both connectors read the same database at the same time, so that all is compared: topics, order, keys, values with their schemas, headers,
positions. Where they may differ stands below, each with its reason; an allowance that nothing needs is a failure of its own."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

HEARTBEATS = "__debezium-heartbeat"
_READ_S = 120
_READERS = 3
_FIELDS_SHOWN = 5
# Of the profiles that stream partitions the table, of the one that streams tables their partitions.
_PARTITIONED = re.compile(r"(?!texts\.).*\.parts|texts\..*\.parts_..")


def _kcat(port, *words):
    command = ["kcat", "-b", f"127.0.0.1:{port}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_READ_S, check=False, stdin=subprocess.DEVNULL)
    return done.stdout


def count(port, topic):
    """How many records a topic has; none when there is no such topic."""
    return len(_kcat(port, "-C", "-q", "-e", "-f", "x", "-t", topic))


def topics(port):
    return sorted(topic["topic"] for topic in json.loads(_kcat(port, "-L", "-J"))["topics"])


def _parsed(text):
    """An outbox with Kafka Connect's converter of strings writes keys that are no JSON."""
    try:
        return text and json.loads(text)
    except ValueError:
        return text


def _read(port, topic):
    # Heartbeats never end: the first of them.
    many = ("-c", "1") if topic.startswith(HEARTBEATS) else ("-e",)
    records = []
    for line in _kcat(port, "-C", "-q", "-J", *many, "-t", topic).splitlines():
        record = json.loads(line)
        pairs = iter(record.get("headers") or [])
        records.append({"key": _parsed(record.get("key")), "value": _parsed(record["payload"]), "headers": dict(zip(pairs, pairs)), "ts": record["ts"]})
    return records


def read(port):
    """All records of a broker by topic: {"key", "value", "headers", "ts"}."""
    names = topics(port)
    with ThreadPoolExecutor(_READERS) as readers:
        return dict(zip(names, readers.map(lambda name: _read(port, name), names)))


def profile_of(topic):
    return topic.rpartition(".")[2] if topic.startswith(HEARTBEATS) else topic.partition(".")[0]


@dataclass
class Allowance:
    """A field that may differ: topics and paths as expressions on the whole. The word `payload` of a record with schemas is left out of paths."""

    topics: str
    paths: str
    reason: str
    snapshots: bool = False  # only in events of a snapshot
    debezium: tuple = ()  # only where Debezium's value is this
    used: int = 0

    def fits(self, topic, path, left, is_read):
        named = re.fullmatch(self.topics, topic) and re.fullmatch(self.paths, path)
        return bool(named) and (is_read or not self.snapshots) and (not self.debezium or left == self.debezium[0])


def allowances():
    return [
        Allowance(".*", r"value\.ts_(ms|us|ns)", "the wall clock when the event was made"),
        Allowance(r"(?!outbox\.event\.Order).*", r"ts", "the wall clock when the record was produced"),
        Allowance(".*", r"value\.source\.version", "the connector's version"),
        Allowance(".*", r"headers\.__debezium\.context\.runId", "another one for each run of the connector"),
        Allowance(".*", r"value\.source\.(ts_(ms|us|ns)|lsn|txId|sequence)", "each took a snapshot of its own", snapshots=True),
        Allowance(".*", r"value\.source\.snapshot", "tables are read in the order of their names, not of the list that includes them", snapshots=True),
        Allowance(r".*\.texts", r"value\.after\.n", "a column of type name: null in Debezium's stream, though its snapshot has it", debezium=(None,)),
        Allowance(r".*\.arrays", r"value\.after\.tm\[\d+\]", "times in an array lose what is below a millisecond in Debezium"),
        Allowance(r"(connect|micros)\..*\.big", r"value\.after\.raw", "a big bytea that was not sent: null in Debezium with base64, the placeholder in Weir", debezium=(None,)),
        Allowance(r"outbox\.event\.Order", r"value\.note", "null in a payload that is expanded: left out by Debezium, kept by Weir", debezium=("(none)",)),
        Allowance(r".*\.computed", r"value\.after\.twice|value\.schema\.fields\[[01]\]\.fields", "a generated column: in Debezium's snapshot and not in its stream, in Weir in neither", snapshots=True),
    ]


def _is_read(record):
    value = record["value"]
    payload = value.get("payload", value) if isinstance(value, dict) else None
    return isinstance(payload, dict) and payload.get("op") == "r"


def _counts_by_name(record):
    """Of a transaction's end: tables in the order of their names, not of a Java hash; messages not by the address of a Java object."""
    value = record["value"]
    payload = value.get("payload", value) if isinstance(value, dict) else None
    if not isinstance(payload, dict) or not isinstance(payload.get("data_collections"), list):
        return record
    counts = [{**one, "data_collection": "message" if "LogicalDecodingMessageId@" in one["data_collection"] else one["data_collection"]} for one in payload["data_collections"]]
    sorted_payload = payload | {"data_collections": sorted(counts, key=lambda one: one["data_collection"])}
    return record | {"value": sorted_payload if payload is value else value | {"payload": sorted_payload}}


def _differences(left, right, path):
    """Pairs that differ, with the path to them: fields by name, numbers by value, texts exactly."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in [*left, *(name for name in right if name not in left)]:
            if name in left and name in right:
                yield from _differences(left[name], right[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}", left.get(name, "(none)"), right.get(name, "(none)")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for i, pair in enumerate(zip(left, right)):
            yield from _differences(*pair, f"{path}[{i}]")
    elif left != right or isinstance(left, bool) != isinstance(right, bool):
        yield path, left, right


class Comparison:
    """Of Debezium's events with Weir's, by topic."""

    def __init__(self):
        self.allowances = allowances()
        self.read_twice = 0

    def of_topic(self, topic, debezium, weir):
        """What is wrong, in words; empty when the events are equal but for the allowances."""
        debezium, weir = self._once(topic, debezium), [_counts_by_name(record) for record in weir]
        if len(debezium) != len(weir):
            return f"{len(debezium)} events of Debezium, {len(weir)} of Weir\n{_first_other(debezium, weir)}"
        wrong = []
        for i, (left, right) in enumerate(zip(debezium, weir)):
            for path, one, other in _differences(left, right, ""):
                path = re.sub(r"^(key|value)\.payload\b", r"\1", path.removeprefix("."))
                if not self._allowed(topic, path, one, _is_read(left)):
                    wrong.append(f"event {i}, {path}: Debezium {json.dumps(one)[:300]}, Weir {json.dumps(other)[:300]}")
        return "\n".join(wrong[:_FIELDS_SHOWN] + ([f"and {len(wrong) - _FIELDS_SHOWN} more"] if len(wrong) > _FIELDS_SHOWN else []))

    def _once(self, topic, debezium):
        """Debezium's snapshot reads the rows of a partitioned table twice: of the table, and of its partitions. Weir reads them as they stream."""
        twice = _PARTITIONED.fullmatch(topic)
        kept = [_counts_by_name(record) for record in debezium if not (twice and _is_read(record))]
        self.read_twice += len(debezium) - len(kept)
        return kept

    def _allowed(self, topic, path, left, is_read):
        allowance = next((one for one in self.allowances if one.fits(topic, path, left, is_read)), None)
        if allowance:
            allowance.used += 1
        return allowance is not None


def _first_other(debezium, weir):
    ops = [[_brief(record) for record in side] for side in (debezium, weir)]
    return f"Debezium {ops[0][:60]}\nWeir     {ops[1][:60]}"


def _brief(record):
    value = record["value"]
    payload = value.get("payload", value) if isinstance(value, dict) else value
    return f"{payload.get('op', '?')}{json.dumps(record['key'])[-40:]}" if isinstance(payload, dict) else "tombstone" if payload is None else "text"
