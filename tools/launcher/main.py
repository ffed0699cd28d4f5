"""Runs QEMU, watches it, and turns how it ended into an exit status."""

import ctypes
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from . import console, machine, options as command_line

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PANIC_GRACE = 3.0  # seconds for a panicking machine to power off by itself
STATUS_USAGE, STATUS_PANIC, STATUS_TIMEOUT, STATUS_DIED = 2, 70, 124, 1
PR_SET_PDEATHSIG = 1


class Stopped(Exception):
    """A signal told the launcher to end."""


def on_signal(number, _frame):
    raise Stopped(number)


def die_with_launcher():
    """In the child: QEMU ends when the launcher does, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def complain(text):
    print(f"tools/run: {text}", file=sys.stderr, flush=True)


class Terminal:
    """Puts the terminal back as it was, should QEMU be killed in raw mode."""

    def __enter__(self):
        self.saved = termios.tcgetattr(0) if os.isatty(0) else None

    def __exit__(self, *_):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


class Run:
    """One machine from power-on to its end."""

    def __init__(self, options):
        self.options = options
        self.deadline = time.monotonic() + options.timeout if options.timeout else None
        self.log = bytearray()
        self.timed_out = False
        self.filter = None

    def copy_demo(self):
        """A fresh copy of the demo disk that has no name: it is gone when QEMU has ended."""
        copy = tempfile.TemporaryFile(prefix="anole-demo-")
        with open(BUILD / "demo.img", "rb") as demo:
            shutil.copyfileobj(demo, copy, 1 << 20)
        copy.flush()
        return copy

    def disks(self, demo_file):
        if not self.options.demo:
            return self.options.disks
        disk = command_line.Disk(demo_file)
        disk.drive_options = self.options.demo_drive_options
        return [disk]

    def start(self, command, pass_fds, **streams):
        return subprocess.Popen(command, pass_fds=pass_fds, preexec_fn=die_with_launcher,
                                **streams)

    def remaining(self):
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def stop(self, qemu):
        qemu.kill()
        qemu.wait()

    def run(self):
        """The exit status."""
        copy = self.copy_demo() if self.options.demo else None
        fds = [copy.fileno()] if copy else []
        disks = self.disks(f"/dev/fd/{copy.fileno()}" if copy else "")
        try:
            if self.options.commands:
                return self.run_commands(disks, fds)
            return self.run_interactive(disks, fds)
        finally:
            if copy:
                copy.close()

    def run_commands(self, disks, fds):
        command = machine.command_line(self.options, BUILD / "anole.bin", disks, None)
        self.filter = console.Filter(self.write_output)
        qemu = self.start(command, fds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            with open(self.options.log or os.devnull, "wb", buffering=0) as log_file:
                self.pump(qemu, log_file)
            self.filter.finish()
            status = self.wait(qemu)
        finally:
            self.stop(qemu)
        return self.verdict_of_commands(status)

    def write_output(self, data):
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Nobody reads any more: the commands are run to their end all the same.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def pump(self, qemu, log_file):
        """Passes the console on until it is closed, the time is up or a panic hangs."""
        stream = qemu.stdout.fileno()
        while True:
            readable, _, _ = select.select([stream], [], [], self.remaining())
            if not readable:
                self.timed_out = not console.panicked(self.log)
                return
            data = os.read(stream, 65536)
            if not data:
                return
            self.log += data
            log_file.write(data)
            self.filter.feed(data)
            if console.KERNEL_PANIC in self.log[-len(data) - len(console.KERNEL_PANIC):]:
                grace = time.monotonic() + PANIC_GRACE
                self.deadline = min(self.deadline or grace, grace)

    def wait(self, qemu):
        """QEMU's exit status once its console is closed; None if it had to be ended."""
        try:
            return None if self.timed_out else qemu.wait(PANIC_GRACE)
        except subprocess.TimeoutExpired:
            return None

    def verdict_of_commands(self, status):
        if self.timed_out:
            return self.failed(STATUS_TIMEOUT, f"timed out after {self.options.timeout:g} s")
        if console.panicked(self.log) and status in (None, STATUS_PANIC):
            return self.panic_status()
        if status is None or status < 0:
            return self.failed(STATUS_DIED, "QEMU did not end by itself" if status is None else
                               f"QEMU was ended by signal {-status}")
        if self.filter.status is not None:
            return status or self.filter.status
        if not self.filter.began:
            return self.failed(status or STATUS_DIED, "the machine stopped before the commands")
        if status or re.search(r"\b(poweroff|reboot)\b", self.options.commands):
            return status
        return self.failed(STATUS_DIED, "the machine stopped in the middle of the commands")

    def failed(self, status, reason):
        complain(f"{reason}; the console's last lines:\n{console.tail(self.log)}")
        return status

    def panic_status(self):
        for line in console.backtrace(self.log, BUILD / "anole.elf"):
            print(line, flush=True)
        return STATUS_PANIC

    def run_interactive(self, disks, fds):
        with tempfile.TemporaryDirectory(prefix="anole-run-") as directory, Terminal():
            log = self.options.log or Path(directory) / "console"
            command = machine.command_line(self.options, BUILD / "anole.bin", disks, log)
            qemu = self.start(command, fds)
            try:
                status = qemu.wait(self.remaining())
            except subprocess.TimeoutExpired:
                self.timed_out, status = True, None
            finally:
                self.stop(qemu)
            self.log = log.read_bytes() if log.exists() else b""
        if self.timed_out:
            complain(f"timed out after {self.options.timeout:g} s")
            return STATUS_TIMEOUT
        if console.panicked(self.log) and status == STATUS_PANIC:
            return self.panic_status()
        if status < 0:
            complain(f"QEMU was ended by signal {-status}")
            return STATUS_DIED
        return status


def check_machine(options):
    """What must be there besides good options."""
    if not shutil.which(options.qemu):
        raise command_line.UsageError(f"no program {options.qemu}: 'make setup' installs QEMU, "
                                      "--qemu names another")
    for name in ("anole.bin", "demo.img"):
        if not (BUILD / name).exists():
            raise command_line.UsageError(f"{BUILD / name} is not built yet: run make")


def main(arguments):
    try:
        options = command_line.parse(arguments)
        if options.dry_run:
            run = Run(options)
            print(shlex.join(machine.command_line(options, BUILD / "anole.bin", run.disks(
                str(BUILD / "demo.img")), options.log)))
            return 0
        check_machine(options)
    except command_line.UsageError as error:
        complain(f"{error}\nTry tools/run --help.")
        return STATUS_USAGE
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        return Run(options).run()
    except Stopped as stopped:
        return 128 + stopped.args[0]
    except OSError as error:
        complain(str(error))
        return STATUS_DIED
