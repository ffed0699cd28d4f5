"""QEMU's machine protocol (QMP), as much of it as tests need."""

import json
import socket
import time

PATIENCE = 20.0  # seconds


class Monitor:
    """A connection to the socket that was given to tools/run --qmp."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.monotonic() < deadline, f"nobody listens at {path}"
                time.sleep(0.02)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, command, /, **arguments):
        """What the command returns; events that come meanwhile are passed over."""
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            assert "error" not in answer, f"{command}: {answer}"
            if "return" in answer:
                return answer["return"]

    def disk(self):
        """query-block's record of the machine's first disk."""
        return next(entry for entry in self.command("query-block") if "inserted" in entry)

    def close(self):
        self.stream.close()
        self.socket.close()
