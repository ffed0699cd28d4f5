"""Booting on machines of several shapes, and what is there afterwards."""

import re

import pytest

from conftest import launch

SERVICES = ("devman", "pm", "uart16550", "rtc", "virtio_blk", "shell")


def service_rows(output):
    """Rows of `service list`, by name."""
    rows = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) > 2 and words[0] != "NAME":
            rows[words[0]] = words[1:]
    return rows


@pytest.mark.parametrize("options", [
    ["--smp", 1], ["--smp", 2], ["--smp", 3], ["--smp", 4], ["--smp", 8],
    ["--mem", "64M"], ["--mem", "97M"], ["--mem", "1000M", "--smp", 2], ["--mem", "3G"],
], ids=lambda options: "-".join(map(str, options)).replace("--", ""))
def test_all_services_come_up(passes, options):
    rows = service_rows(passes("service list", *options).output)
    for name in SERVICES:
        assert rows[name][0] == "up", rows


def test_too_little_memory_is_said():
    result = launch("-e", "echo", "--mem", "4M", timeout=30)
    assert result.status != 0
    assert "memory" in (result.output + result.errors).lower()


def test_late_endpoint_generations(passes):
    """Near the end of all generations, services still die and return; slots are retired."""
    result = passes("service restart virtio_blk; service restart virtio_blk; service list; "
                    "blktest vda", "--first-generation", 2**22 - 4)
    assert service_rows(result.output)["virtio_blk"][0] == "up"


def test_ipc_and_coroutines(passes):
    passes("ipctest")
    passes("corotest")


@pytest.mark.parametrize("harts", [2, 4])
def test_ipc_on_several_harts(passes, harts):
    passes("ipctest", "--smp", harts)


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_floating_point_state_is_kept(passes, harts):
    passes("fptest", "--smp", harts)


def test_programs_say_what_they_know(passes):
    output = passes("help; ps; lsdev; dmesg; uptime; date; hexdump vda 0 512").output
    assert "virtio_mmio" in output or "virtio,mmio" in output
    assert "55 aa" in output
    assert re.search(r"\b20\d\d\b", output), "date prints a year"


@pytest.mark.parametrize("command", [
    "service restart no-such-service", "service explode virtio_blk", "hexdump vda x 1",
    "hexdump nodisk 0 512", "hexdump vda 99999999999 512", "blktest nodisk", "blktest",
    "faulttest virtio_blk nonsense", "faulttest nobody load", "poweroff 256", "date 1 2 3",
    "service", "ipctest --nonsense",
])
def test_bad_usage_fails_and_says_why(boot, command):
    result = boot(command)
    assert result.status not in (0, 70, 124), str(result)
    assert result.output.strip(), "a message"
