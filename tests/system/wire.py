"""The wire of tests/wire: started for a test, with what it does to frames."""

import subprocess
import sys

from conftest import ROOT

PROGRAM = ROOT / "tests" / "wire" / "wire.py"
PATIENCE = 10.0  # seconds


class Wire:
    """A peer on an Ethernet wire that answers what nettest asks for, or (bridge) a wire between two
    machines. The words are what it does to frames: "--drop", 0.02, "--seed", 7 ..."""

    def __init__(self, directory, *words, bridge=False):
        self.paths = [directory / "wire"]
        if bridge:
            self.paths.append(directory / "wire2")
            words = ("--bridge", self.paths[1], *words)
        self.process = subprocess.Popen([sys.executable, PROGRAM, self.paths[0], *map(str, words)],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def net(self, options="", end=0):
        """What the tools/run --net of the machine at that end takes; the options are the
        interface's. Each end has an address of its own (mac())."""
        path = self.paths[end]
        ends = f"local.type=unix,local.path={path}.peer,remote.type=unix,remote.path={path}"
        if end > 0:
            options = f"mac={self.mac(end)}" + (f",{options}" if options else "")
        return f"dgram:{ends}" + (f";{options}" if options else "")

    @staticmethod
    def mac(end=0):
        """The first one is what QEMU gives its first interface."""
        return f"52:54:00:12:34:{0x56 + end:02x}"

    @staticmethod
    def link_local(end=0):
        """The IPv6 address that follows from it."""
        return f"fe80::5054:ff:fe12:34{0x56 + end:02x}"

    def end(self):
        """Ends it; what it says of the frames that it had."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[0]
