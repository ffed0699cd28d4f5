"""Files through vfs and file servers: what POSIX says, programs from files, and deaths of servers."""

import images
import pytest


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_memory(harts, passes):
    output = passes("filetest /tmp", "--smp", str(harts)).output
    assert "0 failed, 0 skipped" in output


def test_ext2(passes, tmp_path):
    disk = images.make(tmp_path / "disk.img", 32)
    output = passes("mount /dev/vda /mnt && filetest /mnt && umount /mnt", "--disk", disk).output
    assert "0 failed, 0 skipped" in output
    images.check(disk)


def test_vfs_dies(passes):
    """Who asks again is answered once; mounts are there as before."""
    groups = "data append holes access stdio names rename links directory attributes inherit"
    output = passes(f"cat /proc/mounts; killing vfs 150 -- filetest /tmp {groups} && "
                    "cat /proc/mounts").output
    assert "0 failed, 0 skipped" in output
    for mount in ("- / mem rw", "- /boot boot ro", "- /dev dev rw", "- /proc proc ro"):
        assert output.count(mount) == 2, output


def test_memfs_dies(passes):
    """Its files are gone, as is said; its directories and what it shows are there again."""
    output = passes("echo kept > /tmp/a && cat /tmp/a && service kill memfs && ls /tmp && "
                    "echo again > /tmp/b && cat /tmp/b && ls /boot/ls && cat /proc/memfs && "
                    "filetest /tmp data names inherit").output
    assert "kept" in output and "again" in output and "/boot/ls" in output
    assert "restarts 1" in output and "3 passed, 0 failed" in output
    assert "\na\n" not in output


def test_programs_from_files(passes, boot):
    passes("cp /boot/ls /tmp/mine && /tmp/mine -l /boot/ls && cd /tmp && mine / && ./mine /proc && "
           "mkdir /tmp/d && cd /tmp/d && ../mine ..")
    for command, message in {
            "echo text > /tmp/x && /tmp/x": "not permitted",  # not executable
            "cp /boot/system.dtb /tmp/x && /tmp/x": "not permitted",
            "/tmp/none": "no such program",
            "/boot/none": "no such program",
            "/tmp": "not permitted"}.items():
        result = boot(command)
        assert result.status != 0 and message in result.output, str(result)


def test_copies_have_no_rights(boot):
    """A copy of an operator's program is anybody's."""
    result = boot("cp /boot/service /tmp/service && /tmp/service kill vfs")
    assert result.status != 0 and "permitted" in result.output


def test_views(passes):
    output = passes("ls /dev /proc && cat /proc/uptime /proc/meminfo /proc/virtio_blk && "
                    "dd if=/dev/zero of=/tmp/z bs=4096 count=3 && stat /tmp/z && "
                    "dd if=/dev/random of=/dev/null bs=100 count=3").output
    assert "program virtio_blk" in output and "quarantined" in output
    assert "12288 bytes" in output and "\nvda\n" in output
