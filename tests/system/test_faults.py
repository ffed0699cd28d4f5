"""Faults by order: what each must lead to, and deaths at every step."""

import re

import pytest

from wire import Wire

DEATHS = ("load", "store", "jump", "illegal", "privileged", "overflow", "spin", "sleep", "silent",
          "exit", "panic", "avail", "used", "flood-calls", "flood-bells", "flood-log")
HUNG = ("spin", "sleep", "silent", "flood-calls", "flood-bells", "flood-log")
LIVES = ("wild", "forge", "channel", "unasked", "early", "hoard-frames", "hoard-handles",
         "hoard-callers", "no-irq")
NEED_LOAD = ("avail", "used", "channel", "unasked", "early", "flood-bells", "no-irq")
PHASES = ("dead", "quiesced", "spawned", "ready", "published", "served")
# Fewer steps than any start of the block driver and one round of requests have.
STEPS = {"die-call": 15, "die-ring": 60, "die-register": 40, "die-reply": 3}


def told(result, verdict):
    """By kind, the line that says so."""
    lines = (line.split(maxsplit=1) for line in result.lines(verdict + " "))
    return {rest.split()[0]: rest for _, rest in lines}


def check_every_kind(result):
    passed = told(result, "PASS")
    for kind in DEATHS + LIVES:
        assert kind in passed, f"{kind}\n{result}"
    for kind in DEATHS:
        for phase in PHASES + (("detected",) if kind in HUNG else ()):
            assert f" {phase} " in passed[kind], f"{kind}: no phase {phase}\n{result}"


def check_sweep(result):
    for kind, least in STEPS.items():
        deaths = re.search(rf"PASS {kind} +(\d+) deaths", result.output)
        assert deaths and int(deaths.group(1)) >= least, f"{kind}\n{result}"


@pytest.mark.parametrize("harts", [1, 4])
def test_every_kind(passes, harts):
    check_every_kind(passes("faulttest virtio_blk all --rw; blktest vda", "--smp", harts,
                            timeout=240))


def test_reading_only(passes):
    """Without --rw nothing is written, so one kind makes no sense."""
    result = passes("faulttest virtio_blk early; faulttest virtio_blk unasked")
    assert "early" in told(result, "skip") and "unasked" in told(result, "PASS"), str(result)


@pytest.mark.parametrize("service", ["uart16550", "rtc", "devman"])
def test_other_services(passes, service):
    result = passes(f"faulttest {service} all --rw; faulttest {service} sweep --rw; "
                    "service list; blktest vda", timeout=240)
    passed, skipped = told(result, "PASS"), told(result, "skip")
    for kind in DEATHS + LIVES:
        assert kind in (skipped if kind in NEED_LOAD else passed), f"{kind}\n{result}"
    assert int(re.search(r"die-call +(\d+) deaths", result.output).group(1)) > 0, str(result)


@pytest.mark.parametrize("harts", [1, 2, 4])
@pytest.mark.parametrize("mode", ["", "--rw"])
def test_sweep(passes, harts, mode):
    """The driver dies before each of its steps; the client's data is right each time."""
    result = passes(f"faulttest virtio_blk sweep {mode}; service status virtio_blk; blktest vda",
                    "--smp", harts, timeout=240)
    check_sweep(result)


@pytest.fixture(name="wire")
def fixture_wire(tmp_path):
    one = Wire(tmp_path)
    yield one
    one.end()


ALONE = "service stop inet; "
PCI = ("--transport", "pci", "--aia", "--smp", "4")


@pytest.mark.parametrize("before, options", [
    (ALONE, ()), ("", ("--smp", "4")), (ALONE, PCI), ("", PCI)],
    ids=["mmio-alone", "mmio-beside", "pci-alone", "pci-beside"])
def test_every_kind_of_the_network(wire, passes, before, options):
    """The load's frames come back right, whatever was lost on the way; beside it, the network server
    has a session that may be hit instead, and lives."""
    result = passes(f"{before}faulttest virtio_net all; nettest eth0 single pool", "--net",
                    wire.net(), *options, timeout=240)
    check_every_kind(result)


@pytest.mark.parametrize("options", [(), PCI], ids=["mmio", "pci"])
def test_sweep_of_the_network(wire, passes, options):
    """The interface's driver dies before each of its steps; all memory is back each time."""
    result = passes(f"{ALONE}faulttest virtio_net sweep; nettest eth0 single pool; "
                    "service log devman", "--net", wire.net(), *options, timeout=240)
    check_sweep(result)


def test_network_without_a_peer(passes):
    """Nobody echoes: what needs frames is skipped, and said."""
    result = passes("faulttest virtio_net used", "--net", "user")
    assert "used" in told(result, "skip"), str(result)
    assert "no peer on the wire of eth0 echoes" in result.output


def test_one_step(passes):
    result = passes("faulttest virtio_blk die-register 3; faulttest virtio_blk die-call 9999")
    lines = result.lines("PASS")
    assert "died and came back" in lines[0] and "didn't come to it" in lines[1], str(result)


@pytest.mark.parametrize("arguments", ["", "virtio_blk", "virtio_blk nothing", "virtio_blk die-call",
                                       "virtio_blk die-call 0", "virtio_blk all --write"])
def test_usage(boot, arguments):
    result = boot(f"faulttest {arguments}")
    assert result.status == 2 and "usage: faulttest" in result.output, str(result)


def test_two_at_once_are_refused(boot):
    """Each would take the other's deaths for its own: the later one says so, and orders nothing."""
    result = boot("together --apart 100 faulttest rtc hoard-callers -- faulttest rtc panic; "
                  "service log rtc")
    assert "faulttest: another one is running" in result.output, str(result)
    assert re.search(r" inject +\S+ +answers pings", result.output), str(result)
    assert result.output.count(" inject ") == 1, str(result)
