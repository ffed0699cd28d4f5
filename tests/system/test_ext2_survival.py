"""The ext2 server dies while its disk is slow: what the dead one has under way there goes on for long,
and must meet no memory that its successor uses for something else."""

import re

import pytest

import images


@pytest.mark.parametrize("harts", [1, 2])
def test_deaths_on_a_slow_disk(passes, tmp_path, harts):
    disk = images.make(tmp_path / "disk.img", 64, kind="ext4")
    output = passes("mount /dev/vda /mnt && killing ext2 100 -- "
                    f"fstest --seed {harts} --ops 600 --dir /mnt random && umount /mnt",
                    "--disk", disk, "--smp", harts,
                    "--drive-opts", "throttling.iops-total=150").output
    kills = re.search(r"killing: ext2: (\d+) kills", output)
    assert kills and int(kills[1]) >= 1, output
    images.check(disk)
