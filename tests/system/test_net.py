"""The network driver on every transport, against a peer on the wire, and as seen from the machine's
outside: filters, link, packets. The network server would be one more client: it is stopped."""

import re
import struct
import threading
import time

import pytest

from conftest import launch
from peer import free_port
from qmp import Monitor
from test_boot import service_rows
from wire import Wire

TIMEOUT = 100
FRAME_TYPE = b"\x88\xb5"
ALONE = "service stop inet; "


@pytest.fixture(name="wire")
def fixture_wire(tmp_path):
    """wire(word...) starts one."""
    wires = []

    def start(*words, **options):
        wires.append(Wire(tmp_path, *words, **options))
        return wires[-1]
    yield start
    for one in wires:
        one.end()


def all_groups_pass(result):
    return re.search(r"nettest: \d+ passed, 0 failed, 0 skipped", result.output)


@pytest.mark.parametrize("options", [
    [], ["--smp", "4"], ["--transport", "mmio-legacy"], ["--transport", "pci"],
    ["--transport", "pci", "--aia"], ["--transport", "pci", "--aia", "--smp", "4"]],
    ids=lambda options: "-".join(options).replace("--", "") or "mmio")
def test_nettest(passes, wire, options):
    result = passes(ALONE + "nettest eth0; service list", "--net", wire().net(), *options,
                    timeout=TIMEOUT)
    assert all_groups_pass(result), str(result)
    # The deaths are those that the tests ordered.
    assert service_rows(result.output)["virtio_net"][:4:2] == ["up", "4"], str(result)


@pytest.mark.parametrize("device", [
    "event_idx=off", "indirect_desc=off", "mrg_rxbuf=off", "ctrl_vq=off", "status=off",
    "event_idx=off,indirect_desc=off,mrg_rxbuf=off,ctrl_vq=off,status=off",
    "host_mtu=9000,speed=1000,duplex=full"])
def test_fewer_features(passes, wire, device):
    result = passes(ALONE + "nettest eth0", "--net", wire().net(device), timeout=TIMEOUT)
    assert re.search(r"nettest: \d+ passed, 0 failed, [01] skipped", result.output), str(result)


def test_packed_rings(passes, wire):
    result = passes(ALONE + "nettest eth0", "--net", wire().net("packed=on"),
                    "--transport", "pci", "--aia", timeout=TIMEOUT)
    assert all_groups_pass(result), str(result)


def test_no_interface(passes):
    """The system boots and says so."""
    result = passes("service list")
    assert service_rows(result.output)["virtio_net"][0] == "no-device", str(result)


def test_bad_wire(boot, wire):
    """Whatever comes over the wire, the driver stays up."""
    bad = wire("--seed", 7, "--drop", 0.1, "--repeat", 0.2, "--reorder", 0.3, "--shorten", 0.3,
               "--corrupt", 0.5, "--delay-ms", 1)
    result = boot(ALONE + "nettest eth0 many clients lengths; nettest eth0 bad-frames; "
                  "service list", "--net", bad.net(), timeout=TIMEOUT)
    row = service_rows(result.output)["virtio_net"]
    assert row[0] == "up" and row[2] == "0", str(result)
    assert "PASS bad-frames" in result.output, str(result)
    assert not re.search(r"\w+ 0(,|$)", bad.end().splitlines()[-1]), "it did too little"


def running(arguments):
    """A machine in the background: the thread, and where its Result will be."""
    results = []
    thread = threading.Thread(target=lambda: results.append(launch(*arguments)), daemon=True)
    thread.start()
    return thread, results


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("mode, expected", [
    ("ub", {"promiscuous": False, "multicast": "normal", "unicast": "normal"}),
    ("um", {"promiscuous": False, "multicast": "all"}),
    ("p", {"promiscuous": True}),
    ("uba", {"promiscuous": False, "multicast-table": ["01:00:5e:00:00:09"],
             "unicast-table": ["02:00:00:00:00:09"]}),
    ("uv", {"vlan-table": [77], "vlan": "all"}),
])
def test_modes_from_outside(tmp_path, wire, mode, expected):
    """What the device filters is what was asked for."""
    expected.pop("vlan", None)  # QEMU tells "all" or "none", by whether it filters
    socket = tmp_path / "qmp"
    thread, results = running(["--net", wire().net(), "--qmp", socket, "-e",
                               ALONE + f"nettest --mode {mode} 4000 eth0"])
    monitor = Monitor(socket)

    def filtered():
        answer = monitor.command("query-rx-filter")[0]
        return all(answer[key] == value for key, value in expected.items())
    try:
        wait_until(filtered)
    finally:
        monitor.close()
        thread.join(60)
    assert results[0].status == 0 and f"mode {mode}" in results[0].output, str(results[0])


def test_link(tmp_path, wire):
    """Down, up, and told to announce itself."""
    socket, log = tmp_path / "qmp", tmp_path / "log"
    thread, results = running(["--net", wire().net(), "--qmp", socket, "--log", log, "-e",
                               ALONE + "nettest --link 3 eth0; dmesg"])
    monitor = Monitor(socket)
    name = None

    def shown(text):
        return log.exists() and text in log.read_text(errors="replace")
    try:
        wait_until(lambda: shown("link up, change 1"))
        name = monitor.command("query-rx-filter")[0]["name"]
        monitor.command("set_link", name=name, up=False)
        wait_until(lambda: shown("link down, change 2"))
        monitor.command("set_link", name=name, up=True)
        wait_until(lambda: shown("link up, change 3"))
        monitor.command("announce-self", initial=50, max=50, rounds=1, step=0)
        wait_until(lambda: shown("announce"))
    finally:
        monitor.close()
        thread.join(60)
    assert results[0].status == 0, str(results[0])


def packets(path):
    """The packets of a pcap file."""
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    at, found = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return found


def test_packets(tmp_path, passes, wire):
    """What we send is what is on the wire: no frame shorter than a header, all of them ours. The
    first ones are of the network server, which looks for an address until it is stopped."""
    capture = tmp_path / "capture.pcap"
    passes(ALONE + "nettest eth0 pool many", "--net", wire().net(), "--pcap", capture)
    ours = [p for p in packets(capture) if p[6:12] == bytes.fromhex("525400123456")]
    assert all(len(p) >= 14 for p in ours)
    ours = [p for p in ours if p[12:14] not in (b"\x08\x00", b"\x08\x06", b"\x86\xdd")]
    assert len(ours) >= 12 and all(p[12:14] == FRAME_TYPE for p in ours)


def test_two_interfaces(tmp_path, passes):
    """Two on one wire hear each other: what one sends arrives at the machine's other one."""
    first, second = (f"local.type=unix,local.path={tmp_path}/{n}" for n in "ab")
    result = passes(ALONE + "nettest eth0 lengths; nettest eth1 lengths; virtio dump eth1",
                    "--net", f"dgram:{first},remote.type=unix,remote.path={tmp_path}/b",
                    "--net", f"dgram:{second},remote.type=unix,remote.path={tmp_path}/a")
    assert len(result.lines("PASS lengths")) == 2, str(result)
    assert "CTRL_VQ" in result.output


def test_user_network():
    """Behind QEMU's own network nobody echoes: what needs a peer is skipped, the rest passes."""
    result = launch("-e", ALONE + "nettest eth0", "--hostfwd", f"tcp:0.0.0.0:{free_port()}:80",
                    timeout=TIMEOUT)
    assert result.status == 0, str(result)
    assert re.search(r"nettest: \d+ passed, 0 failed, \d+ skipped", result.output), str(result)
    assert "no peer on the wire" in result.output
