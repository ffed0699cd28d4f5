"""64 MiB over one connection, whatever becomes of the drivers and of the wire."""

import itertools
import json
import os
import re
import threading
import time

import images
import pytest

from console import Console
from test_boot import service_rows
from web import AGAIN, MIB, Site, pattern, sha256
from wire import Wire

BULK = 64 * MIB
KILL_EVERY = 0.3  # seconds


class Trouble:
    """Types one command after the other at the machine's console, over and over, no sooner than every
    so many seconds, for as long as the block lasts."""

    def __init__(self, machine, *commands, every=0.0):
        self.machine = machine
        self.commands = itertools.cycle(commands)
        self.every = every
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        begin = time.monotonic()
        while not self.stop.wait(max(0.0, begin + self.every - time.monotonic())):
            begin = time.monotonic()
            self.machine.command(next(self.commands))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


# Leaves time for trouble.
SLOWLY = ("-m", "180", "--limit-rate", "16M")


def restarts(site, service):
    told = json.loads(site.curl("/services.json", *AGAIN))
    return next(one["restarts"] for one in told["services"] if one["name"] == service)


def transfer_both_ways(site, trouble):
    """64 MiB down and up, each over one connection: how often the driver died meanwhile, each time."""
    def deaths():
        return restarts(site, "virtio_net")
    data = os.urandom(BULK)
    site.curl("/", *AGAIN)
    begin = deaths()
    with trouble:
        got = site.curl("/pattern/64M/5", *SLOWLY)
        down = deaths()
        answer = site.curl("/upload", *SLOWLY, "--data-binary", "@-", data=data)
        end = deaths()
    assert sha256(got) == sha256(pattern(BULK, 5))
    assert answer.decode() == f"{BULK} {sha256(data)}\n"
    rows = service_rows(site.machine.command("service list"))
    assert rows["inet"][2] == rows["httpd"][2] == "0", str(site.machine)
    return down - begin, end - down


@pytest.mark.parametrize("options", [[], ["--transport", "pci", "--aia"]], ids=["mmio", "pci-aia"])
def test_transfers_while_the_driver_is_killed(options):
    """curl has one connection for a transfer and makes no second one: every byte is right."""
    with Site(*options, timeout=400) as site:
        trouble = Trouble(site.machine, "service kill virtio_net", every=KILL_EVERY)
        down, up = transfer_both_ways(site, trouble)
    assert down > 4 and up > 4, f"{down}, {up}"


def test_file_from_a_disk_while_both_drivers_are_killed(tmp_path):
    """Of an ext2 file system, over one connection: the disk's driver dies under it, and the network's."""
    data = os.urandom(BULK)
    (tmp_path / "bulk").write_bytes(data)
    disk = images.make(tmp_path / "disk.img", 96)
    images.debugfs_write(disk, f"write {tmp_path}/bulk bulk")
    with Site("--disk", disk, timeout=300) as site:
        site.machine.command("mount /dev/vda /srv")
        # Kills the one each 200 ms, the other each 300 ms.
        trouble = Trouble(site.machine, *(f"service kill virtio_{which}" for which in
                                          ("blk", "net", "blk", "blk", "net")), every=0.12)
        site.curl("/", *AGAIN)
        with trouble:
            got = site.curl("/bulk", *SLOWLY)
            deaths = [restarts(site, f"virtio_{which}") for which in ("blk", "net")]
        assert "umount" not in site.machine.command("umount /srv")
        rows = service_rows(site.machine.command("service list"))
    assert sha256(got) == sha256(data)
    assert min(deaths) > 4, str(deaths)
    assert all(rows[name][2] == "0" for name in ("inet", "httpd", "ext2", "vfs")), str(site.machine)
    images.check(disk)


def test_transfers_while_the_driver_hangs():
    """It is RS that ends it, or the complaints of its clients: which is first isn't told beforehand, so
    it doesn't matter what faulttest says."""
    with Site(timeout=400) as site:
        trouble = Trouble(site.machine, *(f"faulttest virtio_net {kind}"
                                          for kind in ("spin", "sleep", "silent")))
        down, up = transfer_both_ways(site, trouble)
    assert down > 0 and up > 0, f"{down}, {up}"


def test_transfer_over_a_bad_wire(tmp_path):
    """Between two machines: one frame of fifty is lost, and others come late."""
    wire = Wire(tmp_path, "--drop", 0.02, "--reorder", 0.02, "--seed", 3, bridge=True)
    url = f"http://[{wire.link_local(0)}]/pattern/64M/9"
    with Console("--net", wire.net(end=0), timeout=300) as server, \
            Console("--net", wire.net(end=1), timeout=300) as client:
        answer = client.command(f"wget -q -t 20 --sha256 {url}", patience=180)
        assert f"received {BULK} bytes, sha256 {sha256(pattern(BULK, 9))}" in answer, \
            f"{client}\n{server}"
        assert "broke after" not in answer, "one connection carries it\n" + answer
    lost = int(re.search(r"drop (\d+)", wire.end()).group(1))
    assert lost > BULK / 1460 / 100, lost
