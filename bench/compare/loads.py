"""Loads: each puts work on a running server for a while and answers what it measured, as a dictionary with `per_s`."""

import csv
import io
import json
import subprocess
import tempfile
import time
from pathlib import Path

from servers import tool, unpack_redis

CALIBRATION_S = 0.7
REQUESTS_MAX = 4_000_000  # keeps what a run leaves in memory bounded


def pin(command, cores):
    return ["taskset", "-c", cores, *command] if cores else command


def redis_cli(server, *words):
    port = server.addresses["redis"].split(":")[1]
    return subprocess.run([unpack_redis() / "redis-cli", "-p", port, *words], capture_output=True, text=True, check=True).stdout


def redis_benchmark(server, cores, seconds, words, clients, pipeline, requests=0):
    """redis-benchmark with one command. Without a number of requests it calibrates how many fill the time."""
    port = server.addresses["redis"].split(":")[1]

    def run(count):
        command = [unpack_redis() / "redis-benchmark", "-p", port, "-c", str(clients), "-P", str(pipeline), "-n", str(count), "--csv", *words]
        done = subprocess.run(pin([str(word) for word in command], cores), capture_output=True, text=True, check=False)
        rows = [row for row in csv.reader(io.StringIO(done.stdout)) if len(row) >= 8 and row[1] != "rps"]
        if done.returncode != 0 or not rows:
            raise RuntimeError(f"redis-benchmark: {done.stdout[-500:]}{done.stderr[-500:]}")
        return rows[-1]

    if requests == 0:
        rate, sample = 0.0, 2000
        while True:
            began = time.monotonic()
            rate = float(run(sample)[1])
            if time.monotonic() - began > CALIBRATION_S:
                break
            sample *= 4
        requests = max(1000, min(REQUESTS_MAX, int(rate * seconds)))
    cpu = server.cpu_s()
    row = run(requests)
    return {
        "per_s": float(row[1]),
        "requests": requests,
        "latency_us": {"mean": float(row[2]) * 1000, "p50": float(row[4]) * 1000, "p99": float(row[6]) * 1000, "max": float(row[7]) * 1000},
        "server_cpu_s_per_million": (server.cpu_s() - cpu) * 1e6 / requests,
        "server_rss_bytes": server.rss_bytes(),
    }


def weir_load(server, protocol, cores, workload, **options):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        command = [str(tool("weir-load")), workload, "--connect", server.addresses[protocol], "--server-pid", str(server.process.pid), "--json", result.name, *words]
        done = subprocess.run(pin(command, cores), capture_output=True, text=True, check=False)
        text = Path(result.name).read_text()
        if done.returncode != 0 or not text:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-800:]}{done.stderr[-500:]}")
        measured = json.loads(text)
        return {"per_s": measured["messages_per_s"], **measured}


def flush_latency(folder):
    return json.loads(subprocess.run([tool("weir-flush"), folder, "1000"], capture_output=True, text=True, check=True).stdout)
