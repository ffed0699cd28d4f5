"""Files over disk drivers and file servers that hang or lie, and over a disk that does: no error is
visible, no byte is wrong."""

import hashlib
import random
import re

import images
import pytest

from vhost import VhostDisk

# Together more than ext2's cache of a disk holds, so that reading and writing goes to the disk.
SIZES = (0, 1, 4095, 4097, 70000, 3 << 20)


@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """An image with files in /from, and in /FROM and /TO what they, and their copies, must be."""
    source = tmp_path / "source"
    (source / "from" / "deep").mkdir(parents=True)
    (source / "to").mkdir()
    chance = random.Random(6)
    lines = []
    for size in SIZES:
        for name in (f"file-{size}", f"deep/file-{size}"):
            data = chance.randbytes(size)
            (source / "from" / name).write_bytes(data)
            lines.append(f"{hashlib.sha256(data).hexdigest()}  /mnt/from/{name}\n")
    (source / "FROM").write_text("".join(lines))
    (source / "TO").write_text("".join(lines).replace("/mnt/", "/mnt/to/"))
    return images.make(tmp_path / "disk.img", 64, "-d", source)


def work(victims=""):
    """All that is done on the disk; the copies are read again from there, not from a cache."""
    killing = f"killing {victims} -- " if victims else ""
    return (f"mount /dev/vda /mnt && {killing}together fstest --seed 6 --ops 120 random storm -- "
            "cp -r /mnt/from /mnt/to -- sha256sum -c /mnt/FROM && umount /mnt && "
            "mount /dev/vda /mnt && sha256sum -c /mnt/TO && umount /mnt")


def check(output, disk, tmp_path):
    assert "random: ok" in output and "storm: ok" in output and "FAILED" not in output, output
    images.check(disk)
    source, copy = tmp_path / "source" / "from", images.extract(disk, "/to", tmp_path / "out") / "from"
    for path in source.rglob("file-*"):
        assert (copy / path.relative_to(source)).read_bytes() == path.read_bytes(), path


# Each is away for about half a second, or, if it may work for so long, more than one.
HANGS = ("spin", "sleep", "silent")
LIES = ("wild", "avail", "used", "channel", "unasked", "early")
VICTIMS = {
    "driver-hangs": [("virtio_blk", kind) for kind in HANGS],
    "ext2-hangs": [("ext2", kind) for kind in HANGS],
    "vfs-hangs": [("vfs", kind) for kind in HANGS],
    "driver-lies": [("virtio_blk", kind) for kind in LIES],
    "servers-lie": [(server, kind) for server in ("ext2", "vfs")
                    for kind in ("wild", "forge", "channel")],
}


@pytest.mark.parametrize("name", VICTIMS)
def test_faults(name, passes, disk, tmp_path):
    every, most = (300, 2) if name.endswith("hangs") else (40, 9)
    victims = f"--most {most} " + " ".join(f"{service}:{kind} {every + 40 * i}"
                       for i, (service, kind) in enumerate(VICTIMS[name]))
    output = passes(work(victims), "--disk", disk).output
    struck = re.findall(r"killing: (\S+):(\S+): (\d+) faults", output)
    assert [(service, kind) for service, kind, _ in struck] == VICTIMS[name], output
    assert all(int(times) > 0 for _, _, times in struck), output
    check(output, disk, tmp_path)


# What the device of tests/vhost does wrong; whenever it is reset or left it loses, besides, what was
# not flushed.
DEVICES = {
    "lies": ["wrong-id,type=write,skip=20", "stale,type=write,skip=24", "index,type=read,skip=20",
             "huge-id,type=write,skip=60", "repeat,type=read,skip=60", "no-status,type=write,skip=90",
             "long,type=read,skip=90", "scribble,percent=10,count=0"],
    "silent": ["silent,type=write,skip=20", "at-reset,type=read,skip=40",
               "deaf,percent=5,count=0", "late,ms=30,percent=5,count=0"],
    "dies": ["die,type=write,skip=20", "die,type=read,skip=20", "die,type=flush,skip=4"],
}


@pytest.mark.parametrize("name", DEVICES)
def test_devices(name, passes, disk, tmp_path):
    device = VhostDisk(tmp_path, disk, [*DEVICES[name], "drop-cache,count=0"])
    try:
        output = passes(work(), "--disk", device.disk()).output
        for word in DEVICES[name]:
            assert device.hits(word.split(",")[0]) > 0, word + "\n" + device.told()
    finally:
        assert device.end() == 0, device.told()
    check(output, disk, tmp_path)


def test_usage(boot):
    """Each is refused with what is wrong, before anything is run or killed."""
    wrong = {
        "virtio_blk:nothing 100 -- ls": "virtio_blk:nothing: no such fault",
        "vfs: 100 -- ls": "vfs:: no such fault",
        "vfs:die-call 100 -- ls": "vfs:die-call: is of a start",
        "nobody:spin 100 -- ls": "nobody:spin: no such service",
        "nobody 100 -- ls": "nobody: no such service",
        **dict.fromkeys(("vfs:spin 0 -- ls", "vfs:spin 10", "--least 0 vfs 10 -- ls", "vfs 10 --",
                         "--least 3 --most 2 vfs 10 -- ls", "--more 3 vfs 10 -- ls", ""), "usage"),
    }
    result = boot("; ".join(f"killing {arguments}; echo status $?" for arguments in wrong))
    answers = result.output.split("status 2")
    assert len(answers) == len(wrong) + 1, str(result)
    for answer, why in zip(answers, wrong.values()):
        assert why in answer and "usage: killing" in answer and "kills" not in answer, answer
