"""Power cuts: what reached the disk is recorded, and the power cut at many points of it."""

import json
import shutil
import sys
from pathlib import Path

import images
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "powercut"))

import replay  # noqa: E402

POINTS = 60


def recorded(disk, log):
    """A disk of the launcher's, whose writes and flushes are recorded. A comma in its name is doubled."""
    log.touch()
    return "json:" + json.dumps({
        "driver": "blklogwrites",
        "file": {"driver": "file", "filename": str(disk)},
        "log": {"driver": "file", "filename": str(log)},
    }).replace(",", ",,")


@pytest.mark.parametrize("killing", ["", "killing virtio_blk 30 ext2 60 -- "])
def test_promises_are_kept(killing, passes, tmp_path):
    start = images.make(tmp_path / "start.img", 16)
    disk = shutil.copy(start, tmp_path / "disk.img")
    log = tmp_path / "log"
    output = passes(f"mount /dev/vda /mnt && {killing}fstest --seed 5 --ops 60 promises",
                    "--disk", recorded(disk, log)).output
    assert "promises: ok" in output
    looked, files = replay.replay(start, log, seed=5, points=POINTS // 2, most=POINTS)
    assert looked == POINTS and files > 5
