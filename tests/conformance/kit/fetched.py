"""Where suites come from: a checkout that the caller names, or a Debian source package, under build/conformance."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker import Broker
from kit.suite import Unavailable
from workshop.sources import ROOT

TOP = ROOT / "build" / "conformance"
_ROOM_BYTES = 2 << 30
_FILE_BYTES = 8 << 20
_SYSTEM_LISTS = Path("/etc/apt")


def fast_broker(*options, **arguments):
    """A broker whose data lies in memory where there is room: a suite asks for replies, not for a disk's speed."""
    if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > _ROOM_BYTES:
        tempfile.tempdir = "/dev/shm"
    arguments.setdefault("environment", {}).setdefault("WEIR_STORAGE_FILE_BYTES", str(_FILE_BYTES))
    return Broker(*options, **arguments)


def checkout(name):
    """The folder that SUITE_<NAME> names, or None when it is not set."""
    variable = "SUITE_" + re.sub(r"\W", "_", name).upper()
    path = os.environ.get(variable)
    if not path:
        return None
    if not Path(path).is_dir():
        raise Unavailable(f"{variable} names no folder")
    return Path(path).resolve()


def _source_lists(folder):
    """The system's package lists, asked for sources instead of programs."""
    parts = folder / "lists"
    parts.mkdir(parents=True, exist_ok=True)
    for path in (*_SYSTEM_LISTS.glob("sources.list.d/*.sources"), *_SYSTEM_LISTS.glob("sources.list.d/*.list"), _SYSTEM_LISTS / "sources.list"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE)
            (parts / path.name.replace("sources.list", "main.list")).write_text(re.sub(r"^deb ", "deb-src ", text, flags=re.MULTILINE))
    return parts


def _lists_of_suite(folder, suite):
    """The same for another suite of the distribution: at the first place that the system's lists name."""
    parts = folder / "lists"
    parts.mkdir(parents=True, exist_ok=True)
    for path in sorted(_SYSTEM_LISTS.glob("sources.list.d/*.sources")):
        text = path.read_text(encoding="utf-8")
        place = re.search(r"^URIs: *(\S+)", text, re.MULTILINE)
        key = re.search(r"^Signed-By:.*$", text, re.MULTILINE)
        if place:
            stanza = f"Types: deb-src\nURIs: {place.group(1)}\nSuites: {suite}\nComponents: main\n{key.group(0) if key else ''}\n"
            (parts / "suite.sources").write_text(stanza, encoding="utf-8")
            return parts
    raise Unavailable("the system's package lists name no place")


def _apt(folder, suite=None):
    """apt-get with lists and a cache of its own, so that the system's stay as they are."""
    for name in ("state/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": _lists_of_suite(folder, suite) if suite else _source_lists(folder),
        "Dir::State::Lists": folder / "state",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    return ["apt-get", "-qq", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]


def debian_source(package, log, suite=None):
    """The unpacked source of a Debian package, of this release or of another suite. Fetched once; later calls find it."""
    folder = TOP / (f"{package}-{suite}" if suite else package)
    tree = folder / "source"
    if (tree / "debian").is_dir():
        return tree
    if not shutil.which("apt-get") or not shutil.which("dpkg-source"):
        raise Unavailable("this needs apt-get and dpkg-source")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    apt = _apt(TOP / (f"apt-{suite}" if suite else "apt"), suite)

    def step(command):
        done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"Debian's source of {package} cannot be fetched: {(done.stderr.strip() or 'no reason').splitlines()[-1]}")

    step([*apt, "update"])
    step([*apt, "source", "--download-only", package])
    step(["dpkg-source", "--no-check", "-x", next(folder.glob("*.dsc")), tree])
    return tree


def debian_version(tree):
    """The upstream version of an unpacked Debian source."""
    first = (tree / "debian/changelog").read_text(encoding="utf-8").splitlines()[0]
    return re.search(r"\((?:\d+:)?([^)-]+)", first).group(1)
