"""What virtio_blk makes of a disk's features: geometry, topology, cache modes, resizing, limits."""

import re
import subprocess

import pytest

from conftest import BOOT_TIMEOUT, GRACE, ROOT
from qmp import Monitor
from vhost import VhostDisk

MIB = 1 << 20


def group(name, result):
    """The verdicts about that group, without its name."""
    return [line.split(maxsplit=2)[0] for line in result.output.splitlines()
            if line.split(" ", 1)[0] in ("PASS", "FAIL", "SKIP")
            and line.split()[1].strip(":").split("/")[0] == name]


def test_geometry(passes, blank_disk):
    disk = f"{blank_disk(8 * MIB)},cyls=12,heads=4,secs=17"
    result = passes("blktest vda --group geometry", "--disk", disk)
    assert "geometry: 12 cylinders, 4 heads, 17 sectors" in result.output


def test_topology(passes, blank_disk):
    disk = (f"{blank_disk(8 * MIB)},logical_block_size=1024,physical_block_size=8192,"
            "min_io_size=16384,opt_io_size=65536")
    result = passes("blktest vda --group topology", "--disk", disk)
    assert ("topology: blocks of 1024 bytes, physical ones of 8192 from byte 0 on, "
            "transfers of 16384 to 65536 bytes") in result.output


def test_serial_number(passes, blank_disk):
    result = passes("blktest vda --group identify", "--disk", f"{blank_disk(MIB)},serial=LIZARD-7")
    assert result.lines("identify: serial number 'LIZARD-7'"), str(result)


@pytest.mark.parametrize("name, option", [
    ("cache", "config-wce=off"), ("discard", "discard=off"), ("zeroes", "write-zeroes=off"),
])
def test_what_a_disk_lacks_is_skipped(passes, blank_disk, name, option):
    disk = blank_disk(8 * MIB)
    command = f"blktest vda --rw --group {name}"
    assert set(group(name, passes(command, "--disk", disk))) == {"PASS"}
    assert set(group(name, passes(command, "--disk", f"{disk},{option}"))) == {"SKIP"}


@pytest.mark.parametrize("options", [
    "max-discard-sectors=64,max-write-zeroes-sectors=24",
    "discard_granularity=65536,max-discard-sectors=300",
    "logical_block_size=4096,physical_block_size=4096,max-write-zeroes-sectors=8",
])
def test_limits_of_discard_and_zeroes(passes, blank_disk, options):
    disk = f"{blank_disk(8 * MIB)},{options}"
    result = passes("blktest vda --rw --group discard; blktest vda --rw --group zeroes",
                    "--disk", disk)
    assert group("discard", result) == group("zeroes", result) == ["PASS"] * 2, str(result)


def test_cache_mode_at_the_start(passes, blank_disk):
    """The driver goes by the mode that the disk begins with."""
    for option, mode in (("write-cache=off", "write-through"), ("write-cache=on", "write-back")):
        result = passes("dmesg", "--disk", f"{blank_disk(MIB)},{option}")
        assert mode in result.output, str(result)


@pytest.mark.parametrize("path", ["message", "channel"])
@pytest.mark.parametrize("machine", [
    [], ["--transport", "pci"], ["--transport", "pci", "--aia", "--smp", "2"],
], ids=lambda machine: "-".join(machine).replace("--", "") or "mmio")
def test_resize(blank_disk, tmp_path, path, machine):
    """The disk grows and shrinks while a client has it open."""
    socket = tmp_path / "qmp"
    sizes = [MIB, 5 * MIB, 2 * MIB]
    command = [ROOT / "tools" / "run", "--timeout", str(BOOT_TIMEOUT), "--disk",
               blank_disk(sizes[0]), "--qmp", socket, *machine, "-e",
               f"blktest vda --group resize --{path}; blktest vda --rw"]
    shown = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as machine:
        monitor = Monitor(socket)
        later = sizes[1:]
        for line in machine.stdout:
            shown.append(line)
            if "waiting for a change" in line:
                monitor.command("block_resize", device="d0", size=later.pop(0))
        monitor.close()
        status = machine.wait(GRACE)
    output = "".join(shown)
    assert status == 0 and not later, output
    for size in sizes[1:]:
        assert f"resize: now {size // 512} sectors" in output


def test_a_slow_disk_is_given_time(passes, blank_disk):
    """Few requests a second are late, not lost: within a request's time nothing is reset."""
    result = passes("blktest vda --group identify; blktest vda --group open; service list",
                    "--disk", blank_disk(MIB), "--drive-opts", "throttling.iops-total=20")
    assert "DEVICE_RESET" not in result.output


@pytest.mark.parametrize("machine", [
    ["--smp", 2], ["--smp", 4], ["--smp", 2, "--transport", "mmio-legacy"],
    ["--smp", 2, "--transport", "pci"], ["--smp", 4, "--transport", "pci", "--aia"],
], ids=lambda machine: "-".join(map(str, machine)).replace("--", ""))
def test_a_queue_for_each_hart(passes, blank_disk, machine):
    disk = f"{blank_disk(32 * MIB)},num-queues=4"
    result = passes("blktest vda --rw; dmesg", "--disk", disk, *machine, timeout=300)
    queues = min(4, machine[1])
    assert f"vda: {queues} queues" in result.output, str(result)
    assert group("queues", result) == ["PASS"] * 2, str(result)


def test_faults_with_several_queues(passes, blank_disk):
    passes("faulttest virtio_blk all", "--disk", f"{blank_disk(32 * MIB)},num-queues=4",
           "--smp", 4, timeout=300)


def test_a_silent_request_is_noticed_by_its_own_deadline(passes, blank_disk, tmp_path):
    """libblk gives each request 5 s; without them the driver would wait for 10."""
    device = VhostDisk(tmp_path, blank_disk(16 * MIB), ["silent,type=write,skip=30"])
    result = passes("blktest vda --rw --group longwrite --mib 4; dmesg", "--disk", device.disk())
    device.end()
    assert device.hits("silent") == 1, device.told()
    assert "is not answered" in result.output, str(result)
    took = int(re.search(r"1 passed, 0 failed, 0 skipped in (\d+) ms", result.output).group(1))
    assert 5000 <= took < 9500, str(result)
