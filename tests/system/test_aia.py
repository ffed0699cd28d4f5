"""Machines with APLIC and IMSICs: every wired interrupt is a message to a hart."""

import time

import pytest

from conftest import launch
from console import PROMPT, Console
from test_attack import ATTACKS, summary
from test_boot import SERVICES, service_rows


@pytest.mark.parametrize("harts", [1, 2, 4, 8])
def test_services_and_interrupts(passes, harts):
    result = passes("service list; ipctest; blktest vda", "--aia", "--smp", harts)
    rows = service_rows(result.output)
    for name in SERVICES:
        assert rows[name][0] == "up", str(result)
    assert summary(result, "ipctest")[1] == 0, str(result)


def test_interrupts_of_the_dead(passes):
    """The line of a driver that died, or never bound it, is its successor's."""
    passes("faulttest virtio_blk load; faulttest virtio_blk no-irq; faulttest uart16550 spin; "
           "blktest vda", "--aia", "--smp", 2)


def test_a_line_that_stays_up():
    """What is typed while nobody reads it keeps the line up: the one hart isn't its driver's alone, who is
    found as on any machine."""
    with Console("--aia") as machine:
        begin = len(machine.shown)
        machine.type("faulttest uart16550 silent")
        machine.wait_for("times in ms", begin)
        while "faulttest uart16550: " not in machine.shown[begin:]:
            machine.process.stdin.write(b" ")
            machine.process.stdin.flush()
            time.sleep(0.02)
        machine.wait_for(PROMPT, begin)
        assert "faulttest uart16550: 1 passed" in machine.shown, str(machine)
        assert "of uart16550: still up whenever it has waited" in machine.command("dmesg"), \
            str(machine)


@pytest.mark.parametrize("chips, vectors", [
    ([], ",vectors=0"), (["--aia"], ",vectors=0"), (["--aia"], ""),
], ids=["plic-line", "aplic-line", "messages"])
def test_two_drivers_at_once(passes, blank_disk, chips, vectors):
    """Slots 1 and 5 have one line; with vectors, and controllers for them, each has its own. (What counts
    exactly, blktest's group counters, must be alone.)"""
    groups = " ".join(f"--group {group}" for group in (
        "info", "read", "vectors", "fairness", "flood", "cancel", "deadlines", "libblk"))
    result = passes(f"lsdev; together rngtest -- blktest vda {groups}; faulttest virtio_blk silent; "
                    "rngtest", *chips, "--transport", "pci", "--smp", 2,
                    "--disk", f"{blank_disk(64 << 20)},addr=1{vectors}",
                    "--device", f"virtio-rng-pci,disable-legacy=on,addr=5{vectors}")
    blk, rng = (next(line for line in result.output.splitlines() if name in line).split()
                for name in ("pci:00:01.0", "pci:00:05.0"))
    assert (blk[5] == rng[5]) == (vectors != ""), str(result)
    assert summary(result, "rngtest")[1] == 0, str(result)


@pytest.mark.parametrize("harts", [1, 4])
def test_malice(passes, harts):
    result = passes(f"malice --attempts 20000 --seed {harts}; hexdump vda 0 512", "--aia",
                    "--smp", harts, timeout=300)
    assert summary(result, "malice") == (len(ATTACKS), 0, 0), str(result)


def test_unknown_interrupt_controllers_are_said():
    result = launch("-e", "echo", "--qemu-arg=-machine", "--qemu-arg=aia=aplic", timeout=30)
    assert result.status == 70
    assert "no interrupt controller" in result.output, str(result)
