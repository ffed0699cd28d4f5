"""What the guest prints: which part of it is shown, and what a kernel panic says."""

import re

from . import symbols

BEGIN = b"==anole-begin=="
END = re.compile(rb"==anole-end (\d+)==\Z")
MARK = b"==anole-"
MARK_MAX = 64
TAIL_LINES = 30
# The kernel's lines carry a time stamp, with brackets when the console driver prints them.
STAMP = rb"(?:\[?\s*\d+\.\d{6}\]?\s+)?"
PANIC = re.compile(STAMP + rb"(?:\*\*\* kernel panic|panic:)")
KERNEL_PANIC = b"*** kernel panic"


class Filter:
    """Passes on the output of the commands: what is between the two marks, and everything from a
    panic on. Bytes go out as they come; only what may become a mark is held back until it is clear
    that it is none."""

    def __init__(self, write):
        self.write = write
        self.showing = False
        self.began = False
        self.status = None  # from the end mark
        self.line = b""  # the current line so far, without CR
        self.sent = 0  # how much of it went out

    def feed(self, data):
        for piece in data.replace(b"\r", b"").splitlines(keepends=True):
            ended = piece.endswith(b"\n")
            self.line += piece[:-1] if ended else piece
            if ended:
                self.end_line()
            elif self.showing and not self.may_be_mark():
                self.flush(b"")

    def may_be_mark(self):
        return self.sent == 0 and len(self.line) < MARK_MAX and (
            MARK.startswith(self.line) or self.line.startswith(MARK))

    def flush(self, ending):
        out = self.line[self.sent:] + ending
        self.sent = len(self.line)
        if out:
            self.write(out)

    def end_line(self):
        end = END.match(self.line) if self.sent == 0 else None
        if self.line == BEGIN and not self.began:
            self.began = self.showing = True
        elif end and self.began:
            self.showing, self.status = False, int(end.group(1))
        else:
            if not self.showing and PANIC.match(self.line):
                self.showing = True
            if self.showing:
                self.flush(b"\n")
        self.line, self.sent = b"", 0

    def finish(self):
        """At the end of output: what was held back is no mark."""
        if self.showing:
            self.flush(b"")


def tail(log):
    """The last lines of the console, for messages."""
    lines = log.replace(b"\r", b"").decode(errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])


def panicked(log):
    return KERNEL_PANIC in log


def backtrace(log, elf):
    """Lines that name the functions of the last panic's backtrace."""
    text = log[log.rfind(KERNEL_PANIC):].decode(errors="replace")
    addresses = []
    for line in re.findall(r"backtrace:((?:\s+0x[0-9a-f]+)+)", text):
        addresses += line.split()
    if not addresses:
        return []
    return ["  " + line for line in symbols.lines(elf, addresses)]
