"""Handles at every border, and a kernel under attack: the guest programs judge, on several harts."""

import re

import pytest

GENERATIONS = 2**22
ATTACKS = ("kernel-calls", "driver-calls", "system-calls", "deaths", "kills", "storms")


def summary(result, program):
    """(passed, failed, skipped) of a test program's last line."""
    found = re.findall(rf"^{program}: (\d+) passed, (\d+) failed, (\d+) skipped$", result.output,
                       re.MULTILINE)
    assert found, str(result)
    return tuple(map(int, found[-1]))


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_handles(passes, harts):
    result = passes("handletest", "--smp", harts, timeout=300)
    passed, failed, _ = summary(result, "handletest")
    assert passed >= 28 and failed == 0, str(result)
    assert len(result.lines("SKIP")) == 1, "only the names that don't run out\n" + str(result)


@pytest.mark.parametrize("left", [1, 3])
def test_endpoints_run_out(passes, left):
    """With so many generations left, all slots are retired; who lives goes on."""
    result = passes("handletest endpoint-generations", "--first-generation", GENERATIONS - left,
                    "--smp", 2, timeout=180)
    assert summary(result, "handletest") == (1, 0, 0), str(result)


def test_handles_with_late_endpoints(passes):
    """The groups that start most children, while slots are retired one after the other."""
    result = passes("handletest region-deaths dma-deaths revoke-copies threads races load",
                    "--first-generation", GENERATIONS - 2, timeout=240)
    assert summary(result, "handletest") == (6, 0, 0), str(result)


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_malice(passes, harts):
    """Nothing unexpected, nobody hurt, nothing leaked; and the system works on."""
    result = passes(f"malice --attempts 50000 --seed {harts}; ipctest messages; hexdump vda 0 512",
                    "--smp", harts, timeout=400)
    assert summary(result, "malice") == (len(ATTACKS), 0, 0), str(result)
    told = {line.split()[1] for line in result.lines("PASS")}
    assert told >= set(ATTACKS), str(result)


@pytest.mark.parametrize("command", [
    "malice --attempts", "malice --attempts x", "malice --seed -1", "malice --group nonsense",
    "malice nonsense", "handletest nonsense", "malice --worker", "malice --die 1",
])
def test_bad_usage(boot, command):
    result = boot(command)
    assert result.status not in (0, 70, 124), str(result)
