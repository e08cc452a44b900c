"""A suite: what it ran, what it left out and why, and how that becomes a step with counts."""

import subprocess
from dataclasses import dataclass, field
from typing import Callable

from workshop.counts import Counts
from workshop.runner import Step

_SHOWN = 2000  # characters of what a program said that was ended


def _words(said):
    return (said.decode(errors="replace") if isinstance(said, bytes) else said or "")[-_SHOWN:]


class Unavailable(Exception):
    """The suite's programs cannot be had here; the suite is skipped with these words."""


@dataclass
class Results:
    """Of one suite, by part (a file or a program of the suite). `note` is called for what a person should read."""

    log: object
    parts: dict = field(default_factory=dict)
    reasons: dict = field(default_factory=dict)  # of what was skipped: how often
    source: str = ""
    unavailable: str = ""
    whole: bool = False  # it ran to its end

    def _part(self, name):
        return self.parts.setdefault(name, Counts())

    def passed(self, part, name):
        self._part(part).passed += 1
        self.log.write(f"ok       {part}: {name}")

    def failed(self, part, name, why=""):
        self._part(part).failed += 1
        self.log.write(f"FAILED   {part}: {name}\n{why}")
        self.log.note(f"failed: {part}: {name}")

    def skipped(self, part, name, reason):
        self._part(part).skipped += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.log.write(f"skipped  {part}: {name} ({reason})")

    def counts(self):
        return sum(self.parts.values(), Counts())


@dataclass
class Suite:
    name: str
    title: str
    action: Callable  # (Results) -> None; may raise Unavailable
    results: Results = None

    def step(self):
        return Step(self.name, self.title, self._run)

    def _run(self, log):
        self.results = results = Results(log)
        try:
            self.action(results)
        except Unavailable as reason:
            results.unavailable, results.whole = str(reason), True
            log.note(f"skipped: {reason}")
            return Counts(skipped=1)
        except subprocess.TimeoutExpired as late:
            results.failed(self.name, "done in time", f"{late}\n{_words(late.stdout)}{_words(late.stderr)}")
            return results.counts()
        results.whole = True
        for reason, count in sorted(results.reasons.items(), key=lambda item: -item[1]):
            log.note(f"{count} skipped: {reason}")
        return results.counts()
