"""The log of QEMU's blklogwrites driver (that of Linux's dm-log-writes): all writes and flushes of a
disk, in their order.

A sector with a header, then for each entry a sector that describes it and its data, if any.
"""

import struct
from typing import NamedTuple

MAGIC = 0x6A736677736872
VERSION = 1
HEADER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
UNIT = 512  # of the numbers in entries, whatever the log's own sectors are

FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class LogError(Exception):
    """A log that isn't one."""


class Entry(NamedTuple):
    offset: int  # bytes
    length: int
    data: bytes  # of a discard: none
    flags: int

    @property
    def is_flush(self):
        return bool(self.flags & FLUSH)

    @property
    def is_durable(self):
        """Without a flush behind it."""
        return bool(self.flags & FUA)


def read_log(path):
    """All entries, in their order."""
    with open(path, "rb") as log:
        raw = log.read()
    if len(raw) < HEADER.size:
        raise LogError(f"{path}: {len(raw)} bytes, expected a log")
    magic, version, count, sector = HEADER.unpack_from(raw)
    if magic != MAGIC or version != VERSION or not 512 <= sector <= 65536:
        raise LogError(f"{path}: magic {magic:x}, version {version}, sectors of {sector} bytes")
    entries, at = [], sector
    for number in range(count):
        if at + ENTRY.size > len(raw):
            raise LogError(f"{path}: ends before entry {number} of {count}")
        start, sectors, flags, _ = ENTRY.unpack_from(raw, at)
        at += sector
        length = sectors * UNIT
        data = b"" if flags & DISCARD else raw[at:at + length]
        if not flags & DISCARD:
            if len(data) != length:
                raise LogError(f"{path}: ends in the data of entry {number}")
            at += -(-length // sector) * sector
        entries.append(Entry(start * UNIT, length, data, flags))
    return entries


def write_log(path, entries, sector=UNIT):
    """The other way round; offsets and lengths are multiples of a sector."""
    with open(path, "wb") as log:
        log.write(HEADER.pack(MAGIC, VERSION, len(entries), sector).ljust(sector, b"\0"))
        for entry in entries:
            log.write(ENTRY.pack(entry.offset // UNIT, entry.length // UNIT, entry.flags,
                                 len(entry.data)).ljust(sector, b"\0"))
            log.write(entry.data.ljust(-(-len(entry.data) // sector) * sector, b"\0"))
