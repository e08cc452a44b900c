"""Python suites: environments of their own under build/conformance/python, source packages, and pytest's verdicts by test."""

import os
import shutil
import subprocess
import sys

from kit import junit
from kit.fetched import TOP
from kit.suite import Unavailable

_INSTALL_S = 600


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
    junit.count(results, report, skip_list, prefix)
