"""Disks of all kinds under blktest, the request-message test client."""

import subprocess

import pytest

from test_boot import service_rows

# Guest time is bounded by design at 20 s on one hart, 40 s on more; the build machine may be busy.
BLKTEST_TIMEOUT = 300


@pytest.mark.parametrize("options", [
    [], ["--smp", 2], ["--smp", 4], ["--mem", "64M"], ["--mem", "97M", "--smp", 3],
], ids=lambda options: "-".join(map(str, options)).replace("--", "") or "default")
def test_blktest(passes, options):
    result = passes("blktest vda --rw", *options, timeout=BLKTEST_TIMEOUT)
    assert result.lines("PASS"), str(result)
    assert not result.lines("FAIL")


@pytest.mark.parametrize("path", ["--message", "--channel"])
def test_blktest_one_path(passes, path):
    passes(f"blktest vda --rw {path}", timeout=BLKTEST_TIMEOUT)


@pytest.mark.parametrize("options", [
    "event_idx=off", "indirect_desc=off", "event_idx=off,indirect_desc=off", "queue-size=8",
    "queue-size=1024", "logical_block_size=4096,physical_block_size=4096", "request-merging=off",
])
def test_blktest_with_device_options(boot, random_disk, options):
    disk = random_disk(65536)
    result = boot("blktest vda --rw", "--disk", f"{disk},{options}", timeout=BLKTEST_TIMEOUT)
    # The budget of kicks and interrupts holds with EVENT_IDX only.
    excused = "FAIL counters" if "event_idx=off" in options else "none"
    failures = [line for line in result.lines("FAIL") if not line.startswith(excused)]
    assert not failures and result.lines("PASS"), str(result)
    assert result.status == (1 if result.lines("FAIL") else 0), str(result)


def test_sparse_disk_beyond_4_gib(passes, blank_disk):
    disk = blank_disk(6 << 30)
    passes("blktest vda --rw", "--disk", disk, timeout=BLKTEST_TIMEOUT)


def test_partitions_of_the_demo_disk(passes):
    output = passes("blktest vda1; blktest vda2; hexdump vda1 0 16", timeout=BLKTEST_TIMEOUT).output
    # The demo disk's pattern: the sector's own number, 2048 where the first partition begins.
    assert "00 08 00 00" in output


def test_two_disks(passes, random_disk):
    one, two = random_disk(4096, 1), random_disk(8192, 2)
    output = passes("service list; hexdump vda 1024 16; hexdump vdb 1024 16", "--disk", one,
                    "--disk", two).output
    rows = service_rows(output)
    assert rows["virtio_blk"][0] == rows["virtio_blk.1"][0] == "up"
    for disk in (one, two):
        expected = disk.read_bytes()[1024:1040]
        assert expected[:4].hex(" ") in output


def test_no_disk(passes):
    rows = service_rows(passes("service list", "--disk", "none").output)
    assert rows["virtio_blk"][0] == "no-device"


@pytest.mark.parametrize("size", [0, 1, 511, 513, 100001])
def test_empty_and_odd_sized_disks(passes, blank_disk, size):
    result = passes("service list; dmesg", "--disk", blank_disk(size))
    assert service_rows(result.output)["virtio_blk"][0] == "up", str(result)


def test_read_only_disk(boot, random_disk):
    disk = random_disk(4096)
    before = disk.read_bytes()
    result = boot("blktest vda --rw", "--disk", disk, "--drive-opts", "readonly=on",
                  timeout=BLKTEST_TIMEOUT)
    assert result.status == 0, str(result)
    assert disk.read_bytes() == before


def test_reading_changes_nothing(passes, random_disk):
    disk = random_disk(65536)
    before = disk.read_bytes()
    passes("blktest vda", "--disk", disk, timeout=BLKTEST_TIMEOUT)
    assert disk.read_bytes() == before


def test_device_errors_reach_the_client(boot, tmp_path, random_disk):
    """QEMU injects an error for each read of sector 100; the driver reports it and lives."""
    disk, rules = random_disk(4096), tmp_path / "rules"
    rules.write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "100"\n')
    result = boot("hexdump vda 51200 512; hexdump vda 0 512; service list",
                  "--disk", f"blkdebug:{rules}:{disk}", "--drive-opts",
                  "rerror=report,werror=report")
    assert result.status not in (0, 70, 124), str(result)
    rows = service_rows(result.output)
    assert rows["virtio_blk"][0] == "up" and rows["virtio_blk"][2] == "0", str(result)
    assert disk.read_bytes()[:4].hex(" ") in result.output


def test_same_seed_same_test(passes, random_disk):
    """With a seed of its own, blktest writes the same bytes."""
    sums = []
    for _ in range(2):
        disk = random_disk(65536)
        passes("blktest vda --rw --seed 99 --group longwrite --mib 4", "--disk", disk,
               timeout=BLKTEST_TIMEOUT)
        sums.append(subprocess.run(["sha256sum", disk], capture_output=True, text=True,
                                   check=True).stdout.split()[0])
    assert sums[0] == sums[1]
