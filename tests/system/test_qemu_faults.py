"""What QEMU itself can do to a disk: errors of the drive (blkdebug), requests that are held back, a
machine that stands still, broken rings that end in NEEDS_RESET. The client has its data or a clear
error, the driver lives unless its device is broken, and the other disk doesn't notice."""

import random
import re
import subprocess

import pytest

from conftest import BOOT_TIMEOUT, GRACE, ROOT, SECTOR
from qmp import Monitor
from test_boot import service_rows

MIB = 1 << 20
SIZE = 8 * MIB
BAD = 4096  # the sector that can't be read or written
LONGWRITE = "blktest vdb --rw --seed 5 --group longwrite --mib 2"
TIMEOUT = 60


@pytest.fixture(name="faulty")
def fixture_faulty(tmp_path, blank_disk):
    """faulty(rule..., bus) -> options of tools/run for a sound disk vda and one, vdb, whose drive
    follows these rules of blkdebug; the drive is called `faulty`."""
    def make(*rules, bus="mmio", device="", drive=""):
        image = tmp_path / "faulty.img"
        image.write_bytes(random.Random(7).randbytes(SIZE))
        rules_file = tmp_path / "rules"
        rules_file.write_text("\n".join(rules), encoding="ascii")
        kind = "virtio-blk-device" if bus == "mmio" else "virtio-blk-pci,disable-legacy=on,addr=1f"
        return ["--transport", bus, "--disk", blank_disk(SIZE), "--qemu-arg=-drive",
                f"--qemu-arg=if=none,id=faulty,file=blkdebug:{rules_file}:{image},format=raw{drive}",
                "--device", f"{kind},drive=faulty,rerror=report,werror=report{device}"]
    return make


def inject(kind, error=5, **options):
    """A rule: such requests fail with that errno."""
    lines = ["[inject-error]", 'event = "none"', f'iotype = "{kind}"', f'errno = "{error}"']
    return "\n".join(lines + [f'{name} = "{value}"' for name, value in options.items()]) + "\n"


def check_bystanders(result, restarts=0):
    """Nobody died but vdb's driver, so often."""
    rows = service_rows(result.output)
    for name in ("devman", "pm", "uart16550", "rtc", "shell", "virtio_blk", "virtio_blk.1"):
        if name in rows:
            expected = restarts if name == "virtio_blk.1" else 0
            assert rows[name][0] == "up" and int(rows[name][2]) == expected, str(result)
    assert "virtio_blk" in rows, str(result)


both_buses = pytest.mark.parametrize("bus", ["mmio", "pci"])


@both_buses
def test_a_sector_that_cannot_be_read(boot, faulty, bus):
    """It alone: its neighbours are read, again and again."""
    at = BAD * SECTOR
    result = boot(f"hexdump vdb {at} {SECTOR}; hexdump vdb {at - SECTOR} 16; "
                  f"hexdump vdb {at - 4 * SECTOR} {16 * SECTOR}; hexdump vdb {at + SECTOR} 16; "
                  "blktest vda --group read; service list",
                  *faulty(inject("read", sector=BAD, once="off"), bus=bus), timeout=TIMEOUT)
    assert result.status == 1, str(result)
    assert result.output.count("hexdump: vdb: I/O error") == 2, str(result)
    expected = random.Random(7).randbytes(SIZE)
    for position in (at - SECTOR, at + SECTOR):
        shown = expected[position:position + 16].hex(" ")
        assert f"{shown[:23]}  {shown[24:]}" in result.output, str(result)
    assert len(result.lines("PASS read/")) == 2, str(result)
    check_bystanders(result)


# What fails, and which group of blktest must see it.
ERRORS = {
    "write": (inject("write", sector=1024, once="off"), LONGWRITE),
    "write-once": (inject("write", once="on"), LONGWRITE),
    "no-space": (inject("write", error=28, once="on"), LONGWRITE),
    "read-once": (inject("read", sector=1024, once="on"), LONGWRITE),
    "flush": (inject("flush", once="on"), LONGWRITE),
    "flush-always": (inject("flush", once="off"), LONGWRITE),
    "discard": (inject("discard", once="on"), "blktest vdb --rw --group discard --message"),
    "write-zeroes": (inject("write-zeroes", once="on"), "blktest vdb --rw --group zeroes --message"),
}


@both_buses
@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_drive(boot, faulty, bus, name):
    """The client is told of what failed, and the same disk serves all else at once."""
    rule, command = ERRORS[name]
    options = faulty(rule, bus=bus, device=",discard=on,write-zeroes=on",
                     drive=",discard=unmap")
    result = boot(f"{command}; blktest vdb --group read; blktest vda --group read; service list",
                  *options, timeout=TIMEOUT)
    assert result.status == 1 and "found EIO" in result.output, str(result)
    assert len(result.lines("PASS read/")) == 4, str(result)
    check_bystanders(result)


def talk(arguments, commands, actions):
    """Runs the machine; each (text, action) does action(monitor) when the console shows the text."""
    socket = arguments.pop(0)
    command = [ROOT / "tools" / "run", "--timeout", str(BOOT_TIMEOUT), "--qmp", socket, *arguments,
               "-e", commands]
    shown, left = [], list(actions)
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as machine:
        monitor = Monitor(socket)
        for line in machine.stdout:
            shown.append(line)
            while left and left[0][0] in line:
                left.pop(0)[1](monitor)
        monitor.close()
        status = machine.wait(GRACE)
    assert not left, "".join(shown)
    return status, "".join(shown)


def human(monitor, command):
    """A command of QEMU's monitor for people."""
    monitor.command("human-monitor-command", **{"command-line": command})


@both_buses
def test_a_request_that_is_held_back(faulty, tmp_path, bus):
    """For two seconds, as a disk that spins up would: its client waits, another one doesn't."""
    def hold(monitor):
        human(monitor, 'qemu-io faulty "break read_aio held"')

    def let_go(monitor):
        human(monitor, 'qemu-io faulty "resume held"')
    # The first line is shown before the request is made, the next when the other program has ended.
    status, output = talk([tmp_path / "qmp", *faulty(bus=bus)],
                          "echo hold; sleep 0.3; together hexdump vdb 0 512 -- "
                          "blktest vda --group read -- sleep 2; echo; service list",
                          [("hold", hold), ("2 passed", let_go)])
    assert status == 0 and len(re.findall("^PASS read/", output, re.M)) == 2, output
    rows = service_rows(output)
    assert rows["virtio_blk"][2] == rows["virtio_blk.1"][2] == "0", output


def test_a_machine_that_stands_still(blank_disk, tmp_path):
    """QEMU stops it in the midst of requests, and lets it go on."""
    def pause(monitor):
        for _ in range(5):
            monitor.command("stop")
            monitor.command("cont")
    status, output = talk([tmp_path / "qmp", "--disk", blank_disk(16 * MIB)],
                          "echo begin; blktest vda --rw --group longwrite --mib 8; service list",
                          [("begin", pause)])
    assert status == 0 and service_rows(output)["virtio_blk"][2] == "0", output


@pytest.mark.parametrize("limits, command", [
    ("throttling.iops-total=100", "blktest vda --group read"),
    ("throttling.bps-write=2097152", LONGWRITE.replace("vdb", "vda")),
])
def test_a_throttled_disk(passes, blank_disk, limits, command):
    """Late isn't lost: nobody is restarted for it."""
    result = passes(f"{command}; service list", "--disk", blank_disk(SIZE), "--drive-opts", limits,
                    timeout=TIMEOUT)
    check_bystanders(result)


@pytest.mark.parametrize("options", [
    ["--transport", "mmio"], ["--transport", "pci"], ["--transport", "pci", "--aia"],
], ids=lambda options: "-".join(options).replace("--", ""))
@pytest.mark.parametrize("ring", ["packed=off", "packed=on", "event_idx=off", "num-queues=4"])
def test_broken_ring_ends_in_needs_reset(passes, blank_disk, options, ring):
    """The driver shows the device nonsense: QEMU sets NEEDS_RESET (but for packed rings, where it would
    look for ever, so there the driver finds out); one reset, and the client's data is right."""
    result = passes("faulttest virtio_blk avail --rw; faulttest virtio_blk used --rw; "
                    "service log virtio_blk; dmesg", "--disk",
                    f"{blank_disk(SIZE)},{ring}", *options, timeout=TIMEOUT)
    assert len(result.lines("PASS avail")) == len(result.lines("PASS used")) == 1, str(result)
    evidence = "it broke its ring" if ring == "packed=on" else "it needs a reset"
    assert f"giving the device up for a reset: {evidence}" in result.output, str(result)


@both_buses
def test_kills_while_the_drive_fails(boot, faulty, bus):
    """Deaths of the driver and errors of its drive at once: what the client was told is true."""
    options = faulty(inject("write", sector=1024, once="off"), bus=bus)
    result = boot(f"{LONGWRITE} --kill-every-ms 100 --service virtio_blk.1; service list; "
                  "blktest vda --group read", *options, timeout=TIMEOUT)
    assert result.status == 1 and "found EIO" in result.output, str(result)
    assert service_rows(result.output)["virtio_blk"][2] == "0", str(result)
    assert len(result.lines("PASS read/")) == 2, str(result)
