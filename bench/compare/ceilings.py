"""What this machine can do at most, measured beside the servers: bytes a second through a loopback connection and off the disk."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

_CHUNK = 2**20
_EXTENT = "1m"
_DEPTH = 8


def loopback_bytes_per_s(seconds=2):
    """One connection, from memory into memory."""
    listener = socket.create_server(("127.0.0.1", 0))
    until = time.monotonic() + seconds

    def send():
        block = bytes(_CHUNK)
        with socket.create_connection(listener.getsockname()) as out:
            while time.monotonic() < until:
                out.sendall(block)

    sender = threading.Thread(target=send)
    sender.start()
    began, received, into = time.monotonic(), 0, bytearray(_CHUNK)
    with listener.accept()[0] as reader:
        while count := reader.recv_into(into):
            received += count
    took = time.monotonic() - began
    sender.join()
    listener.close()
    return received / took


def disk_bytes_per_s(folder):
    """Reads of 1 MiB in order, eight at a time, past the page cache; None without fio."""
    if not shutil.which("fio"):
        return None
    file = Path(folder) / "fio.data"
    options = ["--name=read", f"--filename={file}", "--size=1g", f"--bs={_EXTENT}", f"--iodepth={_DEPTH}", "--ioengine=libaio", "--direct=1", "--rw=read", "--output-format=json"]
    done = subprocess.run(["fio", *options], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    file.unlink()
    return json.loads(done.stdout)["jobs"][0]["read"]["bw_bytes"]


def forget_pages(folder):
    """Lets the page cache forget all files below `folder`."""
    os.sync()
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
