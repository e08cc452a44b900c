"""Checked-in generated code is what its generator makes today.

tests/house/generated.txt names the generators, one command a line; called with --check added, each compares what it would
write with what is there and exits with an error that names the stale file.
"""

import shlex
import subprocess


def check(tree):
    if "tests/house/generated.txt" not in tree.files:
        return
    for line in tree.text("tests/house/generated.txt").splitlines():
        command = shlex.split(line, comments=True)
        if command:
            done = subprocess.run([*command, "--check"], cwd=tree.root, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                yield f"{line.strip()}: {(done.stdout + done.stderr).strip()[-400:]}"
