"""The ext2 server and the host's e2fsprogs: each reads what the other wrote."""

import hashlib
import os
import random
import subprocess

import images


def sums(text):
    """{name: SHA-256} of what sha256sum printed, by the last part of each path."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and len(words[0]) == 64:
            found[os.path.basename(words[1])] = words[0]
    return found


def tree_sums(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in directory.iterdir() if path.is_file()}


def test_written_inside(passes, tmp_path):
    """What is copied to a disk is there when the machine is gone, without an unmount."""
    disk = images.make(tmp_path / "disk.img", 64, kind="ext4")
    output = passes("mount /dev/vda /mnt && cp -r /boot /mnt/x && sync && sha256sum /mnt/x/*",
                    "--disk", disk).output
    images.check(disk)
    inside = sums(output)
    assert len(inside) > 30
    assert inside == tree_sums(images.extract(disk, "/x", tmp_path / "out"))


def test_power_off_writes_out(passes, tmp_path):
    """Without sync or unmount: nothing is lost, and the disk can be mounted again as it is."""
    disk = images.make(tmp_path / "disk.img", 16)
    passes("mount /dev/vda /mnt && echo one > /mnt/a", "--disk", disk)
    passes("mount /dev/vda /mnt && echo two >> /mnt/a; poweroff", "--disk", disk)
    images.check(disk)
    assert images.debugfs(disk, "cat /a") == b"one\ntwo\n"
    assert b"state:         clean" in images.debugfs(disk, "stats -h")


def test_written_on_the_host(passes, tmp_path):
    """Files, holes, links and a wide directory that debugfs and mke2fs put there."""
    source = tmp_path / "source"
    (source / "wide").mkdir(parents=True)
    chance = random.Random(1)
    for size in (0, 1, 4096, 100000, 3000001):
        (source / f"file-{size}").write_bytes(chance.randbytes(size))
    with open(source / "holes", "wb") as file:
        for position in (0, 1 << 20, 20 << 20):
            file.seek(position)
            file.write(b"not a hole")
    for number in range(1500):
        (source / "wide" / f"a-name-with-some-length-{number}").write_bytes(b"%d" % number)
    os.symlink("file-4096", source / "link")
    disk = images.make(tmp_path / "disk.img", 64, "-d", source, kind="ext4")
    subprocess.run(["e2fsck", "-fyD", disk], capture_output=True, check=False, env=images.TOOLS)
    output = passes("mount /dev/vda /mnt && sha256sum /mnt/file-* /mnt/holes && cat "
                    "/mnt/wide/a-name-with-some-length-1234 && stat /mnt/link && "
                    "rm /mnt/wide/a-name-with-some-length-77 && echo new > /mnt/wide/one-more && "
                    "umount /mnt", "--disk", disk).output
    expected = {name: digest for name, digest in tree_sums(source).items() if name != "link"}
    assert sums(output) == expected
    assert "1234" in output
    images.check(disk)
    names = images.debugfs(disk, "ls -p /wide").decode()
    assert "/one-more/" in names and "/a-name-with-some-length-77/" not in names


def test_refused_or_read_only(boot, tmp_path):
    """Features that aren't supported are named; what isn't in order isn't written to."""
    foreign = images.make(tmp_path / "foreign.img", 16, "-O", "inline_data", kind="ext4")
    unclean = images.make(tmp_path / "unclean.img", 16)
    images.debugfs_write(unclean, "set_super_value state 2")
    before = unclean.read_bytes()
    result = boot("mkdir /mnt/a; mount /dev/vda /mnt/a; mount /dev/vdb /mnt && echo text > "
                  "/mnt/file; dmesg", "--disk", foreign, "--disk", unclean)
    assert "inline_data" in result.output
    assert "run e2fsck" in result.output and "ead-only" in result.output
    assert unclean.read_bytes() == before
