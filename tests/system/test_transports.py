"""virtio devices on each bus: legacy and modern MMIO, PCI with a line and with vectors."""

import re

import pytest

from test_boot import service_rows
from test_disks import BLKTEST_TIMEOUT

TRANSPORTS = [["mmio"], ["mmio-legacy"], ["pci"], ["pci", "--aia"], ["mmio", "--aia"],
              ["mmio-legacy", "--aia"]]
OPTIONS = ["packed=on", "event_idx=off", "indirect_desc=off", "num-queues=4",
           "logical_block_size=4096,physical_block_size=4096", "queue-size=8"]


def name(transport):
    return "-".join(transport).replace("--", "")


def rng(transport):
    """The option for an entropy device on that bus."""
    device = "virtio-rng-pci,disable-legacy=on" if transport[0] == "pci" else "virtio-rng-device"
    return ["--device", device]


def dump_of(result):
    """What `virtio dump` says, by the word that its lines begin with."""
    return dict(re.findall(r"^(\w+(?: \w+)?) {2,}(\S.*)$", result.output, re.MULTILINE))


@pytest.mark.parametrize("transport,harts", [
    *((transport, 1) for transport in TRANSPORTS[1:]), (["mmio-legacy"], 3), (["pci"], 3),
    (["pci", "--aia"], 3)], ids=lambda value: name(value) if isinstance(value, list) else str(value))
def test_blktest(passes, transport, harts):
    result = passes("blktest vda --rw", "--transport", *transport, "--smp", harts,
                    timeout=BLKTEST_TIMEOUT)
    assert result.lines("PASS counters") and not result.lines("FAIL"), str(result)


@pytest.mark.parametrize("transport", TRANSPORTS[1:4], ids=name)
@pytest.mark.parametrize("options", OPTIONS)
def test_device_options(passes, random_disk, transport, options):
    disk = random_disk(65536)
    # The budget of kicks and interrupts, which event_idx=off can't hold, isn't asked for here.
    result = passes("; ".join(f"blktest vda --rw --group {group}"
                              for group in ("read", "write", "flush", "libblk", "recovery")),
                    "--transport", *transport, "--disk", f"{disk},{options}",
                    timeout=BLKTEST_TIMEOUT)
    assert result.lines("PASS") and not result.lines("FAIL"), str(result)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=name)
def test_entropy(passes, transport):
    result = passes("rngtest; random 64; virtio dump random", "--transport", *transport,
                    *rng(transport))
    assert result.lines("rngtest: 4 passed, 0 failed, 0 skipped"), str(result)
    numbers = result.lines(tuple("0123456789abcdef"))
    assert len({line for line in numbers if re.fullmatch("[0-9a-f]{64}", line)}) == 2, str(result)
    told = dump_of(result)
    assert ("legacy" in told["device"]) == (transport[0] == "mmio-legacy"), str(result)
    assert (told["vectors"] == "2") == (transport == ["pci", "--aia"]), str(result)
    assert ("VERSION_1" in told["accepted"]) == (transport[0] != "mmio-legacy"), str(result)


@pytest.mark.parametrize("transport", TRANSPORTS[:4], ids=name)
@pytest.mark.parametrize("options", ["packed=on", "event_idx=off"])
def test_entropy_options(passes, transport, options):
    kind, device = rng(transport)
    result = passes("rngtest; virtio dump random", "--transport", *transport, kind,
                    f"{device},{options}")
    packed = options == "packed=on" and transport[0] != "mmio-legacy"
    assert ("RING_PACKED" in dump_of(result)["accepted"]) == packed, str(result)
    assert not result.lines("FAIL")


def test_two_entropy_devices(passes):
    """The second one has a name of its own, and each its driver."""
    result = passes("random; virtio dump random1; service list", *rng(["mmio"]), *rng(["mmio"]))
    rows = service_rows(result.output[result.output.index("\nNAME "):])
    assert rows["virtio_rng"][0] == rows["virtio_rng.1"][0] == "up", str(result)


def test_no_entropy_device(boot):
    result = boot("random; service list")
    assert result.status == 1 and "random: " in result.errors + result.output, str(result)
    rows = service_rows(result.output[result.output.index("\nNAME "):])
    assert rows["virtio_rng"][0] == "no-device", str(result)


@pytest.mark.parametrize("transport", TRANSPORTS[:4], ids=name)
def test_every_fault_of_the_entropy_driver(passes, transport):
    result = passes("faulttest virtio_rng all; random", "--transport", *transport,
                    *rng(transport), timeout=180)
    assert "faulttest virtio_rng: 18 passed, 0 failed" in result.output, str(result)


@pytest.mark.parametrize("transport", [["mmio-legacy"], ["pci"], ["pci", "--aia"]], ids=name)
def test_every_fault_of_the_disk_driver(passes, transport):
    result = passes("faulttest virtio_blk all --rw", "--transport", *transport, timeout=240)
    assert "faulttest virtio_blk: 25 passed, 0 failed, 0 skipped" in result.output, str(result)


def test_dump_of_what_is_no_virtio_driver(boot):
    result = boot("virtio dump uart16550; virtio dump nobody; virtio; virtio dump")
    assert result.status != 0
    text = result.output + result.errors
    assert "virtio: uart16550: no virtio driver" in text, str(result)
    assert "virtio: nobody: no such object" in text
    assert "usage: virtio dump NAME" in text


def test_dump_of_a_dead_driver(boot):
    """Clear words, and no waiting for ever."""
    result = boot("service stop virtio_rng; virtio dump random", *rng(["mmio"]))
    assert "virtio: random: " in result.output + result.errors and result.status == 1, str(result)


def test_dump_of_a_busy_driver(passes, random_disk):
    """Everyone is answered while requests are in flight."""
    disk = random_disk(65536)
    result = passes("together blktest vda --rw --group longwrite --mib 24 -- "
                    "virtio dump vda -- virtio dump vda -- virtio dump vda", "--disk", disk)
    assert len(result.lines("operations ")) == 3, str(result)
