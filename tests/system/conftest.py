"""What whole-machine tests share: booting through tools/run, and disks to boot with."""

import os
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTOR = 512
# The machine's own limit; the harness allows the launcher some seconds more to end by itself.
BOOT_TIMEOUT = 120
GRACE = 30


@dataclass
class Result:
    """How a machine ended."""

    status: int
    output: str
    errors: str

    def lines(self, prefix):
        return [line for line in self.output.splitlines() if line.startswith(prefix)]

    def __str__(self):
        return f"status {self.status}\n--- output\n{self.output}\n--- errors\n{self.errors}"


def launch(*arguments, timeout=BOOT_TIMEOUT, text_input="", root=ROOT):
    """tools/run with these arguments, bounded in time; root is the tree whose system boots."""
    command = [str(root / "tools" / "run"), "--timeout", str(timeout), *map(str, arguments)]
    done = subprocess.run(command, input=text_input.encode(), capture_output=True,
                          timeout=timeout + GRACE, check=False)
    return Result(done.returncode, done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"))


def converse(*turns, arguments=(), timeout=BOOT_TIMEOUT, root=ROOT):
    """An interactive session: for each (text, answer[, pause]) waits until the console shows the
    text, and that many seconds more, then types the answer."""
    command = [str(root / "tools" / "run"), "--timeout", str(timeout), *map(str, arguments)]
    shown, looked_at = b"", 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as machine:
        for text, answer, *pause in turns:
            while text.encode() not in shown[looked_at:]:
                data = os.read(machine.stdout.fileno(), 65536)
                if not data:
                    break
                shown += data.replace(b"\r", b"")
            looked_at = len(shown)
            time.sleep(sum(pause))
            machine.stdin.write(answer.encode())
            machine.stdin.flush()
        shown += machine.stdout.read()
    return Result(machine.returncode, shown.decode(errors="replace").replace("\r", ""), "")


@pytest.fixture(name="boot")
def fixture_boot():
    """boot(commands, options...) runs the commands; launch's keywords are possible."""
    def boot(commands, *arguments, **options):
        return launch("-e", commands, *arguments, **options)
    return boot


@pytest.fixture(name="passes")
def fixture_passes(boot):
    """Like boot, and the commands must succeed."""
    def passes(commands, *arguments, **options):
        result = boot(commands, *arguments, **options)
        assert result.status == 0, str(result)
        return result
    return passes


@pytest.fixture(name="blank_disk")
def fixture_blank_disk(tmp_path):
    """blank_disk(bytes) makes a sparse image without a partition table."""
    count = 0

    def make(size):
        nonlocal count
        count += 1
        path = tmp_path / f"blank{count}.img"
        with open(path, "wb") as image:
            image.truncate(size)
        return path
    return make


@pytest.fixture(name="random_disk")
def fixture_random_disk(tmp_path):
    """random_disk(sectors, seed) makes an image with noise in it, and no partition table."""
    def make(sectors, seed=1):
        path = tmp_path / f"random{seed}.img"
        noise = bytearray(random.Random(seed).randbytes(sectors * SECTOR))
        noise[510:512] = b"\0\0"
        path.write_bytes(noise)
        return path
    return make
