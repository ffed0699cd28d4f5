"""The block device of tests/vhost: started for a test, misbehaving as ordered."""

import os
import subprocess
import time

from conftest import ROOT

PROGRAM = ROOT / "build" / "host" / "vhost_blk"
PATIENCE = 10.0  # seconds


class VhostDisk:
    """An image behind a vhost-user device; words are what follows --fault (tests/vhost/fault.h), or
    whole options (tests/vhost/identity.h)."""

    def __init__(self, directory, image, words, seed=1):
        self.image = image
        self.socket = directory / "vhost"
        self.output = directory / "vhost.out"
        command = [PROGRAM, "--socket", self.socket, "--image", image, "--seed", str(seed)]
        for word in words:
            command += word.split() if word.startswith("--") else ["--fault", word]
        # A search for leaks would stop the process with a debugger's means, which not every
        # build machine lets it have.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                            env=environment)
        deadline = time.monotonic() + PATIENCE
        while not self.socket.is_socket():
            assert self.process.poll() is None and time.monotonic() < deadline, self.told()
            time.sleep(0.01)

    def disk(self):
        """What tools/run's --disk takes."""
        return f"vhost:{self.socket}"

    def told(self):
        return self.output.read_text(errors="replace")

    def hits(self, kind):
        """How often it committed a fault."""
        return self.told().count(f"fault {kind}:")

    def end(self):
        """Ends the device; what wasn't flushed is in the file or not, as its faults have it."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
