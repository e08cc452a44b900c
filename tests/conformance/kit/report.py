"""Writes the results of a run into the compatibility pages, between two markers."""

from pathlib import Path

from workshop.sources import ROOT

_PAGES = {
    "redis": ("valkey", "redis8", "redis-benchmark", "redis-cli", "ioredis"),
    "kafka": ("java", "streams", "librdkafka", "librdkafka-next", "kafkajs", "kcat", "confluent-python", "platformatic"),
    "cdc": ("debezium",),
    "sqs": ("boto3", "awscli", "aws-sdk-go", "aws-sdk-java", "sqs-consumer", "kombu", "celery", "moto"),
}
_ROWS_MAX = 40  # parts of a suite; of more than these only those with failures are listed
_BEGIN = "<!-- results of make conformance: written by tests/conformance/run --report -->"
_END = "<!-- end of the results -->"


def _section(suite):
    results = suite.results
    lines = [f"### {suite.name}: {results.source or suite.title}", ""]
    if results.unavailable:
        return [*lines, f"Not run: {results.unavailable}.", ""]
    lines += ["| part | passed | failed | skipped |", "|---|---|---|---|"]
    parts = list(results.parts.items())
    if len(parts) > _ROWS_MAX:
        parts = [(name, counts) for name, counts in parts if counts.failed]
    for name, counts in [*parts, ("**all**", results.counts())]:
        lines.append(f"| {name} | {counts.passed} | {counts.failed} | {counts.skipped} |")
    if results.reasons:
        lines += ["", "| skipped because | tests |", "|---|---|"]
        lines += [f"| {reason} | {count} |" for reason, count in sorted(results.reasons.items(), key=lambda item: -item[1])]
    return [*lines, ""]


def _old_sections(text):
    """The sections of an earlier run by the suite's name, to keep what was not run now."""
    inner = text.partition(_BEGIN)[2].partition(_END)[0]
    return {part.partition(":")[0]: f"### {part.rstrip()}\n" for part in inner.split("### ")[1:]}


def write(suites):
    """What was not run now, or was ended before its end, stays as it stands there."""
    by_name = {suite.name: suite for suite in suites}
    fresh = {suite.name for suite in suites if suite.results and suite.results.whole}
    for page, names in _PAGES.items():
        path = ROOT / "docs" / "compatibility" / f"{page}.md"
        text = Path(path).read_text(encoding="utf-8")
        if fresh.isdisjoint(names):
            continue
        old = _old_sections(text)
        sections = ["\n".join(_section(by_name[name])) if name in fresh else old.get(name, "") for name in names]
        body = "\n".join([_BEGIN, "", *(section for section in sections if section), _END])
        before, _, rest = text.partition(_BEGIN)
        after = rest.partition(_END)[2]
        heading = "" if rest else "\n## Results of the public suites\n\n"
        path.write_text(before + heading + body + (after or "\n"), encoding="utf-8")
