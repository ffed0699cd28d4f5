"""The devices of tests/vhost: started for a test, misbehaving as ordered."""

import os
import re
import subprocess
import time

from conftest import ROOT

PROGRAMS = ROOT / "build" / "host"
PATIENCE = 10.0  # seconds


class VhostDevice:
    """A program that is a device, behind a socket (or two)."""

    def __init__(self, directory, program, words, sockets=("vhost",)):
        self.sockets = [directory / name for name in sockets]
        self.output = directory / f"{program}.out"
        command = [PROGRAMS / program, *map(str, words)]
        for path in self.sockets:
            command += ["--socket", path]
        # A search for leaks would stop the process with a debugger's means, which not every
        # build machine lets it have.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                            env=environment)
        deadline = time.monotonic() + PATIENCE
        while not all(path.is_socket() for path in self.sockets):
            assert self.process.poll() is None and time.monotonic() < deadline, self.told()
            time.sleep(0.01)

    def told(self):
        return self.output.read_text(errors="replace")

    def end(self):
        """Ends the device: its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()


class VhostDisk(VhostDevice):
    """An image behind a vhost-user device; words are what follows --fault (tests/vhost/fault.h), or
    whole options (tests/vhost/identity.h). What wasn't flushed at its end is in the file or not, as
    its faults have it."""

    def __init__(self, directory, image, words, seed=1):
        self.image = image
        arguments = ["--image", image, "--seed", seed]
        for word in words:
            arguments += word.split() if word.startswith("--") else ["--fault", word]
        super().__init__(directory, "vhost_blk", arguments)

    def disk(self):
        """What tools/run's --disk takes."""
        return f"vhost:{self.sockets[0]}"

    def hits(self, kind):
        """How often it committed a fault."""
        return self.told().count(f"fault {kind}:")


class VhostNet(VhostDevice):
    """A network interface with all offloads (tests/vhost/net): a peer is on its wire or, with two ends,
    two machines are."""

    def __init__(self, directory, *words, ends=1):
        super().__init__(directory, "vhost_net", words, [f"vhost{i}" for i in range(ends)])

    def net(self, options="", end=0):
        """What tools/run's --net takes; the options are the interface's."""
        return f"vhost:{self.sockets[end]}" + (f";{options}" if options else "")

    def report(self):
        """Ends it: for each end the frames of its rings, and how many it lost and found wrong."""
        assert self.end() == 0, self.told()
        return [([int(count) for count in frames.split()], int(lost), int(wrong))
                for frames, lost, wrong in re.findall(
                    r"^frames:([\d ]+); (\d+) lost, (\d+) wrong", self.told(), re.M)]
