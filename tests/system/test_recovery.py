"""Deaths and the way back."""

import re

import pytest

from conftest import converse
from test_boot import service_rows


@pytest.mark.parametrize("service", ["uart16550", "rtc", "devman", "pm"])
def test_other_services_return(passes, service):
    """Whatever dies, everything works afterwards."""
    result = passes(f"service restart {service}; sleep 1; service list; hexdump vda 0 512; "
                    "service restart virtio_blk; hexdump vda 0 512", timeout=180)
    rows = service_rows(result.output)
    assert rows[service][0] == "up" and int(rows[service][2]) >= 1, str(result)
    assert result.output.count("55 aa") == 2, str(result)


def test_shell_returns():
    """Interactive: the shell dies, RS brings another one up."""
    result = converse(("anole> ", "service kill shell\n"), ("\nanole> ", "service list\n"),
                      ("anole> ", "poweroff 4\n"), timeout=60)
    assert result.status == 4, str(result)
    assert int(service_rows(result.output)["shell"][2]) >= 1


def test_kill_by_operator_counts_for_no_limit(passes):
    kills = "; ".join(["service kill virtio_blk; service status virtio_blk"] * 12)
    rows = service_rows(passes(f"{kills}; service list; blktest vda", timeout=180).output)
    assert rows["virtio_blk"][0] == "up" and int(rows["virtio_blk"][2]) >= 12


def test_stop_and_start(passes):
    output = passes("service stop virtio_blk; service list; service start virtio_blk; blktest vda",
                    timeout=180).output
    assert service_rows(output)["virtio_blk"][0] == "stopped"


def test_stopping_pm_ends_all_programs(boot):
    """Nobody waits for a pm that isn't to come back."""
    result = boot("service stop pm; echo $?; hexdump vda 0 16; echo on", timeout=20)
    assert result.status == 126, str(result)
    assert result.output.count("recovery was given up") == 2, str(result)
    assert result.lines("126") and result.lines("on"), str(result)


def test_log_tells_the_phases(passes):
    output = passes("service kill virtio_blk; sleep 1; service log virtio_blk").output
    for phase in ("dead", "quiesced", "spawned", "ready", "published"):
        assert phase in output


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_64_mib_while_the_driver_is_killed(passes, blank_disk, harts):
    """A client writes and reads 64 MiB again while the driver is killed every 200 ms; afterwards
    the image must hold, byte for byte, what the client says that it wrote."""
    disk = blank_disk(80 << 20)
    result = passes("blktest vda --rw --seed 5 --group longwrite --mib 64 --kill-every-ms 200 "
                    "--service virtio_blk; service list", "--disk", disk, "--smp", harts,
                    timeout=300)
    rows = service_rows(result.output)
    assert int(rows["virtio_blk"][2]) >= 2, "the driver was killed\n" + str(result)
    compare_with_claim(result, disk)


def compare_with_claim(result, disk):
    """The client prints one line with position, length and checksum of what it wrote."""
    import hashlib  # pylint: disable=import-outside-toplevel
    match = re.search(r"wrote (\d+) bytes at (\d+): sha256 ([0-9a-f]{64})", result.output)
    assert match, str(result)
    length, position = int(match.group(1)), int(match.group(2))
    assert length == 64 << 20
    with open(disk, "rb") as image:
        image.seek(position)
        found = hashlib.sha256(image.read(length)).hexdigest()
    assert found == match.group(3), "the image is not what the client wrote"
