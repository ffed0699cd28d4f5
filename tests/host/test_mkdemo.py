"""tools/mkdemo: the demo disk's partition table is right and its bytes are always the same."""

import struct
import subprocess
import zlib
from pathlib import Path

import pytest

MKDEMO = Path(__file__).resolve().parents[2] / "tools" / "mkdemo"


@pytest.fixture(name="disk", scope="module")
def fixture_disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.img"
    subprocess.run([MKDEMO, path], check=True)
    return path.read_bytes()


def sector(disk, number, count=1):
    return disk[number * 512:(number + count) * 512]


def test_size_and_protective_mbr(disk):
    assert len(disk) == 64 << 20
    assert disk[510:512] == b"\x55\xaa" and disk[446 + 4] == 0xEE


@pytest.mark.parametrize("at", [1, -1])
def test_headers(disk, at):
    last = len(disk) // 512 - 1
    own = at if at > 0 else last
    header = sector(disk, own)[:92]
    assert header[:8] == b"EFI PART"
    blank = header[:16] + bytes(4) + header[20:]
    assert struct.unpack_from("<I", header, 16)[0] == zlib.crc32(blank)
    _, other, first, end = struct.unpack_from("<QQQQ", header, 24)
    assert struct.unpack_from("<Q", header, 24)[0] == own and other == (last if own == 1 else 1)
    table_at, count, size, checksum = struct.unpack_from("<QIII", header, 72)
    table = sector(disk, table_at, count * size // 512)
    assert checksum == zlib.crc32(table)
    spans = [struct.unpack_from("<QQ", table, i * size + 32) for i in range(2)]
    assert first <= spans[0][0] < spans[0][1] < spans[1][0] < spans[1][1] <= end


def test_pattern_names_the_sector(disk):
    for number in (2048, 40960, 100000):
        assert struct.unpack_from("<Q", sector(disk, number))[0] == number


def test_same_bytes(disk, tmp_path):
    again = tmp_path / "again.img"
    subprocess.run([MKDEMO, again], check=True)
    assert again.read_bytes() == disk
