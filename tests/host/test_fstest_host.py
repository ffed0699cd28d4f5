"""fstest on this machine's file system: it passes there, and finds a C library that does wrong."""

import os
import re
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build" / "host"
# What faulty_fstest knows, and how few operations are enough to show it.
FAULTS = {"lost-tail": 8, "wrong-bit": 6, "no-append": 6, "no-truncate": 4, "not-only-new": 4,
          "garbage": 5, "seek-end": 5, "unlink-empties": 8, "name-twice": 3, "old-name-stays": 4,
          "wrong-error": 4, "sync-fails": 4}


def fstest(directory, *arguments, program="host_fstest", status=0, **environment):
    done = subprocess.run([BUILD / program, "--dir", directory, *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment})
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", range(1, 9))
def test_random(seed, tmp_path):
    big = ["--big"] if seed % 2 else []
    said = fstest(tmp_path, "--seed", seed, "--ops", 10000, *big)
    done = int(re.fullmatch(rf"random: ok: seed {seed}, 10000 operations, (\d+) succeeded\n",
                            said)[1])
    assert done > 1000 and not os.listdir(tmp_path)


def test_groups(tmp_path):
    lines = fstest(tmp_path, "storm", "holes", "names", "shared", "--workers", 3).splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        [name, " ok"] for name in ("storm", "holes", "names", "shared")]
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found_and_shrunk(fault, tmp_path):
    said = fstest(tmp_path, "--seed", 1, "--ops", 20000, "--shrink", program="faulty_fstest",
                  status=1, FSTEST_FAULT=fault)
    again = re.search(r"^again: fstest --dir \S+ --seed 1 --only (\S+)$", said, re.MULTILINE)
    assert again, said
    numbers = again[1].replace("-", ",").split(",")
    assert len(numbers) <= FAULTS[fault], said
    # The few that are left are enough for the fault, and no fault of the system's own.
    repeat = fstest(tmp_path, "--seed", 1, "--only", again[1], program="faulty_fstest", status=1,
                    FSTEST_FAULT=fault)
    reason = re.search(r"^random: FAILED: (.*)$", said, re.MULTILINE)[1]
    assert f"random: FAILED: {reason}\n" in repeat
    assert "ok" in fstest(tmp_path, "--seed", 1, "--only", again[1])


def test_without_a_fault_the_faulty_one_passes(tmp_path):
    assert "ok" in fstest(tmp_path, "--ops", 3000, program="faulty_fstest")


@pytest.mark.parametrize("fault, group", [("sync-fails", "holes"), ("name-twice", "names"),
                                          ("no-append", "shared"), ("unlink-empties", "random")])
def test_groups_fail_too(fault, group, tmp_path):
    said = fstest(tmp_path, group, program="faulty_fstest", status=1, FSTEST_FAULT=fault)
    assert f"{group}: FAILED" in said or f"{group}: operation" in said


def test_full_needs_a_small_disk(tmp_path):
    """On a disk without limits it says so, instead of passing."""
    limit = os.statvfs(tmp_path)
    if limit.f_bavail * limit.f_frsize < 2 << 30:
        pytest.skip("this disk is nearly full")
    assert "full: FAILED: neither" in fstest(tmp_path, "full", status=1)


@pytest.mark.parametrize("arguments", [["--seed", "x"], ["nonsense"], ["--ops"], ["--workers", "0"]])
def test_usage(arguments, tmp_path):
    fstest(tmp_path, *arguments, status=2)


def test_only_is_parsed(tmp_path):
    for wrong in ("3-", "x", "5-3", "1,,2", "1;2", "99999999999999999999"):
        fstest(tmp_path, "--only", wrong, status=1)
    assert "4 operations" in fstest(tmp_path, "--only", "1,5-7")


def test_promises(tmp_path):
    """The last word of the journal on each file is true."""
    fstest(tmp_path, "--ops", 200, "--seed", 3, "promises")
    lines = (tmp_path / "promises/journal").read_bytes()
    assert len(lines) % 512 == 0
    last = {}
    for number, line in enumerate(lines.decode().split("\n")[:-1]):
        words = line.split()
        assert words[:2] == ["promise", str(number)]
        last[words[3]] = words[4:]
    kept = {name: rest for name, rest in last.items() if rest}
    assert len(kept) > 5
    for name, (size, digest) in kept.items():
        path = tmp_path / "promises" / name
        done = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
        assert path.stat().st_size == int(size) and done.stdout.split()[0] == digest
