"""Counts the tests of a report in JUnit's XML, as pytest and Maven write it."""

import xml.etree.ElementTree as xml

from kit.skips import reason_of

_OWN_MARK = "the suite's own mark: "


def count(results, report, skip_list=(), prefix=""):
    """A part is a test file or class; `prefix` tells runs of the same tests apart."""
    for (part, name), (verdict, words) in _verdicts(report).items():
        _count_one(results, prefix + part, name, verdict, words, skip_list)


def _verdicts(report):
    """{(part, name): (verdict, words)}; a test whose teardown fails too stands twice in the report and counts once."""
    worst = {}
    for case in xml.parse(report).getroot().iter("testcase"):
        folders = case.get("classname").split(".")
        classes = [word for word in folders if word[:1].isupper() or "SQS" in word]
        part = folders[-1 - len(classes)]
        key = (part, ".".join([*classes, case.get("name")]))
        verdict, words = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                verdict, words = "failed", (child.get("message") or "") + "\n" + (child.text or "")[-3000:]
            elif child.tag == "skipped":
                verdict, words = "skipped", child.get("message") or ""
        if worst.get(key, ("passed",))[0] != "failed":
            worst[key] = (verdict, words)
    return worst


def _count_one(results, part, name, verdict, words, skip_list):
    reason = reason_of(skip_list, part, name)
    if verdict == "skipped":
        results.skipped(part, name, reason or _OWN_MARK + words)
    elif verdict == "failed" and reason:
        results.skipped(part, name, reason)
    elif verdict == "failed":
        results.failed(part, name, words)
    else:
        results.passed(part, name)
        if reason:
            results.log.note(f"passes, though skips.txt names it: {part} | {name}")
