"""Reads a suite's skips.txt: a test a line, then two spaces, a hash and the reason. Names that begin with / are patterns.

    PART | NAME  # reason
"""

import fnmatch
import re


def read(path):
    """[(part, name, reason)]; part and name as the suite's own output spells them, the part as a shell pattern."""
    skips = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rule, hash_mark, reason = line.rpartition("  # ")
        part, bar, name = rule.partition(" | ")
        if not hash_mark or not bar or not reason.strip():
            raise SystemExit(f"{path}:{number}: not 'PART | NAME  # reason'")
        skips.append((part.strip(), name.strip(), reason.strip()))
    return skips


def reason_of(skips, part, name):
    for skip_part, rule, reason in skips:
        if fnmatch.fnmatchcase(part, skip_part) and (re.search(rule[1:], name) if rule.startswith("/") else rule == name):
            return reason
    return None
