"""Servers that speak SQS, each fetched once into build/peers from its own registry. None of them stores anything on the disk."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request

from servers import PEERS, TOP, Server, free_port

INSTALL_S = 600
READY_S = 60
ELASTICMQ, FAUXQS, MOTO = "1.6.12", "2.4.1", "5.2.5"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir.bench</groupId>
  <artifactId>elasticmq</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.elasticmq</groupId>
      <artifactId>elasticmq-server_2.13</artifactId>
      <version>{ELASTICMQ}</version>
    </dependency>
  </dependencies>
</project>
"""
_ELASTICMQ_SETTINGS = """include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
"""


class Absent(Exception):
    """The peer cannot be had here; the comparison goes on without it."""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Absent(f"this needs {program}")


def install(command, folder, environment=None):
    try:
        done = subprocess.run([str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Absent(f"not installed within {INSTALL_S} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise Absent(f"cannot be installed: {said[-1][:200]}")


def folder_of(name):
    folder = PEERS / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Peer(Server):
    durability = "memory"

    def launch(self, port, command, environment=None):
        self.command = [str(word) for word in (["taskset", "-c", self.cores, *command] if self.cores else command)]
        self.process = subprocess.Popen(self.command, env=os.environ | (environment or {}), stdout=self.log, stderr=self.log, cwd=self.folder)
        self.addresses = {"aws": f"127.0.0.1:{port}"}
        self.wait_until(lambda: speaks_http(port), READY_S)


def speaks_http(port):
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/?Action=ListQueues", timeout=5).close()
    except urllib.error.HTTPError:
        pass
    except OSError:
        return False
    return True


class ElasticMq(Peer):
    name = f"ElasticMQ {ELASTICMQ}"

    def __init__(self, folder, cores=""):
        need("java", "mvn")
        home = folder_of("elasticmq")
        if not (home / "installed").exists():
            (home / "pom.xml").write_text(_POM)
            plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
            install(["mvn", "-q", "-B", f"-Dmaven.repo.local={home}/repository", plugin, "-DincludeScope=runtime", "-DoutputDirectory=lib"], home)
            (home / "installed").touch()
        super().__init__(folder, cores)
        port = free_port()
        settings = self.folder / "elasticmq.conf"
        settings.write_text(_ELASTICMQ_SETTINGS.format(port=port))
        self.launch(port, ["java", "-Xmx4g", f"-Dconfig.file={settings}", "-cp", f"{home}/lib/*", "org.elasticmq.server.Main"])


class Fauxqs(Peer):
    name = f"fauxqs {FAUXQS}"

    def __init__(self, folder, cores=""):
        need("npm")
        node = subprocess.run([TOP / "scripts/node"], capture_output=True, text=True, check=False).stdout.strip()
        if not node:
            raise Absent("this needs Node.js 22")
        home = folder_of("fauxqs")
        if not (home / "installed").exists():
            environment = os.environ | {"PATH": f"{os.path.dirname(node)}:{os.environ['PATH']}"}
            install(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefix", home, f"fauxqs@{FAUXQS}"], home, environment)
            (home / "installed").touch()
        super().__init__(folder, cores)
        port = free_port()
        self.launch(port, [node, home / "node_modules/fauxqs/dist/cli.js"], {"FAUXQS_PORT": str(port), "FAUXQS_LOGGER": "false"})


# moto's own server ends each connection after one answer, which the load generator does not take.
_MOTO_UNDER_WAITRESS = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from waitress import serve
serve(DomainDispatcherApplication(create_backend_app), host="127.0.0.1", port=int(sys.argv[1]), threads=16)
"""


class Moto(Peer):
    name = f"moto {MOTO}"

    def __init__(self, folder, cores=""):
        home = folder_of("moto")
        if not (home / "installed").exists():
            install([sys.executable, "-m", "venv", home], home)
            install([home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"moto[server]=={MOTO}", "waitress==3.0.2"], home)
            (home / "installed").touch()
        super().__init__(folder, cores)
        port = free_port()
        self.launch(port, [home / "bin/python", "-c", _MOTO_UNDER_WAITRESS, str(port)])


PEER_KINDS = (ElasticMq, Fauxqs, Moto)
