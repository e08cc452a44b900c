"""Runs named steps one after the other, keeps what they print in build/test-logs and sums up what they counted."""

import fnmatch
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

from workshop.counts import Counts
from workshop.sources import ROOT

LOGS = ROOT / "build" / "test-logs"
_HEARTBEAT_S = 30
_POLITE_S = 15  # to end after SIGTERM, before SIGKILL
_SHOWN_ON_FAILURE = 60  # lines of a failed step's log
_ERROR = re.compile(r"\bFAILED\b|\berror:|warning:|\bERROR\b|\*\*\*Failed")


@dataclass(frozen=True)
class Step:
    name: str
    title: str
    action: Callable  # (Log) -> Counts; what it could not find to run counts as nothing
    needs: tuple = ()  # names of steps that must have passed; they run first
    is_build: bool = False  # a build counts only when it fails


class Interrupted(Exception):
    pass


def _environment():
    """Ours without make's: a choice of steps (ONLY) is not a choice of test cases for the programs that steps run."""
    return {name: value for name, value in os.environ.items() if name not in ("ONLY", "MAKEFLAGS", "MFLAGS")}


def _end(process):
    """Ends a command and what it started: first politely, since ninja and brokers end their own children only then."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_POLITE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Log:
    """One step's log: commands append to it; a note is printed with the step's result."""

    name: str
    notes: list = field(default_factory=list)

    def __post_init__(self):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f"{self.name}.log"
        self.path.write_text("")

    def write(self, text):
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")

    def note(self, text):
        self.notes.append(text)

    def run(self, command, timeout_s=1500, env=None):
        """Runs a command; returns (exit code, its output). Past its time it is ended, with what it started."""
        command = [str(part) for part in command]
        self.write("$ " + " ".join(command))
        start = self.path.stat().st_size
        with open(self.path, "ab") as stream:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**_environment(), **(env or {})},
                start_new_session=True,
            )
            code = self._wait(process, timeout_s)
        with open(self.path, encoding="utf-8", errors="replace") as stream:
            stream.seek(start)
            output = stream.read()
        if code is None:
            self.write(f"ended after {timeout_s} s")
            self.note(f"ended after {timeout_s} s")
            return 124, output
        return code, output

    def _wait(self, process, timeout_s):
        """The exit code, or None when the time was up. Says every half minute that it is still there."""
        end = time.monotonic() + timeout_s
        try:
            while time.monotonic() < end:
                try:
                    return process.wait(min(_HEARTBEAT_S, max(0.1, end - time.monotonic())))
                except subprocess.TimeoutExpired:
                    print(f"    … {self._last_line()}", flush=True)
            return None
        finally:
            if process.poll() is None:
                _end(process)

    def _last_line(self):
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1][:100] if lines else ""

    def tail(self):
        """The part worth showing when the step failed: from the first error on, or else the end."""
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        last = max(0, len(lines) - _SHOWN_ON_FAILURE)
        first = next((i for i, line in enumerate(lines) if _ERROR.search(line)), last)
        return lines[first : first + _SHOWN_ON_FAILURE]


def select(steps, only):
    """The steps whose names match (shell patterns, commas between them), and before them what they need."""
    if not only:
        return steps
    patterns = [pattern.strip() for pattern in only.split(",") if pattern.strip()]
    by_name = {step.name: step for step in steps}
    wanted = set()

    def add(name):
        if name in by_name and name not in wanted:
            wanted.add(name)
            for need in by_name[name].needs:
                add(need)

    for pattern in patterns:
        matching = fnmatch.filter(by_name, pattern)
        if not matching:
            sys.exit(f"no step named {pattern}; there are: {', '.join(by_name)}")
        for name in matching:
            add(name)
    return [step for step in steps if step.name in wanted]


def _run_step(step, broken):
    log = Log(step.name)
    print(f"== {step.name}: {step.title}", flush=True)
    start = time.monotonic()
    blockers = [need for need in step.needs if need in broken]
    if blockers:
        counts = Counts(skipped=1)
        log.note(f"not run, because {', '.join(blockers)} failed")
    else:
        counts = step.action(log)
        if step.is_build and counts.failed == 0:
            counts = Counts()
    seconds = time.monotonic() - start
    for note in log.notes:
        print(f"    {note}")
    if counts.failed:
        print("\n".join(f"    | {line}" for line in log.tail()))
        print(f"    whole log: {log.path.relative_to(ROOT)}")
    result = "FAILED" if counts.failed else "not run" if blockers else "ok"
    print(f"   {result} in {seconds:.1f} s" + ("" if step.is_build else f": {counts}"), flush=True)
    return counts


def run(steps, only="", nothing_is_failure=True):
    """Runs the steps and prints the sum as the last line. Returns the exit code."""
    if only == "list":
        print("\n".join(f"{step.name:12} {step.title}" for step in steps))
        return 0

    def stop(*_):
        raise Interrupted

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    start = time.monotonic()
    total, broken = Counts(), []
    for step in select(steps, only):
        try:
            counts = _run_step(step, broken)
        except Interrupted:
            print("   interrupted")
            counts = Counts(failed=1)
            broken.append(step.name)
            total += counts
            break
        total += counts
        if counts.failed:
            broken.append(step.name)
    print(f"\n{time.monotonic() - start:.0f} s" + (f"; failed: {', '.join(broken)}" if broken else ""))
    if total.passed + total.failed == 0:
        print("nothing was run")
    print(total, flush=True)
    return 1 if total.failed or (nothing_is_failure and total.passed == 0) else 0
