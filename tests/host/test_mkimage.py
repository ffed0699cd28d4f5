"""tools/mkimage: what it makes of good programs, and what it says about bad ones."""

import struct
import subprocess
from pathlib import Path

import pytest

MKIMAGE = Path(__file__).resolve().parents[2] / "tools" / "mkimage"
PAGE = 4096
ENTRY_LEN = 32 + 8 + 32 + 160
READ, WRITE, EXEC = 1, 2, 4
PF = {READ: 4, WRITE: 2, EXEC: 1}


def elf(segments, entry=0x10000, symbols=(), machine=243, kind=2, flags=0, extra_phdr=()):
    """An ELF executable. segments: (vaddr, prot, content, memory_len); symbols: (name, value)."""
    phdrs, body = [], b""
    count = len(segments) + len(extra_phdr)
    offset = 64 + 56 * count
    for vaddr, prot, content, memory_len in segments:
        bits = sum(PF[p] for p in (READ, WRITE, EXEC) if prot & p)
        phdrs.append(struct.pack("<IIQQQQQQ", 1, bits, offset + len(body), vaddr, vaddr,
                                 len(content), memory_len, PAGE))
        body += content
    phdrs += [struct.pack("<IIQQQQQQ", t, 4, 0, 0, 0, 0, 0, 1) for t in extra_phdr]
    strings, table = b"\0", bytes(24)
    for name, value in symbols:
        table += struct.pack("<IBBHQQ", len(strings), 0x12, 0, 1, value, 0)
        strings += name.encode() + b"\0"
    table_at = offset + len(body)
    strings_at = table_at + len(table)
    sections_at = strings_at + len(strings)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, table_at, len(table), 2, 0, 8, 24)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, strings_at, len(strings), 0, 0, 1, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", kind, machine, 1, entry, 64,
                         sections_at, flags, 64, 56, count, 64, 3, 0)
    return header + b"".join(phdrs) + body + table + strings + sections


GOOD = [(0x10000, READ | EXEC, b"code" * 100, 400), (0x11000, READ, b"const", 5),
        (0x12000, READ | WRITE, b"data", 0x2345)]


@pytest.fixture(name="make")
def fixture_make(tmp_path):
    """Runs mkimage over {name: content}: (status, message, image)."""
    def run(files, arguments=None):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        out = tmp_path / "image"
        result = subprocess.run([MKIMAGE, "-o", out] + (arguments or list(files)), cwd=tmp_path,
                                text=True, capture_output=True, check=False)
        return result.returncode, result.stderr, out.read_bytes() if out.exists() else b""
    return run


def entries(image):
    magic, length, count, reserved = struct.unpack_from("<QQII", image)
    assert magic == int.from_bytes(b"ANOLE1"[::-1], "big")
    assert length == len(image) and length % PAGE == 0 and reserved == 0
    result = {}
    for index in range(count):
        at = 24 + index * ENTRY_LEN
        name, flags, segment_count, offset, size, entry, inject = struct.unpack_from(
            "<32sIIQQQQ", image, at)
        segments = [struct.unpack_from("<QQQQII", image, at + 72 + 40 * i)
                    for i in range(segment_count)]
        result[name.rstrip(b"\0").decode()] = (flags, segments, offset, size, entry, inject)
    return result


def test_program(make):
    status, message, image = make({"rs": elf(GOOD, 0x10004, [("x", 1), ("anole_inject", 0x10040)])})
    assert (status, message) == (0, "")
    flags, segments, _, _, entry, inject = entries(image)["rs"]
    assert (flags, entry, inject) == (1, 0x10004, 0x10040)
    assert [(s[0], s[1], s[3], s[4]) for s in segments] == [
        (0x10000, 400, 400, READ | EXEC), (0x11000, 5, 5, READ),
        (0x12000, 0x2345, 4, READ | WRITE)]
    for segment, (_, _, content, _) in zip(segments, GOOD):
        offset = segment[2]
        assert offset % PAGE == 0
        assert image[offset:offset + PAGE] == content.ljust(PAGE, b"\0")


def test_no_inject_symbol(make):
    _, _, image = make({"a": elf(GOOD, symbols=[("anole_inject_not", 5)])})
    assert entries(image)["a"][5] == 0


def test_float_program(make):
    _, _, image = make({"a": elf(GOOD, flags=5)})
    assert entries(image)["a"][0] == 3


def test_plain_files(make):
    files = {"a": b"x" * 5000, "empty": b""}
    status, _, image = make(files, ["system.dtb=a", "empty"])
    assert status == 0
    found = entries(image)
    flags, segments, offset, size, _, _ = found["system.dtb"]
    assert (flags, segments, size, offset % PAGE) == (0, [], 5000, 0)
    assert image[offset:offset + 5000] == files["a"]
    assert found["empty"][3] == 0


def test_same_bytes(make):
    files = {"a": elf(GOOD), "b": b"text"}
    assert make(files)[2] == make(files)[2]


@pytest.mark.parametrize("program, reason", [
    (elf([(0x10000, READ | WRITE | EXEC, b"code", 4)]), "both writable and executable"),
    (elf([(0x10010, READ | EXEC, b"code", 4)], 0x10010), "not page-aligned"),
    (elf([(0x10000 + i * PAGE, READ | EXEC, b"c", 1) for i in range(5)]), "5 loadable segments"),
    (elf([(0x10000, READ | EXEC, b"code", 2)]), "longer in the file"),
    (elf([(0x1000, READ | EXEC, b"code", 4)], 0x1000), "outside"),
    (elf([(0x10000, READ | EXEC, b"code", 2**64 - 1)]), "outside"),
    (elf(GOOD + [(0x14000, READ, b"x", 1)]), "share a page"),
    (elf(GOOD, entry=0x11000), "entry point"),
    (elf([]), "nothing to load"),
    (elf(GOOD, machine=62), "RISC-V"),
    (elf(GOOD, kind=3), "executable"),
    (elf(GOOD, extra_phdr=[3]), "dynamically linked"),
    (elf(GOOD)[:200], "damaged"),
    (elf(GOOD)[:40], "damaged"),
])
def test_bad_program(make, program, reason):
    status, message, image = make({"bad": program})
    assert status == 1 and image == b""
    assert message.startswith("mkimage: bad: ") and reason in message


@pytest.mark.parametrize("arguments, reason", [
    (["x" * 32 + "=a"], "more than 31"), (["a", "b=a", "b=a"], "two of the name"),
    (["missing"], "missing"),
])
def test_bad_names(make, arguments, reason):
    status, message, _ = make({"a": b""}, arguments)
    assert status == 1 and reason in message
