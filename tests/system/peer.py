"""Peers on this machine for programs inside: each serves one connection at a time, in the background."""

import hashlib
import socket
import struct
import threading

PATIENCE = 30.0  # seconds
HERE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def free_port(kind=socket.SOCK_STREAM):
    """One that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((HERE[socket.AF_INET], 0))
        return one.getsockname()[1]


def reset(connection):
    """Ends a connection with a reset instead of an end of data."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def receive_all(connection):
    """What comes until the end of data."""
    data = bytearray()
    while block := connection.recv(65536):
        data += block
    return bytes(data)


def exactly(connection, count):
    """The next `count` bytes."""
    data = bytearray()
    while len(data) < count:
        block = connection.recv(count - len(data))
        assert block, f"the end after {len(data)} of {count} bytes"
        data += block
    return bytes(data)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Peer:
    """Listens at a free port of this machine and does `serve(connection)` once for each connection;
    of datagrams, `serve(socket)` once. What serve returned is in results, when joined."""

    def __init__(self, serve, kind=socket.SOCK_STREAM, family=socket.AF_INET, times=1,
                 address=None):
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((address or HERE[family], 0))
        self.port = self.socket.getsockname()[1]
        self.results = []
        if kind == socket.SOCK_STREAM:
            self.socket.listen(8)
        run = self.run_stream if kind == socket.SOCK_STREAM else self.run_datagrams
        self.thread = threading.Thread(target=run, args=(serve, times), daemon=True)
        self.thread.start()

    def run_stream(self, serve, times):
        for _ in range(times):
            connection, _ = self.socket.accept()
            connection.settimeout(PATIENCE)
            with connection:
                self.results.append(serve(connection))

    def run_datagrams(self, serve, times):
        for _ in range(times):
            self.results.append(serve(self.socket))

    def join(self):
        """The results, once it has served as often as it was to."""
        self.thread.join(PATIENCE)
        self.socket.close()
        return self.results
