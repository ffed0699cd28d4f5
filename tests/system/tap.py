"""A tap interface of this machine: behind it is this machine's own network stack, with checksums and
segments left to the device both ways and as many queues as are wanted."""

import fcntl
import os
import socket
import struct
from pathlib import Path

TUN = "/dev/net/tun"
TUNSETIFF, TUNSETPERSIST, TUNGETIFF = 0x400454CA, 0x400454CB, 0x800454D2
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE = 0x2, 0x1000, 0x4000, 0x100
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP, IFF_RUNNING = 0x1, 0x40


class Tap:
    """OSError: this machine lets nobody have one."""

    def __init__(self, queues=1):
        self.queues = queues
        self.file = os.open(TUN, os.O_RDWR)
        self.name = self.make()
        number = int(self.name.removeprefix("anole"))
        self.address, self.guest = (f"10.77.{number}.{host}" for host in (1, 2))
        self.set_up()
        # QEMU opens it by its name, each queue for itself: ours is in the way.
        os.close(self.file)
        self.file = None

    def make(self):
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (IFF_MULTI_QUEUE if self.queues > 1 else 0)
        fcntl.ioctl(self.file, TUNSETIFF, struct.pack("16sH22x", b"anole%d", flags))
        fcntl.ioctl(self.file, TUNSETPERSIST, 1)
        return fcntl.ioctl(self.file, TUNGETIFF, bytes(40))[:16].rstrip(b"\0").decode()

    def set_up(self):
        def request(layout, *values):
            return struct.pack("16s" + layout, self.name.encode(), *values)

        def address(text):
            return request("HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCSIFADDR, address(self.address))
            fcntl.ioctl(control, SIOCSIFNETMASK, address("255.255.255.0"))
            fcntl.ioctl(control, SIOCSIFFLAGS, request("H22x", IFF_UP | IFF_RUNNING))

    def net(self, options=""):
        """What tools/run's --net takes; the options are the interface's."""
        words = ([f"queues={self.queues}"] if self.queues > 1 else []) + \
            ([options] if options else [])
        return f"tap={self.name}" + (";" + ",".join(words) if words else "")

    def counter(self, name):
        return int(Path(f"/sys/class/net/{self.name}/statistics/{name}").read_text())

    def close(self):
        """It is gone when nobody has it open any more."""
        if not Path(f"/sys/class/net/{self.name}").exists():
            return
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (IFF_MULTI_QUEUE if self.queues > 1 else 0)
        last = os.open(TUN, os.O_RDWR)
        fcntl.ioctl(last, TUNSETIFF, struct.pack("16sH22x", self.name.encode(), flags))
        fcntl.ioctl(last, TUNSETPERSIST, 0)
        os.close(last)
