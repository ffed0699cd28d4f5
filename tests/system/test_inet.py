"""The network server: sockets over its loopback interface, and a host behind the network driver."""

import re

import pytest

TIMEOUT = 60


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_socktest(passes, harts):
    result = passes("socktest", "--smp", str(harts), timeout=TIMEOUT)
    assert re.search(r"socktest: 17 passed, 0 failed, 0 skipped", result.output), str(result)


@pytest.mark.parametrize("options", [[], ["--transport", "pci", "--aia"]],
                         ids=["mmio", "pci-aia"])
def test_ping(passes, options):
    """The addresses come from QEMU's DHCP server and, a second or more later, its router."""
    passes("ping -c 1 127.0.0.1; ping -c 1 ::1; ping -c 20 -i 0 10.0.2.2; ping -c 8 fec0::2",
           "--net", "user", *options, timeout=TIMEOUT)


def test_driver_death(passes):
    """The interface keeps its address: the next echo finds it, whatever became of the driver."""
    passes("ping -c 20 -i 0 10.0.2.2; service kill virtio_net; ping -c 1 10.0.2.2; "
           "service kill virtio_net; ping -c 3 -i 0 10.0.2.2; service status inet",
           "--net", "user", timeout=TIMEOUT)


def test_without_interface(passes):
    """The server is there all the same, and says what is missing."""
    result = passes("ping -c 1 127.0.0.1", timeout=TIMEOUT)
    assert "1 sent, 1 answered" in result.output, str(result)
