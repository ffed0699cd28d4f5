#!/usr/bin/env python3
"""Cuts the power of a disk at many points of a run, and looks at what is left.

    tests/powercut/replay.py START LOG [--seed N] [--points N] [--save FILE]

START is the image before the run (`mke2fs`), LOG what QEMU's blklogwrites recorded while
`fstest promises` ran on it:

    cp START disk.img
    touch LOG
    tools/run --disk 'json:{"driver":"blklogwrites",,"file":{"driver":"file",,"filename":"disk.img"},,
                            "log":{"driver":"file",,"filename":"LOG"}}' \\
        -e 'mount /dev/vda /mnt && fstest --ops 100 promises'

After a cut the disk has all that was flushed, and of what was written since, any part: each sector of
it by itself. The image is made for every flush (with nothing else, and just before it with only the
latest of what it was to flush) and for N points in between (with nothing, all, or a part that the seed
decides). `e2fsck -fy` must mend it, and each file that the promises' journal names must be as it says
(tests/guest/fstest_promises.c).

A line of the journal is synced before the next one is written. So when a line is on its way to the
disk, the one before it must be found after any later cut.
"""

import argparse
import hashlib
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from blklog import UNIT, LogError, read_log  # noqa: E402

LINE = re.compile(rb"promise (\d+) (keep (\S+) (\d+) ([0-9a-f]{64})|drop (\S+)) *\n")
LINE_BYTES = 512
FOLDER = "/promises"
MENDED = 2  # the highest status of e2fsck that says that all is well now


class Broken(Exception):
    """A promise that was not kept, or a file system that can't be mended."""


class Disk:
    """The state of the disk on the way through the log."""

    def __init__(self, start):
        self.durable = bytearray(Path(start).read_bytes())
        self.pending = []

    def take(self, entry):
        if entry.is_flush:
            for write in self.pending:
                apply(self.durable, write)
            self.pending = []
        if entry.length and entry.is_durable:
            # What was written to the same place before must not come over it.
            self.pending = [part for write in self.pending for part in spare(write, entry)]
            apply(self.durable, entry)
        elif entry.length:
            self.pending.append(entry)

    def after_cut(self, choose):
        """choose(age, sectors): which of the sectors of a write are on the disk; age is 1 for the first
        of those that weren't flushed, and nearly 0 for the last."""
        image, count = bytearray(self.durable), len(self.pending)
        for number, write in enumerate(self.pending):
            for sector in choose(1 - number / count, range(write.length // UNIT)):
                apply(image, slice_of(write, sector))
        return image


def slice_of(entry, sector, count=1):
    start = sector * UNIT
    return entry._replace(offset=entry.offset + start, length=count * UNIT,
                          data=entry.data[start:start + count * UNIT])


def spare(write, over):
    """The sectors of a write that another one doesn't cover."""
    for sector in range(write.length // UNIT):
        part = slice_of(write, sector)
        if not over.offset <= part.offset < over.offset + over.length:
            yield part


def apply(image, entry):
    """A discard leaves zeroes, which is as good as anything."""
    if entry.offset + entry.length > len(image):
        raise LogError(f"a write at {entry.offset} is beyond the image's end")
    image[entry.offset:entry.offset + entry.length] = entry.data or bytes(entry.length)


def lines_written(entries):
    """For each line of the journal, the number of the entry that first brought it to the disk."""
    first = {}
    for number, entry in enumerate(entries):
        for at in range(0, len(entry.data), LINE_BYTES):
            if entry.data.startswith(b"promise ", at):
                match = LINE.match(entry.data, at)
                if match:
                    first.setdefault(int(match[1]), number)
    return first


def lines_due(first, cut):
    """How many lines must be there when the power is cut before entry number `cut`."""
    return max((line for line, entry in first.items() if entry < cut), default=0)


def run(*command):
    return subprocess.run(command, capture_output=True, check=False, timeout=120)


def debugfs(image, request):
    return run("debugfs", "-R", request, image)


def mend(image):
    done = run("e2fsck", "-fy", image)
    if done.returncode > MENDED:
        raise Broken(f"e2fsck can't mend it: {done.stdout.decode(errors='replace')[-500:]}")


def read_journal(text):
    """name: (size, digest) of what is promised by the lines that are whole, and how many they are."""
    promised, count = {}, 0
    for at in range(0, len(text), LINE_BYTES):
        match = LINE.fullmatch(text[at:at + LINE_BYTES])
        if not match or int(match[1]) != count:
            break
        if match[3]:
            promised[match[3].decode()] = int(match[4]), match[5].decode()
        else:
            promised.pop(match[6].decode(), None)
        count += 1
    return promised, count


def check_image(image, due, folder):
    """Mends the image and compares it with its journal. Returns the number of files compared."""
    mend(image)
    debugfs(image, f"rdump {FOLDER} {folder}")
    root = Path(folder) / FOLDER.strip("/")
    journal = root / "journal"
    promised, count = read_journal(journal.read_bytes() if journal.exists() else b"")
    if count < due:
        raise Broken(f"the journal has {count} lines, {due} were synced")
    for name, (size, digest) in promised.items():
        path = root / name
        if not path.is_file():
            raise Broken(f"{name} is missing, line {count - 1} is there")
        found = path.read_bytes()
        if len(found) != size:
            raise Broken(f"{name} has {len(found)} bytes, {size} were synced")
        if hashlib.sha256(found).hexdigest() != digest:
            raise Broken(f"{name} has other bytes than were synced")
    return len(promised)


def nothing(_age, _sectors):
    return ()


def latest(rand):
    part = rand.choice((0.1, 0.5, 0.9))
    return "the latest", lambda age, sectors: sectors if age < part else ()


def ways(rand):
    """What may be left of the writes that weren't flushed."""
    part = rand.choice((0.1, 0.5, 0.9))
    return rand.choice((
        ("nothing", nothing),
        ("all", lambda _, sectors: sectors),
        latest(rand),
        ("whole writes", lambda _, sectors: sectors if rand.random() < part else ()),
        ("sectors", lambda _, sectors: [n for n in sectors if rand.random() < part]),
    ))


def cuts(entries, points, rand):
    """(number of entries before the cut, what is left of the unflushed ones), in order."""
    flushes = [number for number, entry in enumerate(entries) if entry.is_flush]
    chosen = [(number, latest(rand)) for number in flushes]
    chosen += [(number + 1, ("nothing", nothing)) for number in flushes]
    chosen += [(rand.randrange(len(entries) + 1), ways(rand)) for _ in range(points)]
    return sorted(chosen, key=lambda cut: cut[0])


def replay(start, log, seed=1, points=100, save=None, most=None):
    """Raises Broken at the first point that is wrong. (points looked at, files at the last one). most:
    so many points at most, flushes among them; the last one always."""
    entries = read_log(log)
    rand = random.Random(seed)
    first = lines_written(entries)
    disk, taken, files = Disk(start), 0, 0
    chosen = cuts(entries, points, rand)
    if most and len(chosen) > most:
        chosen = sorted(rand.sample(chosen[:-1], most - 1), key=lambda cut: cut[0]) + chosen[-1:]
    for cut, (name, choose) in chosen:
        while taken < cut:
            disk.take(entries[taken])
            taken += 1
        with tempfile.TemporaryDirectory(prefix="anole-powercut-") as folder:
            image = Path(folder) / "disk.img"
            image.write_bytes(disk.after_cut(choose))
            before = image.read_bytes() if save else b""
            try:
                files = check_image(image, lines_due(first, cut), folder)
            except Broken as broken:
                if save:
                    Path(save).write_bytes(before)
                raise Broken(f"cut before entry {cut} of {len(entries)}, of the unflushed writes "
                             f"{name}: {broken}") from None
    return len(chosen), files


def main():
    parser = argparse.ArgumentParser(description="Cuts the power at many points of a recorded run.")
    parser.add_argument("start", metavar="START", help="the image before the run")
    parser.add_argument("log", metavar="LOG", help="of blklogwrites")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=100, help="between flushes, default 100")
    parser.add_argument("--save", metavar="FILE", help="the image of the point that is wrong")
    options = parser.parse_args()
    try:
        looked, files = replay(options.start, options.log, options.seed, options.points,
                                  options.save)
    except (Broken, LogError, OSError) as error:
        sys.exit(f"powercut: seed {options.seed}: {error}")
    print(f"powercut: ok: {looked} points, {files} files at the last one")


if __name__ == "__main__":
    main()
