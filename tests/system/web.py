"""A machine with a web server, as clients out here see it."""

import hashlib
import socket
import struct
import subprocess

from console import Console
from peer import free_port, receive_all

PATIENCE = 60.0  # seconds
MIB = 1 << 20
MASK = (1 << 64) - 1
BLOCK_WORDS = 512
# For curl, until the server is there.
AGAIN = ("--retry", "60", "--retry-delay", "1", "--retry-all-errors", "--retry-connrefused")


def pattern(size, seed=0):
    """The content of /pattern/SIZE/SEED, as commands/httpd/pattern.c describes it."""
    def mix(state):
        z = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return z ^ z >> 31
    base = int.from_bytes(struct.pack("<512Q", *map(mix, range(BLOCK_WORDS))), "little")
    every_word = sum(1 << 64 * i for i in range(BLOCK_WORDS))
    blocks = []
    for block in range((size + 4095) // 4096):
        key = ((block + 1 + (seed << 32)) * 0x9E3779B97F4A7C15) & MASK
        blocks.append((base ^ key * every_word).to_bytes(4096, "little"))
    return b"".join(blocks)[:size]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Site:
    """A machine that serves, and its ports out here: of port 80, and of port 81 for a second server."""

    def __init__(self, *options, timeout=120):
        self.port, self.second = free_port(), free_port()
        self.machine = Console("--hostfwd", f"tcp:127.0.0.1:{self.port}:80",
                               "--hostfwd", f"tcp:127.0.0.1:{self.second}:81", *options,
                               timeout=timeout)

    def __enter__(self):
        self.machine.__enter__()
        return self

    def __exit__(self, *how):
        return self.machine.__exit__(*how)

    def url(self, path):
        return path if path.startswith("http:") else f"http://127.0.0.1:{self.port}{path}"

    def curl(self, path, *options, data=None):
        """What curl prints; it must succeed."""
        command = ["curl", "-sS", "-m", str(PATIENCE), *options, self.url(path)]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}\n{self.machine}"
        return done.stdout

    def talk(self, text, port=None):
        """Says something raw, then no more: all that is answered until the end."""
        with socket.create_connection(("127.0.0.1", port or self.port), PATIENCE) as connection:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_WR)
            return receive_all(connection).decode(errors="replace")


def get(path, *fields, method="GET", body=""):
    lines = "".join(field + "\r\n" for field in fields)
    return f"{method} {path} HTTP/1.1\r\nHost: anole\r\n{lines}\r\n{body}"
