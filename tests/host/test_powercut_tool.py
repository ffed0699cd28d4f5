"""tests/powercut: a log made by hand passes, and each way to lose what was promised is found."""

import hashlib
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "powercut"
sys.path.insert(0, str(TOOL))

import blklog  # noqa: E402
import replay  # noqa: E402

LINES = 12
FLUSH = blklog.Entry(0, 0, b"", blklog.FLUSH)


def debugfs(image, *requests):
    subprocess.run(["debugfs", "-w", "-f", "-", image], input="\n".join(requests), text=True,
                   capture_output=True, check=True)


def differences(old, new):
    """The writes that make one image the other."""
    entries = []
    for at in range(0, len(new), blklog.UNIT):
        piece = new[at:at + blklog.UNIT]
        if old[at:at + blklog.UNIT] == piece:
            continue
        last = entries[-1] if entries else None
        if last and last.offset + last.length == at:
            entries[-1] = last._replace(length=last.length + blklog.UNIT, data=last.data + piece)
        else:
            entries.append(blklog.Entry(at, blklog.UNIT, piece, 0))
    return entries


class Recording:
    """A run of promises, made with debugfs: what each step writes."""

    def __init__(self, folder):
        self.folder, self.rand = folder, random.Random(1)
        self.start = folder / "start.img"
        subprocess.run(["mke2fs", "-q", "-t", "ext2", "-b", "1024", self.start, "4M"], check=True)
        (folder / "blank").write_bytes(b"-" * (LINES * 512))
        debugfs(self.start, "mkdir promises", "cd promises", f"write {folder / 'blank'} journal")
        self.steps = []  # (writes of the file, writes of the line)
        image = bytearray(self.start.read_bytes())
        for number in range(LINES):
            self.steps.append(self.step(image, number))

    def line_at(self, image):
        """Where the journal's next line is, on the disk."""
        work = self.folder / "work.img"
        work.write_bytes(image)
        done = subprocess.run(["debugfs", "-R", "blocks /promises/journal", work], text=True,
                              capture_output=True, check=True)
        return [int(block) * 1024 for block in done.stdout.split()]

    def step(self, image, number):
        data = self.rand.randbytes(self.rand.randrange(1, 20000))
        (self.folder / "data").write_bytes(data)
        work = self.folder / "work.img"
        work.write_bytes(image)
        debugfs(work, "cd promises", f"write {self.folder / 'data'} file-{number}")
        after = work.read_bytes()
        text = f"promise {number} keep file-{number} {len(data)} {hashlib.sha256(data).hexdigest()}"
        line = text.ljust(511).encode() + b"\n"
        at = self.line_at(image)[number // 2] + number % 2 * 512
        writes = differences(image, after)
        image[:] = after
        image[at:at + 512] = line
        return writes, [blklog.Entry(at, 512, line, 0)]

    def log(self, change=lambda number, file, line: file + [FLUSH] + line + [FLUSH]):
        path = self.folder / "log"
        blklog.write_log(path, [entry for number, (file, line) in enumerate(self.steps)
                                for entry in change(number, file, line)])
        return path


@pytest.fixture(name="recording", scope="module")
def fixture_recording(tmp_path_factory):
    return Recording(tmp_path_factory.mktemp("powercut"))


def test_good_log(recording):
    looked, files = replay.replay(recording.start, recording.log(), points=15)
    assert looked == 4 * LINES + 15 and files == LINES


@pytest.mark.parametrize("sector", [512, 4096])
def test_log_format(recording, sector, tmp_path):
    entries = [blklog.Entry(512, 1024, bytes(range(256)) * 4, 0), FLUSH,
               blklog.Entry(4096, 8192, b"", blklog.DISCARD),
               blklog.Entry(0, 512, b"x" * 512, blklog.FUA)]
    blklog.write_log(tmp_path / "log", entries, sector)
    assert blklog.read_log(tmp_path / "log") == entries
    raw = (tmp_path / "log").read_bytes()
    for wrong in (b"", raw[:100], b"x" + raw[1:], raw[:-sector], raw[:8] + b"\2" + raw[9:],
                  raw[:24] + struct.pack("<I", 3) + raw[28:]):
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(blklog.LogError):
            blklog.read_log(tmp_path / "wrong")
    beyond = [blklog.Entry(4 << 20, 512, bytes(512), 0), FLUSH]
    blklog.write_log(tmp_path / "log", beyond)
    with pytest.raises(blklog.LogError):
        replay.replay(recording.start, tmp_path / "log")


BAD = {
    # No flush behind the file, so that its line may come alone.
    "file not flushed": lambda number, file, line: file + line + [FLUSH],
    "nothing flushed": lambda number, file, line: file + line,
    # A write that never came.
    "write lost": lambda number, file, line:
        (file if number != 5 else file[:-1]) + [FLUSH] + line + [FLUSH],
    # The line before what it promises.
    "too early": lambda number, file, line: line + [FLUSH] + file + [FLUSH],
    "wrong bytes": lambda number, file, line: (file if number != 7 else file[:-1] + [
        file[-1]._replace(data=b"?" + file[-1].data[1:])]) + [FLUSH] + line + [FLUSH],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_logs(name, recording, tmp_path):
    with pytest.raises(replay.Broken):
        replay.replay(recording.start, recording.log(BAD[name]), points=30,
                      save=tmp_path / "saved")
    assert (tmp_path / "saved").stat().st_size == 4 << 20


def test_one_flush_that_is_missing(recording):
    def change(number, file, line):
        return file + ([FLUSH] if number != LINES - 2 else []) + line + [FLUSH]
    with pytest.raises(replay.Broken, match="file-10"):
        replay.replay(recording.start, recording.log(change), points=10)


def test_unit_access_writes(recording):
    """A write that is durable by itself needs no flush, and stays over what was written before it."""
    def change(_, file, line):
        stale = [line[0]._replace(data=bytes(512))]
        return file + [FLUSH] + stale + [line[0]._replace(flags=blklog.FUA)]
    replay.replay(recording.start, recording.log(change), points=15)


def test_command(recording):
    command = [TOOL / "replay.py", recording.start]
    good = subprocess.run([*command, recording.log(), "--points", "1"], capture_output=True,
                          text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert good.stdout == "powercut: ok: 49 points, 12 files at the last one\n"
    bad = subprocess.run([*command, recording.log(BAD["nothing flushed"])], capture_output=True,
                         text=True, check=False)
    assert bad.returncode == 1 and "powercut: seed 1: cut before entry" in bad.stderr
