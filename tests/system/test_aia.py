"""Machines with APLIC and IMSICs: every wired interrupt is a message to a hart."""

import pytest

from conftest import launch
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


@pytest.mark.parametrize("harts", [1, 4])
def test_malice(passes, harts):
    result = passes(f"malice --attempts 20000 --seed {harts}; hexdump vda 0 512", "--aia",
                    "--smp", harts, timeout=300)
    assert summary(result, "malice") == (len(ATTACKS), 0, 0), str(result)


def test_unknown_interrupt_controllers_are_said():
    result = launch("-e", "echo", "--qemu-arg=-machine", "--qemu-arg=aia=aplic", timeout=30)
    assert result.status == 70
    assert "no interrupt controller" in result.output, str(result)
