"""What QEMU's own network back ends don't have, over a device of ours (tests/vhost/net): checksums and
segments left to the device, frames in several buffers, headers that lie, a back end that goes and
comes. (With MSI-X QEMU 7.2 itself dies when vhost-user-net starts: lines here; a tap interface has
messages, test_tap.py.)"""

import re

import pytest

from vhost import VhostNet

TIMEOUT = 100
ALONE = "service stop inet; "
OFFLOADS = "nettest eth0 checksums segments headers lies"


@pytest.fixture(name="device")
def fixture_device(tmp_path):
    """device(word...) starts one; it must have found nothing wrong with what the driver sent."""
    devices = []

    def start(*words, **options):
        devices.append(VhostNet(tmp_path, *words, **options))
        return devices[-1]
    yield start
    for one in devices:
        one.end()


def check(result, device, skipped=0):
    assert re.search(rf"nettest: \d+ passed, 0 failed, {skipped} skipped", result.output), str(result)
    for frames, lost, wrong in device.report():
        assert (lost, wrong) == (0, 0) and any(frames), device.told()


@pytest.mark.parametrize("before, net, options", [
    (ALONE, "", ()),
    ("", "", ("--smp", "4")),
    (ALONE, "packed=on", ("--transport", "pci")),
    (ALONE, "vectors=0", ("--transport", "pci", "--aia", "--smp", "4"))],
    ids=["mmio", "mmio-beside-inet", "pci-packed", "pci-aia"])
def test_offloads(passes, device, before, net, options):
    """Alone, frames lie in the client's own buffers; beside the network server they are copied."""
    wire = device()
    result = passes(f"{before}{OFFLOADS}", "--net", wire.net(net), *options, timeout=TIMEOUT)
    check(result, wire)


@pytest.mark.parametrize("without, skipped", [
    (("mrg-rxbuf",), 2), (("guest-csum", "event-idx"), 2), (("csum", "indirect"), 2)])
def test_fewer_offloads(passes, device, without, skipped):
    """What the device lacks nobody uses; the rest works."""
    wire = device(*(word for feature in without for word in ("--without", feature)))
    result = passes(ALONE + OFFLOADS, "--net", wire.net(), timeout=TIMEOUT)
    check(result, wire, skipped)


@pytest.mark.parametrize("pairs", [1, 4])
def test_conformance(passes, device, pairs):
    """All that is tested without offloads holds with them, and with several pairs of queues; the back
    end may go and come."""
    wire = device("--pairs", pairs)
    result = passes(ALONE + "nettest eth0; nettest eth0 reconnect; dmesg", "--net",
                    wire.net(f"queues={pairs}"), timeout=TIMEOUT)
    assert "PASS reconnect" in result.output, str(result)
    assert (f"{pairs} pairs of queues" in result.output) == (pairs > 1), str(result)
    check(result, wire)


@pytest.mark.parametrize("options, packed", [
    (("--smp", "4"), ""), (("--transport", "pci"), ",packed=on")], ids=["mmio", "pci-packed"])
def test_pairs_of_queues(passes, device, options, packed):
    """Beside the network server, which has a session, nettest's frames take other pairs."""
    wire = device("--pairs", 4)
    result = passes(f"{OFFLOADS} many clients slow-client client recovery", "--net",
                    wire.net("queues=4" + packed), *options, timeout=TIMEOUT)
    check(result, wire)
    assert any(wire.report()[0][0][2:]), wire.told()
