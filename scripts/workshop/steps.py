"""The pieces that test runs are made of: builds, ctest by label, fuzz corpora, sanitizers, `run` programs."""

import os
import xml.etree.ElementTree as ElementTree

from workshop import counts, sources
from workshop.counts import Counts
from workshop.runner import LOGS, Step
from workshop.sources import ROOT

SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def build(preset, title, targets=(), keep_going=True, refuse_warnings=False):
    """A step that builds a preset's targets (all of them by default)."""

    def action(log):
        command = ["scripts/build", preset, *(["-k", "0"] if keep_going else []), *targets]
        code, output = log.run(command, timeout_s=3000)
        warnings = output.count(" warning: ")
        if refuse_warnings and warnings:
            log.note(f"{warnings} compiler warnings")
            return Counts(failed=1)
        return counts.of_exit(code)

    return Step(preset, title, action, is_build=True)


def programs(log, preset, prefixes):
    """The programs of a preset (configured on the way) whose names start with one of the prefixes; None on an error."""
    code, _ = log.run(["scripts/build", preset, "build.ninja"], timeout_s=300)
    if code != 0:
        return None
    _, output = log.run(["ninja", "-C", f"build/{preset}", "-t", "targets", "all"])
    names = [line.split(":")[0] for line in output.splitlines() if "EXECUTABLE_LINKER" in line]
    return sorted(name for name in names if name.startswith(tuple(prefixes)))


def ctest(log, preset, selection, timeout_s=1500):
    """Runs the selected ctest entries and counts the cases inside them."""
    report = LOGS / f"{log.name}.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=ignore"]
    command += ["--parallel", str(os.cpu_count()), "--output-junit", report]
    command += ["--test-output-size-passed", "400000", "--test-output-size-failed", "400000", *selection]
    code, _ = log.run(command, timeout_s, env=SANITIZER_OPTIONS)
    if not report.exists():
        return Counts(failed=1) if code != 0 else Counts()
    total = Counts()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        status = case.get("status")
        if status in ("disabled", "notrun"):
            skipped = status == "disabled" or case.find("skipped") is not None
            total += Counts(skipped=1) if skipped else Counts(failed=1)
        else:
            output = case.findtext("system-out") or ""
            total += counts.of_test_program(output, 0 if status == "run" else 1)
    if code != 0 and total.failed == 0:
        total.failed = 1
    if total == Counts():
        log.note("there are none yet")
    return total


def labelled(label, title, needs=("dev",)):
    """A step that runs the ctest entries with this label."""
    return Step(label, title, lambda log: ctest(log, "dev", ["-L", f"^{label}$"]), needs)


def build_and_test(log, preset, prefixes, timeout_s=2400):
    """Builds the unit programs whose names start with one of the prefixes, and runs them."""
    names = programs(log, preset, prefixes)
    if names is None:
        return Counts(failed=1)
    if not names:
        log.note("there are none yet")
        return Counts()
    code, _ = log.run(["scripts/build", preset, "-k", "0", *names], timeout_s)
    if code != 0:
        return Counts(failed=1)
    return ctest(log, preset, ["-R", f"^({'|'.join(names)})$"], timeout_s)


def sanitized(preset, title, prefixes):
    """A step that builds unit programs under a sanitizer preset and runs them."""
    return Step(preset, title, lambda log: build_and_test(log, preset, prefixes))


def fuzz_targets(only=""):
    names = [name for name in sources.files() if name.startswith("tests/fuzz/") and name.endswith("_fuzz.cc")]
    names = [os.path.basename(name).removesuffix("_fuzz.cc") for name in names]
    return [name for name in names if not only or name in only.split(",")]


def fuzz_corpora(name, title):
    """A step that runs each fuzz target once over every file of its corpus."""

    def action(log):
        targets = fuzz_targets()
        if not targets:
            log.note("there are none yet")
            return Counts()
        code, _ = log.run(["scripts/build", "fuzz", *(f"fuzz_{target}" for target in targets)], timeout_s=2400)
        if code != 0:
            return Counts(failed=1)
        total = Counts()
        for target in targets:
            corpus = ROOT / "tests/fuzz/corpus" / target
            command = [f"build/fuzz/fuzz_{target}", "-runs=0", "-rss_limit_mb=1024", "-timeout=10", corpus]
            code, _ = log.run(command, timeout_s=300, env=SANITIZER_OPTIONS)
            if code != 0:
                log.note(f"fuzz_{target} failed")
            total += counts.of_exit(code)
        return total

    return Step(name, title, action)


def counted_program(path, title, arguments=(), needs=("dev", "release"), name=None, timeout_s=1500):
    """A step for a program that ends with a line of counts, or None when the repository has no such program (yet)."""
    if not os.access(ROOT / path, os.X_OK):
        return None

    def action(log):
        code, output = log.run([path, *arguments], timeout_s)
        return counts.of_counted_program(output, code)

    return Step(name or path.split("/")[-2], title, action, needs)
