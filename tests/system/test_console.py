"""What the launcher and a real machine do together: output, statuses, the interactive console."""

import os
import pty
import select
import subprocess
import termios
import time

import pytest

from conftest import ROOT, converse, launch

PROMPT = "anole> "


def test_output_is_the_commands_only(passes):
    result = passes("echo one; echo two")
    assert result.output == "one\ntwo\n"


def test_status_of_the_first_failure(boot):
    result = boot("no-such-program; echo on; poweroff nonsense")
    assert result.status == 127
    assert "no-such-program" in result.output and "on\n" in result.output


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_poweroff_carries_the_status_out(boot, status):
    assert boot(f"poweroff {status}").status == status


def test_reboot_ends_a_run_of_commands(boot):
    assert boot("reboot").status == 0


def test_log_has_the_whole_console(passes, tmp_path):
    log = tmp_path / "console.log"
    passes("echo marked", "--log", log)
    text = log.read_text(errors="replace")
    assert "OpenSBI" in text and "==anole-begin==" in text and "marked" in text


def test_end_of_input_stops_nothing():
    result = launch(timeout=15)
    assert result.status == 124
    assert "anole> " in result.output


def test_interactive_console():
    result = converse((PROMPT, "echo from the console\n"), (PROMPT, "service list\n"),
                      (PROMPT, "poweroff 5\n"), timeout=60)
    assert result.status == 5, str(result)
    assert "\nfrom the console\n" in result.output
    assert "virtio_blk" in result.output


def test_ctrl_c_ends_the_foreground_program():
    result = converse((PROMPT, "sleep 1000\n"), ("sleep 1000\n", "\x03", 1),
                      (PROMPT, "echo still here\n"), (PROMPT, "poweroff 6\n"), timeout=60)
    assert result.status == 6, str(result)
    assert "\nstill here\n" in result.output


def read_until(terminal, text, deadline):
    shown = b""
    while text not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096)
    assert text in shown, shown


def test_terminal():
    """On a terminal Ctrl-C belongs to the guest, Ctrl-a x leaves, and its settings come back."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    deadline = time.monotonic() + 60
    with subprocess.Popen([ROOT / "tools" / "run", "--timeout", "60"], stdin=slave, stdout=slave,
                          start_new_session=True) as machine:
        read_until(master, PROMPT.encode(), deadline)
        assert termios.tcgetattr(slave) != before
        os.write(master, b"\x03echo go on\n")
        read_until(master, b"\ngo on", deadline)
        os.write(master, b"\x01x")
        read_until(master, b"Terminated", deadline)
        assert machine.wait(30) == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("seed", [0, 12345])
def test_seed_is_accepted(passes, seed):
    passes("echo", "--seed", seed)
