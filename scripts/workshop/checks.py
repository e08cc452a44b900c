"""Checks that look at the sources: house rules, formatting, clang-tidy."""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import time

from workshop import counts, sources
from workshop.counts import Counts
from workshop.sources import ROOT

TIDY_FILES_MAX = 30
TIDY_SECONDS_MAX = 360


def house(log):
    code, output = log.run([sys.executable, "tests/house/run"])
    return counts.of_counted_program(output, code)


def formatting(log, names=None):
    names = sources.hand_written_cpp() if names is None else names
    if not names:
        return Counts()
    code, output = log.run(["clang-format-19", "--dry-run", "--Werror", *names])
    bad = {line.split(":")[0] for line in output.splitlines() if "clang-format-violations" in line}
    if bad:
        log.note("`make format` mends: " + " ".join(sorted(bad)[:8]))
        return Counts(passed=len(names) - len(bad), failed=len(bad))
    return Counts(passed=len(names)) if code == 0 else Counts(failed=1)


def _compile_commands():
    """The development build's compiler commands, by source file relative to the root."""
    database = json.loads((ROOT / "build/dev/compile_commands.json").read_text())
    return {os.path.relpath(entry["file"], ROOT): entry for entry in database}


def headers_alone(log):
    """Compiles every header by itself, with the flags of a source of its folder (or of any other)."""
    commands = _compile_commands()
    of_folder = {os.path.dirname(name): entry for name, entry in commands.items()}
    fallback = next(iter(commands.values()))

    def look(name):
        entry = of_folder.get(os.path.dirname(name), fallback)
        words = shlex.split(entry["command"])
        flags = [word for word in words if word.startswith(("-I", "-D", "-std", "-m", "-isystem"))]
        command = ["clang++-19", *flags, "-fsyntax-only", "-Wno-pragma-once-outside-header", "-x", "c++", ROOT / name]
        return subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True, check=False)

    headers = [name for name in sources.cpp_files() if name.endswith(".h")]
    total = Counts()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(headers, pool.map(look, headers)):
            total += counts.of_exit(done.returncode)
            if done.returncode != 0:
                log.write(f"{name}: FAILED\n{done.stderr}")
                log.note(f"{name} does not compile by itself")
    return total


def tidy_changed(log):
    """The recently changed sources, newest first, within a bound of files and time; `make lint` looks at all."""
    changed = [name for name in sources.changed() if name.endswith((".cc", ".h"))]
    wanted = {name if name.endswith(".cc") else name[:-2] + ".cc" for name in changed}
    names = sorted(wanted, key=lambda name: -(ROOT / name).stat().st_mtime if (ROOT / name).exists() else 0)
    return tidy(log, names, TIDY_FILES_MAX, TIDY_SECONDS_MAX)


def tidy(log, names, files_max=None, seconds_max=None):
    """clang-tidy over those of the files that the development build compiles; one count a file."""
    compiled = _compile_commands()
    names = [name for name in names if name in compiled]
    chosen = names[:files_max]
    end = time.monotonic() + (seconds_max or float("inf"))
    late = []

    def look(name):
        if time.monotonic() > end:
            late.append(name)
            return None
        command = ["clang-tidy-19", "-p", "build/dev", "--quiet", "--warnings-as-errors=*", name]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    total = Counts()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(chosen, pool.map(look, chosen)):
            if done is None:
                continue
            total += counts.of_exit(done.returncode)
            log.write(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}")
            if done.returncode != 0:
                log.write(done.stdout + done.stderr)
                log.note(f"{name}: see the log")
    left = len(names) - len(chosen) + len(late)
    if left:
        log.note(f"looked at {len(names) - left} of {len(names)} changed files (make lint looks at all)")
    return total
