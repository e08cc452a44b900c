"""A real PostgreSQL for a suite: the one that scripts/postgres finds or unpacks, with data of its own, run as an ordinary user."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from kit.suite import Unavailable
from workshop.sources import ROOT

_START_S = "60"
_STATEMENT_S = 120
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "wal_level=logical",
    "max_replication_slots=20",
    "max_wal_senders=20",
    "fsync=off",
    "timezone=UTC",
    "autovacuum=off",
    "jit=off",
)


def _programs():
    done = subprocess.run([ROOT / "scripts/postgres"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().splitlines()[-1])
    return Path(done.stdout.strip())


class Postgres:
    """Use with `with`. The user is `weir` with every right and no password."""

    def __init__(self):
        self.programs = _programs()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._folder = tempfile.mkdtemp(prefix="weir-postgres-")
        self._as = []
        if os.geteuid() == 0:  # initdb refuses root
            nobody = pwd.getpwnam("nobody")
            self._as = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)

    def _run(self, program, *words):
        command = [*self._as, str(self.programs / program), *words]
        done = subprocess.run(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{program} ended with {done.returncode}:\n{done.stdout}\n{self.log()}")

    def __enter__(self):
        self._run("initdb", "-D", "data", "-U", "weir", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync")
        settings = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={self.port}", f"unix_socket_directories={self._folder}"))
        subprocess.run(
            [*self._as, str(self.programs / "pg_ctl"), "-D", "data", "-l", "log", "-w", "-t", _START_S, "-o", settings, "start"],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
        )
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self):
        path = Path(self._folder) / "log"
        return path.read_text(encoding="utf-8", errors="replace")[-4000:] if path.exists() else ""

    def sql(self, statements, *options):
        """What psql prints for them, unaligned and without headers; a mistake is an error."""
        command = [str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *options, "-h", "127.0.0.1", "-p", str(self.port), "-U", "weir", "-d", "postgres", "-f", "-"]
        done = subprocess.run(command, input=statements, capture_output=True, text=True, timeout=_STATEMENT_S, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{done.stderr}\n{statements[:2000]}")
        return done.stdout
