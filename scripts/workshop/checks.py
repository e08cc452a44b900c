"""Checks that look at the sources: house rules, formatting, clang-tidy."""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

from workshop import counts, sources
from workshop.counts import Counts
from workshop.sources import ROOT

TIDY_FILES_MAX = 40
TIDY_SECONDS_MAX = 150
_TIDY_PASSED = ROOT / "build" / "tidy-passed"


def house(log):
    code, output = log.run([sys.executable, "tests/house/run"])
    return counts.of_counted_program(output, code)


def formatting(log, names=None):
    names = sources.hand_written_cpp() if names is None else names
    if not names:
        return Counts()
    command = ["clang-format-19", "--dry-run", "--Werror", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "clang-format-violations" in line})
    if bad:
        log.write("\n".join(["`make format` mends:", *bad]))
        return Counts(passed=len(names) - len(bad), failed=len(bad))
    if done.returncode != 0:
        log.write(done.stderr)
        return Counts(failed=1)
    return Counts(passed=len(names))


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
    """The recently changed sources of the product, within a bound of files and time; `make lint` looks at all files."""
    changed = [name for name in sources.changed() if name.startswith("src/") and name.endswith((".cc", ".h"))]
    wanted = {name if name.endswith(".cc") else name[:-2] + ".cc" for name in changed}
    names = sorted(wanted, key=lambda name: -(ROOT / name).stat().st_mtime if (ROOT / name).exists() else 0)
    return tidy(log, names, TIDY_FILES_MAX, TIDY_SECONDS_MAX)


def _repository_inputs():
    """What each object of the development build was made from, as far as it lies in the repository (from ninja's log)."""
    command = ["ninja", "-C", "build/dev", "-t", "deps"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    inputs, current = {}, []
    for line in output.splitlines():
        if line.startswith("    "):
            path = os.path.normpath(ROOT / "build/dev" / line.strip())
            if path.startswith(f"{ROOT}/"):
                current.append(path)
        elif line:
            current = inputs.setdefault(line.split(":")[0], [])
    return {os.path.normpath(ROOT / "build/dev" / name): sorted(paths) for name, paths in inputs.items()}


def _fingerprint(paths):
    """A hash over the rules and the text of these files: clang-tidy says the same as long as it stays."""
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for path in paths:
        with open(path, "rb") as stream:
            digest.update(path.encode() + stream.read())
    return digest.hexdigest()


def _database_without_precompiled_headers(commands):
    """The folder of a compilation database for clang-tidy, which finds nothing in a header that comes precompiled."""
    folder = ROOT / "build" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    precompiled = re.compile(r"-Winvalid-pch |(-Xclang -include(-pch)? -Xclang \S*cmake_pch\S* )")
    entries = [entry | {"command": precompiled.sub("", entry["command"])} for entry in commands.values()]
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    return folder


class _Tidy:
    """clang-tidy of one file after the other until the time is up; what passed once is not looked at again."""

    def __init__(self, seconds_max):
        self._commands = _compile_commands()
        self._database = _database_without_precompiled_headers(self._commands)
        self._inputs = _repository_inputs()
        self._end = time.monotonic() + (seconds_max or float("inf"))
        _TIDY_PASSED.mkdir(parents=True, exist_ok=True)

    def compiles(self, name):
        return name in self._commands and not sources.is_generated(name)

    def look(self, name):
        """(exit code, findings), or None when there was no time left."""
        entry = self._commands[name]
        output = re.search(r" -o (\S+) -c ", entry["command"])
        inputs = output and self._inputs.get(os.path.join(entry["directory"], output.group(1)))
        mark = _TIDY_PASSED / _fingerprint(inputs) if inputs else None
        if mark and mark.exists():
            return 0, ""
        if time.monotonic() > self._end:
            return None
        command = ["clang-tidy-19", "-p", self._database, "--quiet", "--warnings-as-errors=*", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if mark and done.returncode == 0:
            mark.touch()
        return done.returncode, done.stdout or done.stderr


def tidy(log, names, files_max=None, seconds_max=None):
    """clang-tidy over those of the files that the development build compiles; one count a file."""
    tool = _Tidy(seconds_max)
    names = [name for name in names if tool.compiles(name)]
    total, seen = Counts(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        chosen = names[:files_max]
        for name, result in zip(chosen, pool.map(tool.look, chosen)):
            if result is None:
                continue
            code, findings = result
            seen += 1
            total += counts.of_exit(code)
            if code != 0:
                log.write(f"{name}: FAILED\n{findings}")
                log.note(f"clang-tidy: {name}")
    if seen < len(names):
        log.note(f"looked at {seen} of {len(names)} changed files (make lint looks at all)")
    return total
