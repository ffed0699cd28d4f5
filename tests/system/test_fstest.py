"""fstest on a real machine: on memory and on ext2, quietly and while drivers and servers are killed."""

import re

import images
import pytest

RECOVERIES = {
    "virtio_blk": "virtio_blk 100",
    "ext2": "ext2 300",
    "vfs": "vfs 250",
    "all": "virtio_blk 150 ext2 400 vfs 300",
}


def test_memory(passes):
    output = passes("fstest --dir /tmp --seed 1 --ops 3000 random names shared raw --workers 3").output
    assert output.count(": ok") == 4, output


@pytest.mark.parametrize("block, options", [(1024, ()), (4096, ("-O", "extents,metadata_csum,64bit"))])
def test_ext2(block, options, passes, tmp_path):
    disk = images.make(tmp_path / "disk.img", 64, "-b", block, *options)
    output = passes("mount /dev/vda /mnt && fstest --seed 2 --ops 1500 random storm holes names && "
                    "fstest --seed 3 --ops 1000 --big && umount /mnt", "--disk", disk).output
    assert output.count(": ok") == 5, output
    images.check(disk)


def test_small_disks(passes, tmp_path):
    """One that gets full, and one that runs out of inodes."""
    full = images.make(tmp_path / "full.img", 12)
    inodes = images.make(tmp_path / "inodes.img", 16, "-N", "400")
    output = passes("mount /dev/vda /mnt && fstest full && umount /mnt && "
                    "mount /dev/vdb /mnt && fstest inodes && umount /mnt", "--disk", full, "--disk",
                    inodes).output
    assert output.count(": ok") == 2, output
    images.check(full)
    images.check(inodes)


@pytest.mark.parametrize("victim", RECOVERIES)
def test_recovery(victim, passes, tmp_path):
    """Deaths are no errors, and no byte is wrong."""
    disk = images.make(tmp_path / "disk.img", 64)
    output = passes(f"mount /dev/vda /mnt && killing --least 3 {RECOVERIES[victim]} -- "
                    "fstest --seed 4 --ops 6000 && umount /mnt", "--disk", disk).output
    assert ": ok" in output and "FAILED" not in output, output
    kills = re.findall(r"killing: \S+: (\d+) kills", output)
    assert len(kills) == RECOVERIES[victim].count(" ") // 2 + 1 and min(map(int, kills)) >= 3, output
    images.check(disk)


def test_messages(passes, tmp_path):
    """Right and wrong ones, each once and again, also across deaths; what the program leaves open and
    without a name is freed when it ends."""
    disk = images.make(tmp_path / "disk.img", 64)
    output = passes("mount /dev/vda /mnt && fstest --seed 8 --ops 3000 raw && "
                    f"killing --least 3 {RECOVERIES['all']} -- fstest --seed 9 --ops 4000 raw && "
                    "umount /mnt", "--disk", disk).output
    assert output.count("raw: ok") >= 2 and "FAILED" not in output, output
    images.check(disk)


def test_appending_across_deaths(passes, tmp_path):
    """Whose record wasn't written before the death appends it behind those of others."""
    disk = images.make(tmp_path / "disk.img", 64)
    output = passes("mount /dev/vda /mnt && killing --least 15 ext2 50 -- "
                    "fstest --seed 7 shared --workers 4 && umount /mnt",
                    "--disk", disk, "--smp", "2").output
    assert "shared: ok" in output and "FAILED" not in output, output
    images.check(disk)


def test_several_programs(passes, tmp_path):
    disk = images.make(tmp_path / "disk.img", 64)
    output = passes("mount /dev/vda /mnt && fstest shared --workers 4 && "
                    "killing ext2 200 virtio_blk 150 -- together fstest --seed 5 --ops 800 -- "
                    "fstest --seed 6 --ops 800 -- fstest --seed 7 shared && umount /mnt",
                    "--disk", disk, "--smp", "2").output
    assert output.count(": ok") >= 4 and "FAILED" not in output, output
    images.check(disk)
