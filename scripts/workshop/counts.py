"""Counts of tests: how many passed, failed and were skipped, and how to read them from what programs print."""

import re
from dataclasses import dataclass

_LINE = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", re.MULTILINE)
_GTEST_RAN = re.compile(r"^\[==========\] \d+ tests? from \d+ test \w+ ran\.", re.MULTILINE)
_GTEST = {
    "passed": re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.MULTILINE),
    "failed": re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below", re.MULTILINE),
    "skipped": re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below", re.MULTILINE),
}


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def of_exit(code):
    """One check, judged by its exit code."""
    return Counts(passed=1) if code == 0 else Counts(failed=1)


def of_counted_program(output, code):
    """A program that ends with the line 'N passed, N failed, N skipped'. One that does not say what it ran has failed."""
    lines = _LINE.findall(output)
    if not lines:
        return Counts(failed=1)
    passed, failed, skipped = lines[-1]
    counts = Counts(int(passed), int(failed), int(skipped or 0))
    return _honest(counts, code)


def of_test_program(output, code):
    """A ctest entry: GoogleTest cases are counted one by one, a counted program by its line, anything else as one."""
    if _GTEST_RAN.search(output):
        found = {name: sum(map(int, pattern.findall(output))) for name, pattern in _GTEST.items()}
        return _honest(Counts(**found), code)
    if _LINE.search(output):
        return of_counted_program(output, code)
    return of_exit(code)


def _honest(counts, code):
    """A program that crashed or exited with an error after its last count has failed once more than it says."""
    if code != 0 and counts.failed == 0:
        counts.failed = 1
    return counts
