"""A machine that runs beside the test: what it has printed can be waited for."""

import subprocess
import threading
import time

from conftest import ROOT, Result

PATIENCE = 60.0  # seconds


class Machine:
    """tools/run with these commands and options, in the background."""

    def __init__(self, commands, *options, timeout=PATIENCE):
        self.output = ""
        self.process = subprocess.Popen(
            [str(ROOT / "tools" / "run"), "--timeout", str(int(timeout)), "-e", commands,
             *map(str, options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.output += line.decode(errors="replace").replace("\r", "")

    def wait_for(self, text, seconds=PATIENCE):
        """Until that was printed; it must be."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.reader.is_alive() and time.monotonic() < deadline, \
                f"no '{text}' in\n{self.output}"
            time.sleep(0.02)

    def join(self):
        """Until it ends by itself, or its time is over."""
        status = self.process.wait(PATIENCE + 30)
        self.reader.join()
        return Result(status, self.output, "")

    def end(self):
        """Now."""
        self.process.terminate()
        return self.join()
