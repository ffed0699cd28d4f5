"""A machine with somebody at its console, in the background: for tests whose other half is outside."""

import os
import subprocess
import threading
import time

from conftest import BOOT_TIMEOUT, ROOT, Result

PROMPT = "anole> "
PATIENCE = 30.0  # seconds, for a command or a text


class Console:
    """with Console(options...) as machine: ends with the block, by power-off if all went well. root is
    the tree whose system boots."""

    def __init__(self, *arguments, timeout=BOOT_TIMEOUT, root=ROOT):
        command = [str(root / "tools" / "run"), "--timeout", str(timeout), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.shown = ""
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        try:
            self.wait_for(PROMPT)
        except AssertionError:
            self.process.terminate()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.process.poll() is None, f"it ended by itself\n{self}"
            self.type("poweroff")
        else:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()
        if kind is None:
            assert self.process.returncode == 0, str(self)

    def __str__(self):
        return str(Result(self.process.returncode, self.shown, ""))

    def read(self):
        data = b"x"
        while data:
            data = os.read(self.process.stdout.fileno(), 65536)
            with self.changed:
                self.shown += data.decode(errors="replace").replace("\r", "")
                self.ended = not data
                self.changed.notify_all()

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()

    def wait_for(self, text, since=0, patience=PATIENCE):
        """Until the console has shown the text behind that position: the position behind it."""
        deadline = time.monotonic() + patience
        with self.changed:
            while text not in self.shown[since:]:
                assert not self.ended, f"it ended, and didn't show {text!r}\n{self}"
                left = deadline - time.monotonic()
                assert left > 0, f"it doesn't show {text!r}\n{self}"
                self.changed.wait(left)
            return self.shown.index(text, since) + len(text)

    def command(self, line, patience=PATIENCE):
        """Types it, and waits for its end: what it printed."""
        begin = len(self.shown)
        self.type(line)
        end = self.wait_for("\n" + PROMPT, begin, patience)
        return self.shown[begin:end - len(PROMPT)].partition("\n")[2]
