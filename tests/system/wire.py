"""The wire of tests/wire: started for a test, with what it does to frames."""

import subprocess
import sys

from conftest import ROOT

PROGRAM = ROOT / "tests" / "wire" / "wire.py"
PATIENCE = 10.0  # seconds


class Wire:
    """A peer on an Ethernet wire that answers what nettest asks for."""

    def __init__(self, directory, *words):
        self.end_path = directory / "wire"
        self.process = subprocess.Popen([sys.executable, PROGRAM, self.end_path, *map(str, words)],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def net(self, options=""):
        """What tools/run's --net takes; the options are the interface's."""
        ends = f"local.type=unix,local.path={self.end_path}.peer," \
               f"remote.type=unix,remote.path={self.end_path}"
        return f"dgram:{ends}" + (f";{options}" if options else "")

    def end(self):
        """Ends it; what it says of the frames that it had."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[0]
