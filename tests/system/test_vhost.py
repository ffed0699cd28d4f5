"""A block device that misbehaves in every way that tests/vhost knows: a client ends with the right
data or a clear error, the system lives on, and buffers keep their contract."""

import hashlib
import re

import pytest

from test_boot import service_rows
from vhost import VhostDisk

MIB = 1 << 20
TIMEOUT = 60
# Whatever else it does, the device loses what was not flushed whenever it is reset or left.
DROPS = "drop-cache,count=0"
LONGWRITE = "blktest vda --rw --seed 5 --group longwrite --mib 4"
# In the middle of longwrite's 64 writes and of its 64 reads.
WRITE, READ = "type=write,skip=30", "type=read,skip=40"


@pytest.fixture(name="vhost")
def fixture_vhost(tmp_path, blank_disk):
    """vhost(word...) starts a device of 16 MiB."""
    devices = []

    def start(*words):
        devices.append(VhostDisk(tmp_path, blank_disk(16 * MIB), words))
        return devices[-1]
    yield start
    for device in devices:
        device.end()


def check_claim(result, device):
    """What the client says that it wrote and flushed is in the file, byte for byte."""
    assert device.end() == 0, device.told()
    match = re.search(r"wrote (\d+) bytes at (\d+): sha256 ([0-9a-f]{64})", result.output)
    assert match, str(result)
    length, position = int(match.group(1)), int(match.group(2))
    with open(device.image, "rb") as image:
        image.seek(position)
        found = hashlib.sha256(image.read(length)).hexdigest()
    assert found == match.group(3), "the image is not what the client wrote\n" + device.told()


def check_alive(result, restarts):
    """The driver serves, after that many deaths at least (0: exactly)."""
    row = service_rows(result.output)["virtio_blk"]
    found = int(row[2])
    assert row[0] == "up" and (found >= restarts if restarts else found == 0), str(result)


# The numbers are those of docs/virtio.md, "A device that lies". Everything is tried on MMIO with split
# rings. What is about rings is tried with packed ones, too, on PCI; on PCI with split rings only what
# is about the bus: interrupts, configuration space, resets, a device that goes. A bus knows nothing of
# what is in a ring, nor a ring by which bus its addresses came. (Nor has an id of more than 16 bits a
# place in a packed ring.)
MMIO, PCI, PACKED = ("mmio", "split"), ("pci", "split"), ("pci", "packed")
OF_RINGS = ("none", "2-", "3-", "7-", "8-", "9-wrong-id", "9-free-id", "9-huge-id", "9-repeat", "10-",
            "13-deaf-always", "14-", "17-", "18-stale", "18-dies-reading")
OF_BUSES = ("none", "5-size-to-and-fro", "6-grows", "13-deaf", "13-storm", "16-slow-reset", "18-dies")


def cases(names):
    """Of each of these, the buses and rings that it is tried with."""
    for name in names:
        for bus, ring in (MMIO, PCI, PACKED):
            wanted = (bus, ring) == MMIO or \
                ((bus, ring) == PACKED and name.startswith(OF_RINGS)) or \
                ((bus, ring) == PCI and name in OF_BUSES)
            if wanted:
                yield pytest.param(name, bus, ring, id=f"{name}-{bus}-{ring}")


def attached(device, bus, ring):
    """Options of tools/run."""
    return ["--disk", device.disk() + (",packed=on" if ring == "packed" else ""), "--transport", bus]

# Faults after which the client has the right data, and how often the driver dies at least.
SURVIVED = {
    "none": ([], 0),
    "2-no-indirect": (["--without indirect"], 0),
    "3-no-event-idx": (["--without event-idx"], 0),
    "3-no-optional-feature": (["--without indirect", "--without event-idx", "--without seg-max",
                               "--without blk-size"], 0),
    "5-size-to-and-fro": ([f"config-storm,{WRITE}"], 0),
    "5-size-to-and-fro-without-end": (["config-storm,type=write,count=0,value=10"], 0),
    "6-grows": ([f"resize,{WRITE},value=65536"], 0),
    "6-shrinks-elsewhere": ([f"resize,{READ},value=32760"], 0),
    "7-scribbles": (["scribble,type=write,count=0", "scribble,type=read,count=0"], 0),
    "7-scribbles-over-the-ring": (["--without indirect", "scribble,type=write,count=0",
                                   "scribble,type=read,count=0"], 0),
    "8-index": ([f"index,{WRITE}"], 1),
    "8-index-far": ([f"index,{READ},value=0x7ffd"], 1),
    "8-index-back": ([f"index,{WRITE},value=0xfffe"], 1),
    "9-wrong-id": ([f"late,ms=100,{WRITE},count=6", f"wrong-id,{WRITE}"], 1),
    "9-wrong-id-reading": ([f"late,ms=100,{READ},count=6", f"wrong-id,{READ}"], 1),
    "9-free-id": ([f"free-id,{WRITE}"], 1),
    "9-huge-id": ([f"huge-id,{WRITE}"], 1),
    "9-huger-id": ([f"huge-id,{READ},value=0x10000"], 1),
    "9-repeat": ([f"repeat,{WRITE}"], 1),
    "9-repeat-reading": ([f"repeat,{READ},value=5"], 1),
    "10-long": ([f"long,{WRITE}"], 1),
    "10-long-reading": ([f"long,{READ},value=65538"], 1),
    "11-no-status": ([f"no-status,{WRITE}"], 1),
    "13-deaf": ([f"deaf,{WRITE},value=0,count=5"], 0),
    "13-deaf-always": (["deaf,value=0,count=0,percent=10"], 0),
    "13-spurious": ([f"spurious,{WRITE},value=100,count=0"], 0),
    "13-storm": (["spurious,value=10000,count=0,percent=20"], 0),
    "16-late-writes": ([f"late,ms=300,{WRITE},count=5"], 0),
    "16-late-reads": ([f"late,ms=300,{READ},count=5"], 0),
    "16-late-flush": (["late,ms=300,type=flush"], 0),
    "16-all-late-by-chance": (["late,ms=5,percent=30,count=0"], 0),
    "16-pause": ([f"pause,ms=1500,{WRITE}"], 0),
    "16-silent": ([f"silent,{WRITE}"], 1),
    "16-done-at-the-reset": ([f"at-reset,{WRITE}"], 1),
    "16-slow-reset": ([f"repeat,{WRITE}", "slow-reset,ms=400"], 1),
    "17-breaks-now-and-then": (["huge-id,type=write,skip=5,count=3,percent=20"], 1),
    "18-stale": ([f"stale,{WRITE}", f"free-id,{WRITE}"], 2),
    "18-dies": ([f"die,{WRITE}"], 0),
    "18-dies-reading": ([f"die,{READ}"], 0),
}


@pytest.mark.parametrize("name, bus, ring", cases(SURVIVED))
def test_data_survives(passes, vhost, bus, ring, name):
    words, deaths = SURVIVED[name]
    if ring == "packed" and name.startswith("18-dies"):
        deaths = 1  # QEMU can't tell the next connection where a packed ring stood
    device = vhost(*words, DROPS)
    result = passes(f"{LONGWRITE}; service list", *attached(device, bus, ring), timeout=TIMEOUT)
    assert f"ring: {ring}," in device.told(), device.told()
    for word in words:
        assert word.startswith("--") or device.hits(word.split(",")[0]) > 0, device.told()
    check_alive(result, deaths)
    check_claim(result, device)


# Faults that are a request's own business: the client is told, and nobody dies. Of a device that claims
# to have read, the client's own checksum tells.
TOLD = {
    "10-short": (f"short,{READ}", "found EIO"),
    "10-shorter": (f"short,{READ},value=65536", "found EIO"),
    "11-status": (f"status,{WRITE}", "found EIO"),
    "11-status-reading": (f"status,{READ},value=0xfe", "found EIO"),
    "11-io-error": (f"status,{READ},value=1", "found EIO"),
    "14-not-read": (f"undone,{READ}", "holds sector"),
}


@pytest.mark.parametrize("name, bus, ring", cases(TOLD))
def test_client_is_told(boot, vhost, bus, ring, name):
    word, told = TOLD[name]
    device = vhost(word, DROPS)
    result = boot(f"{LONGWRITE}; service list; hexdump vda 0 16", *attached(device, bus, ring),
                  timeout=TIMEOUT)
    assert result.status == 1 and told in result.output, str(result)
    assert result.output.count("FAIL longwrite: line") == 1, str(result)
    assert device.hits(word.split(",")[0]) == 1, device.told()
    check_alive(result, 0)


def test_a_disk_that_shrinks(boot, vhost):
    """6: what is beyond the end from then on gives ERANGE, and what is before it is still served."""
    device = vhost(f"resize,{WRITE},value=100", DROPS)
    result = boot(f"{LONGWRITE}; service list; blktest vda --group read", "--disk", device.disk(),
                  timeout=TIMEOUT)
    assert result.status == 1 and "found ERANGE" in result.output, str(result)
    assert "blktest vda: 100 sectors" in result.output, str(result)
    assert len(result.lines("PASS read/")) == 2, str(result)
    check_alive(result, 0)


# What a device says of itself: it is served with what makes sense of it.
CLAMPED = {
    "block-size-0": ("--config blk-size=0", "block size 0"),
    "block-size-513": ("--config blk-size=513", "block size 513"),
    "block-size-huge": ("--config blk-size=0x80000000", "block size 2147483648"),
    "capacity-wraps": ("--config capacity=0xffffffffffffffff", "sectors aren't"),
    "capacity-overflows": ("--config capacity=0x80000000000000", "sectors aren't"),
    "seg-max-0": ("--config seg-max=0", None),
    "seg-max-huge": ("--config seg-max=0xffffffff", None),
    "size-max-0": ("--config size-max=0", None),
    "size-max-1": ("--config size-max=1", None),
    "size-max-huge": ("--config size-max=0xffffffff", None),
    "physical-block-huge": ("--config physical-block-exp=255", None),
    "optimal-size-huge": ("--config opt-io-size=0xffffffff", None),
    "discard-0-sectors": ("--config max-discard-sectors=0", None),
    "discard-0-segments": ("--config max-discard-seg=0", None),
    "discard-odd-alignment": ("--config discard-alignment=3", None),
    "discard-alignment-0": ("--config discard-alignment=0", None),
    "discard-huge": ("--config max-discard-sectors=0xffffffff", None),
    "zeroes-0-sectors": ("--config max-zeroes-sectors=0", None),
    "zeroes-huge": ("--config max-zeroes-sectors=0xffffffff", None),
}


# On PCI one field of each width.
@pytest.mark.parametrize("name, bus", [
    *((name, "mmio") for name in CLAMPED), ("capacity-wraps", "pci"), ("block-size-513", "pci"),
    ("discard-0-segments", "pci"), ("physical-block-huge", "pci")])
def test_absurd_configuration(passes, vhost, bus, name):
    """6: one line in the log where something was changed, and the disk works."""
    word, line = CLAMPED[name]
    device = vhost(word, DROPS)
    result = passes("blktest vda --rw --channel --group read --group write --group flush; "
                    "service list; dmesg", "--disk", device.disk(), "--transport", bus,
                    timeout=TIMEOUT)
    assert line is None or result.output.count(line) == 1, str(result)
    check_alive(result, 0)


def test_a_device_that_no_driver_can_drive(boot, vhost):
    """3: without VERSION_1 one clear line and FAILED; no further try, and the rest of the system runs.
    On PCI QEMU itself refuses a modern device without it."""
    device = vhost("--without version-1")
    result = boot("hexdump vda 0 16; date; service list; dmesg", "--disk", device.disk(),
                  timeout=TIMEOUT)
    row = service_rows(result.output)["virtio_blk"]
    assert row[0] == "failed" and row[2] == "0", str(result)
    assert result.output.count("can't drive it: it lacks feature VERSION_1") == 1, str(result)
    assert service_rows(result.output)["rtc"][0] == "up", str(result)


def test_write_through_without_flush(passes, vhost):
    """19: a disk that doesn't offer FLUSH is written through: nothing is lost however it ends."""
    device = vhost("--without flush", DROPS)
    result = passes(f"{LONGWRITE}; dmesg", "--disk", device.disk(), timeout=TIMEOUT)
    assert "write-through" in result.output, str(result)
    assert "lost: 0" in device.told() or "lost:" not in device.told(), device.told()
    check_claim(result, device)


def test_a_device_that_is_gone_for_good(boot, vhost):
    """17: tries, then the driver is given up and the client has a clear error; all else goes on."""
    device = vhost(f"exit,{WRITE}", DROPS)
    result = boot(f"{LONGWRITE}; service list; date; hexdump vda 0 16", "--disk", device.disk(),
                  timeout=100)
    assert result.status == 1 and "found EGIVENUP" in result.output, str(result)
    rows = service_rows(result.output)
    assert rows["virtio_blk"][0] == "failed" and rows["rtc"][0] == "up", str(result)
    assert "hexdump" in result.output.split("DEVICE")[-1], str(result)


def test_a_device_that_is_always_wrong(boot, vhost):
    """17: it breaks its ring on each write: after some tries a clear error; all else goes on."""
    device = vhost("huge-id,type=write,count=0", DROPS)
    result = boot(f"{LONGWRITE}; service list; blktest vda --group read", "--disk", device.disk(),
                  timeout=TIMEOUT)
    assert result.status == 1 and re.search("found (EIO|EGIVENUP)", result.output), str(result)
    assert len(result.lines("PASS read/")) == 2, str(result)
    assert device.hits("huge-id") >= 5, device.told()


@pytest.mark.parametrize("group", ["recovery", "stuck", "retain", "libblk"])
def test_libblk_over_a_cache_that_is_lost(passes, vhost, group):
    """Deaths under libblk; each reset loses what was acknowledged but not flushed. Besides, some
    requests are late."""
    device = vhost(DROPS, "late,ms=20,percent=10,count=0")
    passes(f"blktest vda --rw --seed 11 --group {group}", "--disk", device.disk(),
           timeout=TIMEOUT)
    if group in ("recovery", "stuck"):
        assert re.search(r"lost: [1-9]", device.told()), "nothing was lost\n" + device.told()


@pytest.mark.parametrize("harts", [1, 4])
def test_kills_over_a_cache_that_is_lost(passes, vhost, harts):
    # Writing takes so much longer than reading that most kills come while something can be lost.
    device = vhost(DROPS, "late,ms=30,percent=20,type=write,count=0")
    result = passes(f"{LONGWRITE} --mib 8 --kill-every-ms 150; service list", "--disk",
                    device.disk(), "--smp", harts, timeout=TIMEOUT)
    check_alive(result, 2)
    check_claim(result, device)
    assert re.search(r"lost: [1-9]", device.told()), "nothing was lost\n" + device.told()


@pytest.mark.parametrize("kind", ["load", "panic", "silent"])
def test_deaths_over_a_late_device(passes, vhost, kind):
    device = vhost("late,ms=100,percent=30,count=0", DROPS)
    passes(f"faulttest virtio_blk {kind}; {LONGWRITE}", "--disk", device.disk(), timeout=TIMEOUT)


LATE_MS = 400


@pytest.mark.parametrize("harts, faults", [(1, []), (2, ["slow-reset,ms=300,count=0"])])
def test_contract_of_buffers(passes, vhost, harts, faults):
    """The memory of a request that failed is the client's again when REVOKE succeeds, and what the
    device does late never lands in memory that has been used again. Little memory, so that all that
    is free can be taken and watched."""
    device = vhost(f"late,ms={LATE_MS},count=0,type=read,sectors=4096-4351",
                   f"late,ms={LATE_MS},count=0,type=write,sectors=8192-8447", *faults)
    passes(f"buffertest vda --reads 4096 --writes 8192 --late-ms {LATE_MS}", "--disk",
           device.disk(), "--mem", "32M", "--smp", harts, timeout=TIMEOUT)
    assert device.hits("late") >= 11, device.told()
    assert device.told().count("\nlate: read") >= 8, "nothing was done late\n" + device.told()


def test_two_who_complain_are_believed(passes, vhost):
    """The device is late now and then, its driver answers every ping. A client's complaint isn't
    enough; one of an operator besides it is, and the next driver serves."""
    for complaint, restarts in (("", 0), ("service complain virtio_blk; ", 1)):
        device = vhost("late,ms=600,type=read,skip=2", DROPS)
        result = passes(f"blktest vda --group libblk --channel; {complaint}blktest vda --group info; "
                        "service list; service log virtio_blk", "--disk", device.disk(),
                        timeout=TIMEOUT)
        assert device.hits("late") == 1, device.told()
        assert re.search(r" complaint +\S+ +deadline", result.output), str(result)
        check_alive(result, restarts)
        dead = re.search(r" dead +\S+ +complaint", result.output)
        assert bool(dead) == (restarts > 0), str(result)
        device.end()
