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
    """vhost(fault...) starts a device of 16 MiB."""
    devices = []

    def start(*faults):
        devices.append(VhostDisk(tmp_path, blank_disk(16 * MIB), faults))
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


# Faults after which the client has the right data, and how often the driver dies at least.
SURVIVED = {
    "none": ([], 0),
    "late-writes": ([f"late,ms=300,{WRITE},count=5"], 0),
    "late-reads": ([f"late,ms=300,{READ},count=5"], 0),
    "late-flush": (["late,ms=300,type=flush"], 0),
    "all-late-by-chance": (["late,ms=5,percent=30,count=0"], 0),
    "pause": ([f"pause,ms=1500,{WRITE}"], 0),
    "silent": ([f"silent,{WRITE}"], 1),
    "stale": ([f"stale,{WRITE}", f"free-id,{WRITE}"], 2),
    "dies": ([f"die,{WRITE}"], 0),
    "dies-reading": ([f"die,{READ}"], 0),
    "wrong-id": ([f"late,ms=100,{WRITE},count=6", f"wrong-id,{WRITE}"], 1),
    "wrong-id-reading": ([f"late,ms=100,{READ},count=6", f"wrong-id,{READ}"], 1),
    "free-id": ([f"free-id,{WRITE}"], 1),
    "huge-id": ([f"huge-id,{WRITE}"], 1),
    "huger-id": ([f"huge-id,{READ},value=0x10000"], 1),
    "repeat": ([f"repeat,{WRITE}"], 1),
    "repeat-reading": ([f"repeat,{READ},value=5"], 1),
    "long": ([f"long,{WRITE}"], 1),
    "long-reading": ([f"long,{READ},value=65538"], 1),
    "no-status": ([f"no-status,{WRITE}"], 1),
    "index": ([f"index,{WRITE}"], 1),
    "index-far": ([f"index,{READ},value=0x8000"], 1),
    "deaf": ([f"deaf,{WRITE},value=0,count=5"], 0),
    "spurious": ([f"spurious,{WRITE},value=100,count=0"], 0),
    "slow-reset": ([f"repeat,{WRITE}", "slow-reset,ms=400"], 1),
}


@pytest.mark.parametrize("name", SURVIVED)
def test_data_survives(passes, vhost, name):
    faults, deaths = SURVIVED[name]
    device = vhost(*faults, DROPS)
    result = passes(f"{LONGWRITE}; service list", "--disk", device.disk(), timeout=TIMEOUT)
    for fault in faults:
        assert device.hits(fault.split(",")[0]) > 0, device.told()
    check_alive(result, deaths)
    check_claim(result, device)


# Faults that are a request's own business: the client is told, and nobody dies.
TOLD = {
    "status": f"status,{WRITE}",
    "status-reading": f"status,{READ},value=0xfe",
    "io-error": f"status,{READ},value=1",
    "short": f"short,{READ}",
    "shorter": f"short,{READ},value=65536",
}


@pytest.mark.parametrize("name", TOLD)
def test_client_is_told(boot, vhost, name):
    device = vhost(TOLD[name], DROPS)
    result = boot(f"{LONGWRITE}; service list; hexdump vda 0 16", "--disk", device.disk(),
                  timeout=TIMEOUT)
    assert result.status == 1 and "found EIO" in result.output, str(result)
    assert result.output.count("FAIL longwrite: line") == 1, str(result)
    assert device.hits(TOLD[name].split(",")[0]) == 1, device.told()
    check_alive(result, 0)


def test_a_device_that_is_always_wrong(boot, vhost):
    """It breaks its ring on each write: after some tries a clear error; all else goes on."""
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
    """The device is late, its driver answers every ping. A client's complaint isn't enough; one of an
    operator besides it is, and the client has its data from the next driver."""
    for second, restarts in (("", 0), (" -- service complain virtio_blk", 1)):
        device = vhost("late,ms=3000,type=read,skip=2", DROPS)
        result = passes(f"together --apart 1000 blktest vda --group libblk{second}; service list; "
                        "service status virtio_blk; service log virtio_blk", "--disk",
                        device.disk(), timeout=TIMEOUT)
        assert device.hits("late") == 1, device.told()
        check_alive(result, restarts)
        dead = re.search(r" dead +\S+ +complaint", result.output)
        assert bool(dead) == (restarts > 0), str(result)
        device.end()
