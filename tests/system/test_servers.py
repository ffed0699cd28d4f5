"""rs, devman and pm under attack, and what the death of each means."""

import pytest

from conftest import converse
from test_boot import service_rows

PROMPT = "anole> "


def services(result):
    """What `service list` shows, which is the last command."""
    return service_rows(result.output[result.output.index("\nNAME "):])


@pytest.mark.parametrize("harts,seed", [(1, 1), (2, 2), (4, 3)])
def test_servers_under_attack(passes, harts, seed):
    result = passes(f"servfuzz --seed {seed}; service list", "--smp", harts, timeout=120)
    assert not result.lines("FAIL"), str(result)
    rows = services(result)
    assert all(row[0] in ("up", "no-device") and row[2] == "0" for row in rows.values()), \
        str(result)


@pytest.mark.parametrize("server", ["pm", "devman"])
@pytest.mark.parametrize("harts", [1, 4])
def test_a_server_dies_under_load(passes, blank_disk, random_disk, server, harts):
    """Every kind of death while a program writes and reads back: the program doesn't notice."""
    result = passes("together --apart 500 blktest vdb --rw --seed 5 --group longwrite --mib 192 -- "
                    f"faulttest {server} all; service list", "--smp", harts,
                    "--disk", random_disk(8192), "--disk", blank_disk(300 << 20), timeout=180)
    assert result.lines("PASS longwrite"), str(result)
    rows = services(result)
    assert int(rows[server][2]) >= 11, str(result)
    assert all(row[2] == "0" for name, row in rows.items() if name != server), str(result)


@pytest.mark.parametrize("server", ["pm", "devman"])
def test_a_server_dies_at_every_step(passes, server):
    result = passes(f"faulttest {server} sweep; service list", timeout=180)
    assert not result.lines("FAIL"), str(result)
    assert services(result)[server][0] == "up"


def test_statuses_survive_pm(boot):
    """A program that fails while pm dies under it has its status told by the next pm."""
    result = boot("together faulttest pm panic -- sleep 1; echo $?; "
                  "together faulttest pm load -- hexdump nothing 0 1; echo $?")
    assert "\n0\n" in result.output and result.output.rstrip().endswith("\n1"), str(result)
    assert "together: hexdump: exit (" in result.output, str(result)


def test_ctrl_c_after_the_death_of_pm():
    """The next pm knows who is in the foreground, and whose children die with it."""
    result = converse((PROMPT, "together faulttest pm exit -- sleep 1000\n"),
                      ("1 passed, 0 failed", "\x03", 1), (PROMPT, "ps\n"),
                      (PROMPT, "poweroff 6\n"), timeout=60)
    assert result.status == 6, str(result)
    assert "sleep  " not in result.output.split("ENDPOINT")[1], str(result)


def test_rs_panics_in_order(boot):
    """Nothing can go on without RS: the machine stops, says so, and exits with 70."""
    result = boot("echo before; faulttest rs panic; echo after")
    assert result.status == 70, str(result)
    assert "before" in result.output and "after" not in result.output
    assert "rs: ordered to panic" in result.output + result.errors, str(result)
    assert "rs died, and nothing can go on without it" in result.output + result.errors
