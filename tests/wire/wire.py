#!/usr/bin/env python3
"""A wire for tests: raw Ethernet frames on QEMU's -netdev dgram, one frame a datagram.

With one end it answers what tests ask for by frames of EtherType 0x88b5 (below); with two (--bridge)
it carries frames between them. Either way it can lose, repeat, reorder, delay, shorten and corrupt
them, each with a probability; all choices follow from the seed, in each direction for itself.

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
HOLD_SECONDS = 0.02  # that a frame waits for one to overtake it


class Impairment:
    """What the wire does to the frames of one direction, besides carrying them."""

    def __init__(self, options, direction):
        self.random = random.Random(2 * options.seed + direction)
        self.odds = {name: getattr(options, name) for name in IMPAIRMENTS}
        self.delay = options.delay_ms / 1000
        self.done = collections.Counter()
        self.held = None
        self.held_until = 0.0

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
            self.held_until = time.monotonic() + HOLD_SECONDS
        return frames

    def overdue(self, now):
        """A frame that is held back, when none has followed it for too long: else it would be a loss."""
        if self.held is None or now < self.held_until:
            return []
        frames, self.held = [self.held], None
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
    """impairments[i] is that of the frames on their way to ends[i]."""

    def __init__(self, ends, impairments):
        self.ends = ends
        self.impairments = impairments
        self.queue = collections.deque()  # (when, end, frame)

    def queue_up(self, index, frames):
        when = time.monotonic() + self.impairments[index].delay
        self.queue.extend((when, self.ends[index], frame) for frame in frames)

    def put(self, index, frame):
        self.queue_up(index, self.impairments[index].apply(frame))

    def take(self, index):
        frame = self.ends[index].receive()
        if frame is None:
            return False
        if len(self.ends) == 2:
            self.put(1 - index, frame)
        else:
            for answer in answers(frame):
                self.put(0, answer)
        return True

    def flush(self):
        """Sends what is due; returns seconds until the next is, or None."""
        now = time.monotonic()
        for index, impairment in enumerate(self.impairments):
            self.queue_up(index, impairment.overdue(now))
        while self.queue and self.queue[0][0] <= now:
            _, end, frame = self.queue.popleft()
            end.send(frame)
        due = [impairment.held_until for impairment in self.impairments
               if impairment.held is not None]
        if self.queue:
            due.append(self.queue[0][0])
        return max(0.0, min(due) - time.monotonic()) if due else None

    def run(self):
        while True:
            ready, _, _ = select.select(self.ends, [], [], self.flush())
            for end in ready:
                index = self.ends.index(end)
                while self.take(index):
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
    impairments = [Impairment(options, direction) for direction in range(len(ends))]
    print("ready", flush=True)
    try:
        Wire(ends, impairments).run()
    except (Told, KeyboardInterrupt):
        pass
    for path, end in zip(paths, ends):
        print(f"{os.path.basename(path)}: {end.count['frames']} frames, {end.count['bytes']} bytes, "
              f"{end.count['lost']} lost on the way to the machine")
    done = sum((impairment.done for impairment in impairments), collections.Counter())
    print(", ".join(f"{name} {done[name]}" for name in IMPAIRMENTS), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
