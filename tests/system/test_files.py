"""Files through vfs and file servers: what POSIX says, programs from files, and deaths of servers."""

import hashlib

import images
import pytest

from conftest import converse


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
                    "dd if=/dev/random of=/dev/null bs=100 count=3; "
                    "ls -l /boot >/dev/full || ls /dev >/dev/full || hexdump /boot/ls 0 9000 "
                    ">/dev/full || echo nowhere >/dev/full || echo all full").output
    assert "program virtio_blk" in output and "quarantined" in output
    assert "12288 bytes" in output and "\nvda\n" in output
    assert "\nall full\n" in output and output.count(": No space left on device") == 4, output


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_disks_as_files(passes, random_disk, blank_disk, tmp_path):
    source, target = random_disk(4096), blank_disk(1 << 20)
    mounted = images.make(tmp_path / "mounted.img", 4)
    noise = source.read_bytes()
    output = passes(
        "dd if=/dev/vda of=/tmp/x bs=4k count=16 && sha256sum /tmp/x; "
        "dd if=/dev/vda of=/tmp/odd bs=1000 skip=3 count=77 && sha256sum /tmp/odd; "
        "dd if=/dev/vda of=/tmp/end bs=512 skip=4095 count=4 && sha256sum /tmp/end; "
        "dd if=/dev/vda of=/tmp/beyond bs=512 skip=5000 && stat /tmp/beyond; "
        "dd if=/dev/vda of=/dev/vdb bs=1000 seek=3 count=77 conv=notrunc,fsync; "
        "ls -l /dev; hexdump /dev/vda 1000 16; hexdump vda 1000 16; "
        "mount /dev/vdc /mnt && hexdump /dev/vdc 1080 2; "
        "dd if=/dev/vda of=/dev/vdc || echo refused while mounted; "
        "umount /mnt && dd if=/dev/vda of=/dev/vdc bs=100k count=41 conv=fsync; "
        "dd if=/dev/vda of=/dev/vdb seek=2047 count=2 || echo refused at the end",
        "--disk", source, "--disk", target, "--disk", mounted).output
    assert digest(noise[:65536]) in output and digest(noise[3000:80000]) in output
    assert digest(noise[-512:]) in output
    assert "size      0 bytes" in output, output
    for size, name in ((2 << 20, "vda"), (1 << 20, "vdb"), (4 << 20, "vdc")):
        assert any(line.startswith("brw") and line.split()[4] == str(size)
                   for line in output.splitlines() if line.endswith(name)), output
    assert output.count("0000000003e8  " + noise[1000:1008].hex(" ")) == 2, output
    assert "  53 ef " in output  # ext2's magic number
    assert "/dev/vdc: Device or resource busy" in output and "refused while mounted" in output
    assert "No space left on device" in output and "refused at the end" in output
    written = target.read_bytes()
    assert written[:3000] == bytes(3000) and written[3000:80000] == noise[:77000]
    assert written[80000:-512] == bytes(len(written) - 80512) and written[-512:] == noise[:512]
    assert mounted.read_bytes()[:len(noise)] == noise


def test_partitions_as_files(passes):
    output = passes("ls /dev; hexdump /dev/vda1 510 40; hexdump vda1 510 40").output
    assert {"vda", "vda1", "vda2"} <= set(output.split())
    lines = [line for line in output.splitlines() if line.startswith("0000")]
    assert len(lines) == 6 and lines[:3] == lines[3:], output


def test_disk_drivers_die(passes, random_disk, blank_disk):
    """What was copied from one disk to another while both drivers died is all there."""
    source, target = random_disk(8192), blank_disk(4 << 20)
    output = passes("killing virtio_blk 30 virtio_blk.1 45 -- dd if=/dev/vda of=/dev/vdb bs=6000",
                    "--disk", source, "--disk", target).output
    assert "virtio_blk:" in output and "virtio_blk.1:" in output
    assert target.read_bytes() == source.read_bytes()


def test_console_as_a_file():
    """It is written, and read as descriptor 0 is."""
    prompt, read = "anole> ", "dd if=/dev/console of=/tmp/line bs=1 count=5 status=none"
    result = converse((prompt, "echo written > /dev/console\n"), (prompt, f"{read}\n"),
                      (f"{read}\n", "hello", 1), (prompt, "cat /tmp/line && poweroff 5\n"),
                      timeout=60)
    assert result.status == 5, str(result)
    assert "\nwritten\n" in result.output and "\nhello" in result.output
