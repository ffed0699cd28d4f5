#!/usr/bin/env python3
"""A wire for tests: raw Ethernet frames on QEMU's -netdev dgram, one frame a datagram.

With one end it answers what tests ask for by frames of EtherType 0x88b5 (below); with two (--bridge)
it carries frames between them. Either way it can lose, repeat, reorder, delay, shorten and corrupt
them, each with a probability; all choices follow from the seed.

A request's first payload byte says what is wanted, its second is a count, the next two a length:

    E  echo: the same frame back to its sender, `count` times (0: once)
    S  `count` frames of `length` bytes, numbered from 0, to the address in the next six bytes; a tag of
       VLAN `vlan` (two more bytes) unless that is 0xffff
    R  raw: the bytes behind the first ten are sent as they are, whatever they are
    Q  be silent: no answer (what was sent is still counted)

When told to end it prints how many frames it has had, and what it did to them.
"""

import argparse
import collections
import os
import random
import select
import signal
import socket
import struct
import sys
import time

ETHERTYPE = 0x88B5
ADDRESS = bytes.fromhex("02000000aa01")
HEADER = struct.Struct("!6s6sH")
NUMBER = struct.Struct("!cBH6sHH")  # request: kind, count, length, address, vlan, number
FRAME_MIN = HEADER.size
IMPAIRMENTS = ("drop", "repeat", "reorder", "shorten", "corrupt")


class Impairment:
    """What the wire does to frames besides carrying them."""

    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.odds = {name: getattr(options, name) for name in IMPAIRMENTS}
        self.delay = options.delay_ms / 1000
        self.done = collections.Counter()
        self.held = None

    def strikes(self, name):
        hit = self.odds[name] > 0 and self.random.random() < self.odds[name]
        self.done[name] += hit
        return hit

    def damaged(self, frame):
        if self.strikes("shorten"):
            frame = frame[:self.random.randrange(1, len(frame))]
        if self.strikes("corrupt"):
            at = self.random.randrange(len(frame))
            frame = frame[:at] + bytes([frame[at] ^ (1 << self.random.randrange(8))]) + frame[at + 1:]
        return frame

    def apply(self, frame):
        """The frames that come out for one that goes in. One that is held back comes after the next."""
        if self.strikes("drop"):
            return []
        frames = [self.damaged(frame)]
        if self.strikes("repeat"):
            frames.append(frames[0])
        if self.held is not None:
            frames.append(self.held)
            self.held = None
        elif self.strikes("reorder"):
            self.held = frames.pop()
        return frames


class End:
    """One end of the wire: a machine's -netdev dgram."""

    def __init__(self, path, peer):
        self.peer = peer
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(path)
        self.socket.setblocking(False)
        self.count = collections.Counter()

    def fileno(self):
        return self.socket.fileno()

    def receive(self):
        try:
            frame = self.socket.recv(1 << 17)
        except (BlockingIOError, ConnectionRefusedError):
            return None
        self.count["frames"] += 1
        self.count["bytes"] += len(frame)
        return frame

    def send(self, frame):
        """A machine that doesn't listen, or not fast enough, loses the frame."""
        for _ in range(5000):
            try:
                self.socket.sendto(frame, self.peer)
                return
            except (BlockingIOError, InterruptedError):
                time.sleep(0.001)
            except OSError:
                break
        self.count["lost"] += 1


def numbered(request, number):
    """Frame `number` of those that an S asks for."""
    _, _, length, address, vlan, _ = NUMBER.unpack(request)
    if vlan == 0xFFFF:
        frame = HEADER.pack(address, ADDRESS, ETHERTYPE)
    else:
        frame = address + ADDRESS + struct.pack("!HHH", 0x8100, vlan, ETHERTYPE)
    frame += struct.pack("!cBH", b"N", 0, number)
    return (frame + bytes(i & 0xFF for i in range(length)))[:length]


def answers(frame):
    """The frames that answer one from a test."""
    if len(frame) < FRAME_MIN:
        return []
    _, source, ethertype = HEADER.unpack_from(frame)
    payload = frame[FRAME_MIN:]
    if ethertype != ETHERTYPE or not payload:
        # Frames too short to say anything come back, too.
        return [source + ADDRESS + frame[12:]] if ethertype == ETHERTYPE else []
    kind = payload[:1]
    if kind == b"E":
        echo = source + ADDRESS + frame[12:]
        return [echo] * max(1, payload[1] if len(payload) > 1 else 1)
    if kind == b"S" and len(payload) >= NUMBER.size:
        request = payload[:NUMBER.size]
        return [numbered(request, n) for n in range(payload[1])]
    if kind == b"R":
        return [payload[10:]]
    return []


class Wire:
    def __init__(self, ends, impairment):
        self.ends = ends
        self.impairment = impairment
        self.queue = collections.deque()  # (when, end, frame)

    def put(self, end, frame):
        for out in self.impairment.apply(frame):
            self.queue.append((time.monotonic() + self.impairment.delay, end, out))

    def take(self, index):
        frame = self.ends[index].receive()
        if frame is None:
            return False
        if len(self.ends) == 2:
            self.put(self.ends[1 - index], frame)
        else:
            for answer in answers(frame):
                self.put(self.ends[0], answer)
        return True

    def flush(self):
        """Sends what is due; returns seconds until the next is, or None."""
        while self.queue:
            wait = self.queue[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, end, frame = self.queue.popleft()
            end.send(frame)
        return None

    def run(self):
        while True:
            ready, _, _ = select.select(self.ends, [], [], self.flush())
            for end in ready:
                while self.take(self.ends.index(end)):
                    self.flush()


def probability(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no probability")
    return value


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("end", help="this end's socket: made here; the machine's is END.peer")
    parser.add_argument("--bridge", metavar="END", help="the other end's socket")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay-ms", type=float, default=0)
    for name in IMPAIRMENTS:
        parser.add_argument(f"--{name}", type=probability, default=0, metavar="P")
    return parser.parse_args()


class Told(Exception):
    """A signal told the wire to end."""


def on_signal(_number, _frame):
    raise Told


def main():
    options = parse()
    signal.signal(signal.SIGTERM, on_signal)
    paths = [path for path in (options.end, options.bridge) if path]
    ends = [End(path, path + ".peer") for path in paths]
    impairment = Impairment(options)
    print("ready", flush=True)
    try:
        Wire(ends, impairment).run()
    except (Told, KeyboardInterrupt):
        pass
    for path, end in zip(paths, ends):
        print(f"{os.path.basename(path)}: {end.count['frames']} frames, {end.count['bytes']} bytes, "
              f"{end.count['lost']} lost on the way to the machine")
    print(", ".join(f"{name} {impairment.done[name]}" for name in IMPAIRMENTS), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
