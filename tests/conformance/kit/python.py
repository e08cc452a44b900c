"""Python suites: environments of their own under build/conformance/python, source packages, and pytest's verdicts by test."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

from kit.fetched import TOP
from kit.skips import reason_of
from kit.suite import Unavailable

_INSTALL_S = 600
_OWN_MARK = "the suite's own mark: "


def _installer(results, command, cwd, what):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_S, check=False, stdin=subprocess.DEVNULL)
    results.log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise Unavailable(f"{what} cannot be had: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")


def environment(results, name, *requirements):
    """The folder of programs of an environment with these packages. Made once; later calls find it."""
    folder = TOP / "python" / name
    wanted = "\n".join((sys.version, *requirements))
    mark = folder / "requirements"
    if not mark.is_file() or mark.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _installer(results, [sys.executable, "-m", "venv", folder], folder, "a Python environment")
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _installer(results, [*pip, *requirements], folder, " ".join(requirements))
        mark.write_text(wanted)
    return folder / "bin"


def source(results, package, version):
    """The unpacked source package. Fetched once; what a run writes into it goes with the next fetch."""
    folder = TOP / "python" / f"{package}-source"
    tree = folder / f"{package}-{version}"
    if not tree.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _installer(results, [*pip, "--no-binary", package, f"{package}=={version}"], folder, f"{package}'s source")
        shutil.unpack_archive(next(folder.glob("*.tar.gz")), folder)
    return tree


def run_pytest(results, programs, folder, arguments, settings, skip_list, seconds, prefix=""):
    """Runs pytest in `folder` with `settings` as its environment and counts each test; a part is a file."""
    report = TOP / "python" / f"{results.log.name}.xml"
    report.unlink(missing_ok=True)
    command = [programs / "python", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-q", f"--junitxml={report}", *arguments]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    chosen = os.environ.get("TESTS", "").split()
    if chosen:
        command += ["-k", " or ".join(chosen)]
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=own | {"PYTHONDONTWRITEBYTECODE": "1"} | settings,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        output = done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        output = ""
        results.failed(results.log.name, "the suite ran to its end", f"not done within {seconds} s")
    results.log.write(output)
    if not report.is_file():
        raise AssertionError(f"pytest wrote no results:\n{output[-3000:]}")
    for (part, name), (verdict, words) in _verdicts(report).items():
        _count(results, prefix + part, name, verdict, words, skip_list)


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


def _count(results, part, name, verdict, words, skip_list):
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
