"""The launcher's command line. Whatever is wrong with it ends in UsageError, exit status 2."""

import argparse
import os
import re
from pathlib import Path

HARTS_MAX = 8
GENERATION_MAX = 2**22 - 1
SEED_MAX = 2**32 - 1
COMMANDS_MAX = 3072  # what boot arguments have room for
MMIO_SLOTS = 8

# Images that QEMU reaches through a protocol driver have no file that could be looked for.
PROTOCOLS = ("blkdebug:", "blkverify:", "json:", "nbd:", "nbd+unix:", "null-co:", "null-aio:")
# A disk that another process is, behind a UNIX socket.
VHOST = "vhost:"


class UsageError(Exception):
    """Bad usage, in words for the user."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


class Disk:
    """A virtio disk: image file, options for -device and for -drive."""

    def __init__(self, text):
        parts = [p.replace("\0", ",") for p in text.replace(",,", "\0").split(",")]
        self.file = parts[0]
        self.device_options = parts[1:]
        self.drive_options = ""
        for option in self.device_options:
            if not re.match(r"[a-zA-Z][\w.-]*=", option):
                raise UsageError(f"--disk {text}: '{option}' is not of the form option=value "
                                 "(a comma in the file name is written twice)")

    def vhost_socket(self):
        """The socket of a vhost-user device; None: it is an image."""
        return self.file[len(VHOST):] if self.file.startswith(VHOST) else None

    def is_read_only(self):
        return re.search(r"(^|,)read-?only(=on|=true)?(,|$)", self.drive_options) is not None

    def check(self):
        """The image must be there and usable: QEMU's own message would name no option."""
        if self.file.startswith(PROTOCOLS):
            return
        if self.vhost_socket() is not None:
            self.check_vhost()
            return
        if not os.path.exists(self.file):
            raise UsageError(f"--disk {self.file}: no such file")
        if os.path.isdir(self.file):
            raise UsageError(f"--disk {self.file}: is a directory")
        mode = os.R_OK if self.is_read_only() else os.R_OK | os.W_OK
        if not os.access(self.file, mode):
            raise UsageError(f"--disk {self.file}: can't be "
                             + ("read" if self.is_read_only() else
                                "written (for a read-only disk add --drive-opts readonly=on)"))


    def check_vhost(self):
        if not Path(self.vhost_socket()).is_socket():
            raise UsageError(f"--disk {self.file}: no such socket")
        if self.drive_options:
            raise UsageError(f"--disk {self.file}: takes no --drive-opts, it has no -drive")


class DiskAction(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        disks = getattr(namespace, self.dest) or []
        disks.append(Disk(values))
        setattr(namespace, self.dest, disks)


class DriveOptionsAction(argparse.Action):
    """Belongs to the last disk named before it, else to the demo disk."""

    def __call__(self, parser, namespace, values, option_string=None):
        if namespace.disks:
            disk = namespace.disks[-1]
            disk.drive_options = ",".join(filter(None, (disk.drive_options, values)))
        else:
            namespace.demo_drive_options = ",".join(
                filter(None, (namespace.demo_drive_options, values)))


class Net:
    """A virtio network interface: what is behind it, options for -device."""

    KINDS = ("user", "none", "tap", "socket", "stream", "dgram", "vhost")

    def __init__(self, text):
        self.text = text
        self.kind, _, self.rest = text.partition("=" if text.startswith("tap") else ":")
        self.rest, _, device = self.rest.partition(";")
        if ";" in self.kind:
            self.kind, _, device = self.kind.partition(";")
        self.device_options = [o for o in device.split(",") if o]
        self.queues = self.take_queues()
        if self.kind not in self.KINDS:
            raise UsageError(f"--net {text}: none of user, none, tap=NAME, socket:..., stream:..., "
                             "dgram:..., vhost:SOCKET")
        if (self.kind in ("user", "none")) == bool(self.rest):
            raise UsageError(f"--net {text}: {self.kind} "
                             + ("takes nothing" if self.rest else "wants something after it"))
        if self.kind == "vhost" and not Path(self.rest).is_socket():
            raise UsageError(f"--net {text}: no such socket")


    def take_queues(self):
        """How many pairs of queues; queues=N isn't one of -device's own options."""
        for option in self.device_options:
            match = re.fullmatch(r"queues=(\d{1,2})", option)
            if match:
                if self.kind not in ("tap", "vhost") or int(match[1]) == 0:
                    raise UsageError(f"--net {self.text}: {option} is for tap and vhost")
                self.device_options.remove(option)
                return int(match[1])
        return 1


class NetAction(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        nets = getattr(namespace, self.dest) or []
        nets.append(Net(values))
        setattr(namespace, self.dest, nets)


class ForwardAction(argparse.Action):
    """Belongs to the user network."""

    PATTERN = re.compile(r"(tcp|udp):(?:([\d.]+):)?(\d{1,5}):(\d{1,5})")

    def __call__(self, parser, namespace, values, option_string=None):
        match = self.PATTERN.fullmatch(values)
        if not match or not all(0 < int(match[i]) < 65536 for i in (3, 4)):
            raise UsageError(f"--hostfwd {values}: not of the form tcp|udp:HOSTPORT:GUESTPORT")
        protocol, address, host, guest = match.groups()
        forward = f"{protocol}:{address or '127.0.0.1'}:{host}-:{guest}"
        namespace.hostfwd = [*(namespace.hostfwd or []), forward]


def number(low, high):
    def convert(text):
        try:
            value = int(text, 0)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not within {low} to {high}")
        return value
    return convert


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def memory(text):
    if not re.fullmatch(r"[1-9]\d*[KMGkmg]?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size like 128M")
    return text


def commands(text):
    if not text.strip():
        raise argparse.ArgumentTypeError("no command")
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise argparse.ArgumentTypeError("control characters are not possible; "
                                         "separate commands by ';'")
    if len(text.encode()) > COMMANDS_MAX:
        raise argparse.ArgumentTypeError(f"longer than {COMMANDS_MAX} bytes")
    return text


def make_parser():
    parser = Parser(
        prog="tools/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Boots Anole in QEMU, by default with an interactive console "
                    "(Ctrl-a x leaves) and a fresh demo disk.",
        epilog="exit status: with -e that of the first command that failed, else 0; without, the "
               "one given to\npoweroff. 70: the kernel panicked. 124: timed out. 2: bad usage. "
               "1: the machine died otherwise.")
    add = parser.add_argument
    add("-e", dest="commands", metavar="COMMANDS", type=commands,
        help="run these commands (separated by ';'), print their output, power off")
    add("--disk", dest="disks", metavar="FILE[,opt=val...]", action=DiskAction,
        help="a virtio disk, used in place (repeatable); the options go to -device; vhost:SOCKET: "
             "a vhost-user device that listens there; 'none': no disk at all (default: a fresh "
             "copy of the demo disk)")
    add("--drive-opts", metavar="STR", action=DriveOptionsAction,
        help="extra -drive options for the last disk")
    add("--net", dest="nets", metavar="WHAT[;opt=val,...]", action=NetAction,
        help="a virtio network interface (repeatable), and what is behind it: user (QEMU's own "
             "network; the default with --hostfwd or --pcap), none (the default without), tap=NAME, "
             "vhost:SOCKET, or a wire to another program or machine: socket:, stream: or dgram: with "
             "QEMU's options for it; options behind a semicolon go to -device, but for queues=N: "
             "pairs of queues, of tap and vhost")
    add("--hostfwd", metavar="tcp|udp:[ADDR:]HOSTPORT:GUESTPORT", action=ForwardAction, default=[],
        help="forward a port of the host to the user network's guest (repeatable)")
    add("--transport", default="mmio", choices=("mmio", "mmio-legacy", "pci"),
        help="how disks and network interfaces are attached: as modern (default) or legacy MMIO devices, or to PCI, "
             "where --device wants disable-legacy=on")
    add("--aia", action="store_true",
        help="APLIC and IMSIC instead of the PLIC: PCI devices have a message-signalled interrupt "
             "for each queue")
    add("--iommu", action="store_true", help="put an IOMMU into the machine")
    add("--smp", metavar="N", type=number(1, HARTS_MAX), default=1, help="harts (default: 1)")
    add("--mem", metavar="SIZE", type=memory, default="128M", help="memory (default: 128M)")
    add("--seed", metavar="N", type=number(0, SEED_MAX),
        help="of all randomness in guest and QEMU")
    add("--first-generation", metavar="N", type=number(1, GENERATION_MAX),
        help="of endpoints, to test what happens when generations run out")
    add("--device", dest="devices", metavar="STR", action="append", default=[],
        help="another -device, verbatim (repeatable)")
    add("--qemu", metavar="PATH", default="qemu-system-riscv64", help="the QEMU to use")
    add("--qemu-arg", dest="qemu_args", metavar="ARG", action="append", default=[],
        help="another argument for QEMU (repeatable)")
    add("--timeout", metavar="S", type=seconds, help="end the machine after S seconds")
    add("--qmp", metavar="SOCKET", type=Path, help="QEMU's control socket")
    add("--gdb", action="store_true", help="wait for gdb on port 1234 before the first instruction")
    add("--log", metavar="FILE", type=Path, help="write all that the console shows")
    add("--pcap", metavar="FILE", type=Path, help="write the network's packets")
    add("--dry-run", action="store_true", help="print QEMU's command line only")
    parser.set_defaults(demo_drive_options="")
    return parser


def refuse_later_work(options):
    """Options whose other half, in the system, is not there yet."""
    missing = None
    if options.iommu:
        missing = "--iommu: there is no IOMMU server yet"
    if missing:
        raise UsageError(missing)


def choose_disks(options):
    """None means the demo disk: options.disks becomes a list."""
    named = options.disks or []
    if any(disk.file == "none" for disk in named):
        if len(named) > 1 or named[0].device_options or named[0].drive_options:
            raise UsageError("--disk none: excludes other disks and options")
        options.disks, options.demo = [], False
    else:
        options.disks, options.demo = named, not named
        for disk in named:
            disk.check()


def choose_nets(options):
    """A machine has no interface unless something is said about the network."""
    nets = options.nets
    if nets is None:
        nets = [Net("user")] if options.hostfwd or options.pcap else []
    if len(nets) > 1 and any(net.kind == "none" for net in nets):
        raise UsageError("--net none: excludes other interfaces")
    options.nets = [net for net in nets if net.kind != "none"]
    if options.hostfwd and all(net.kind != "user" for net in options.nets):
        raise UsageError("--hostfwd: there is no user network")
    if options.pcap and not options.nets:
        raise UsageError("--pcap: there is no network")


def check_slots(options):
    slots = 0 if options.transport == "pci" else (len(options.disks) + options.demo
                                                  + len(options.nets))
    slots += sum(re.match(r"(virtio|vhost)-[\w-]*-device(,|$)", d) is not None
                 for d in options.devices)
    if slots > MMIO_SLOTS:
        raise UsageError(f"{slots} virtio devices, but the machine has {MMIO_SLOTS} MMIO slots: "
                         "more need --transport pci")


def parse(arguments):
    """The options; UsageError if they are wrong."""
    options = make_parser().parse_args(arguments)
    refuse_later_work(options)
    choose_disks(options)
    choose_nets(options)
    check_slots(options)
    for path in filter(None, (options.log, options.qmp, options.pcap)):
        if not path.absolute().parent.is_dir():
            raise UsageError(f"{path}: no such directory: {path.parent}")
    return options
