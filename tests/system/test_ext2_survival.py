"""The ext2 server dies while its disk is slow: what the dead one has under way there goes on for long,
and must meet no memory that its successor uses for something else. A successor reads a dozen blocks
before it can answer for a file: it gets several times what that takes on this disk, as one that is
always killed sooner would never come to work."""

import re

import pytest

import images


@pytest.mark.parametrize("harts", [1, 2])
def test_deaths_on_a_slow_disk(passes, tmp_path, harts):
    disk = images.make(tmp_path / "disk.img", 64, kind="ext4")
    output = passes("mount /dev/vda /mnt && killing --least 3 ext2 400 -- "
                    f"fstest --seed {harts} --ops 2000 --dir /mnt random && umount /mnt",
                    "--disk", disk, "--smp", harts,
                    "--drive-opts", "throttling.iops-total=150").output
    kills = re.search(r"killing: ext2: (\d+) kills", output)
    assert kills and int(kills[1]) >= 3, output
    images.check(disk)


def test_a_successor_reads_little(passes, tmp_path):
    """Before it answers, two or three times, however many groups the disk has; the bitmaps when
    something is changed."""
    disk = images.make(tmp_path / "disk.img", 256, "-b", 1024)
    output = passes("mount /dev/vda /mnt && stat /mnt && virtio dump virtio_blk && service kill ext2 && "
                    "stat /mnt && virtio dump virtio_blk && echo x >/mnt/x && umount /mnt",
                    "--disk", disk).output
    before, after = map(int, re.findall(r"^operations +(\d+),", output, re.MULTILINE))
    assert 0 < after - before <= 4, output
    images.check(disk)
