"""tests/wire/wire.py: what it does to frames follows from the odds and the seed, and as a bridge it
carries them between two machines. The machines are sockets of this process."""

import argparse
import importlib.util
import socket
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "system"))
from wire import PROGRAM, Wire  # pylint: disable=wrong-import-position

SPECIFICATION = importlib.util.spec_from_file_location("wire_program", PROGRAM)
PROGRAM_MODULE = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(PROGRAM_MODULE)

FRAMES = [number.to_bytes(2, "big") + bytes(98) for number in range(2000)]
PATIENCE = 10.0  # seconds


def changed(direction=0, seed=1, **odds):
    """What comes out for FRAMES, and how often what was done."""
    options = {name: odds.get(name, 0) for name in PROGRAM_MODULE.IMPAIRMENTS}
    impairment = PROGRAM_MODULE.Impairment(
        argparse.Namespace(seed=seed, delay_ms=0, **options), direction)
    out = [out for frame in FRAMES for out in impairment.apply(frame)]
    return out + impairment.overdue(float("inf")), impairment.done


def test_nothing():
    assert changed()[0] == FRAMES


def test_loss():
    out, done = changed(drop=0.1)
    assert 100 <= done["drop"] <= 300 and len(out) == len(FRAMES) - done["drop"]
    assert out == sorted(set(out))


def test_repetition():
    out, done = changed(repeat=0.1)
    assert 100 <= done["repeat"] <= 300 and len(out) == len(FRAMES) + done["repeat"]
    assert sorted(set(out)) == FRAMES


def test_order():
    """Each that is held back comes after the next one; none is lost, the last one neither."""
    out, done = changed(reorder=0.2)
    assert done["reorder"] >= 100 and sorted(out) == FRAMES
    assert sum(a > b for a, b in zip(out, out[1:])) == done["reorder"]
    assert changed(reorder=1)[0][:4] == [FRAMES[1], FRAMES[0], FRAMES[3], FRAMES[2]]


@pytest.mark.parametrize("kind", ["shorten", "corrupt"])
def test_damage(kind):
    out, done = changed(**{kind: 0.1})
    different = [(a, b) for a, b in zip(FRAMES, out) if a != b]
    assert len(out) == len(FRAMES) and len(different) == done[kind] >= 100
    if kind == "shorten":
        assert all(0 < len(b) < len(a) and a.startswith(b) for a, b in different)
    else:
        bits = [int.from_bytes(a, "big") ^ int.from_bytes(b, "big") for a, b in different]
        assert all(bin(bit).count("1") == 1 for bit in bits)


def test_seeds():
    """Same seed, same choices; each direction has its own."""
    odds = {name: 0.1 for name in PROGRAM_MODULE.IMPAIRMENTS}
    assert changed(**odds) == changed(**odds)
    assert changed(**odds) != changed(seed=2, **odds)
    assert changed(**odds) != changed(direction=1, **odds)


class Machine:
    """One end of the wire, as QEMU has it."""

    def __init__(self, path):
        self.wire = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.wire + ".peer")
        self.socket.settimeout(PATIENCE)

    def send(self, frame):
        self.socket.sendto(frame, self.wire)

    def receive(self):
        return self.socket.recv(1 << 17)


@pytest.fixture(name="bridge")
def fixture_bridge(tmp_path):
    """bridge(word...): the wire and its two machines."""
    made = []

    def make(*words):
        wire = Wire(tmp_path, *words, bridge=True)
        machines = [Machine(path) for path in wire.paths]
        made.extend([wire, *machines])
        return wire, machines
    yield make
    for one in made:
        if isinstance(one, Wire):
            one.end()
        else:
            one.socket.close()


def test_bridge_carries(bridge):
    wire, machines = bridge()
    for frame in FRAMES[:20]:
        machines[0].send(frame)
        assert machines[1].receive() == frame
        machines[1].send(frame[:60])
        assert machines[0].receive() == frame[:60]
    assert "wire: 20 frames, 2000 bytes, 0 lost" in wire.end()


def test_bridge_holds_nothing_for_ever(bridge):
    """A frame that waits to be overtaken comes though none follows, and at the end where it was to
    come out, whatever goes the other way meanwhile."""
    _, (left, right) = bridge("--reorder", 1)
    left.send(b"to the right")
    right.send(b"to the left")
    assert right.receive() == b"to the right"
    assert left.receive() == b"to the left"


def test_delay(bridge):
    _, (left, right) = bridge("--delay-ms", 200)
    begin = time.monotonic()
    left.send(b"late")
    assert right.receive() == b"late" and time.monotonic() - begin >= 0.2
