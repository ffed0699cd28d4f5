"""The network server: sockets over its loopback interface, and a host behind the network driver."""

import re
import socket
import struct
import threading
import time

import pytest

from machine import Machine
from peer import PATIENCE, Peer, exactly, free_port, receive_all, sha256
from qmp import Monitor
from rawhost import RawHost, udp
from vhost import VhostNet

TIMEOUT = 60
MIB = 1 << 20
REACH = "ping -o -c 20 10.0.2.2; "  # until DHCP has given an address


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_socktest(passes, harts):
    result = passes("socktest", "--smp", str(harts), timeout=TIMEOUT)
    assert re.search(r"socktest: 17 passed, 0 failed, 0 skipped", result.output), str(result)


@pytest.mark.parametrize("options", [[], ["--transport", "pci", "--aia"]],
                         ids=["mmio", "pci-aia"])
def test_ping(passes, options):
    """The addresses come from QEMU's DHCP server and, a second or more later, its router."""
    passes(f"ping -c 1 127.0.0.1; ping -c 1 ::1; {REACH}ping -c 20 -i 0 10.0.2.2; ping -c 8 fec0::2",
           "--net", "user", *options, timeout=TIMEOUT)


def test_driver_death(passes):
    """The interface keeps its address: the next echo finds it, whatever became of the driver."""
    passes(REACH + "ping -c 20 -i 0 10.0.2.2; service kill virtio_net; ping -c 1 10.0.2.2; "
           "service kill virtio_net; ping -c 3 -i 0 10.0.2.2; service status inet",
           "--net", "user", timeout=TIMEOUT)


def test_without_interface(passes):
    """The server is there all the same, and says what is missing."""
    result = passes("ping -c 1 127.0.0.1", timeout=TIMEOUT)
    assert "1 sent, 1 answered" in result.output, str(result)


def counter(result, text):
    """Of ifconfig or netstat -s: 0 isn't shown."""
    found = re.search(rf"(\d+) {text}", result.output)
    return int(found.group(1)) if found else 0


# ---- configuration ----

def test_ifconfig(passes):
    """What DHCP gave, other things by hand, and DHCP again; the kernel's log tells of the link."""
    result = passes(REACH + "ifconfig; "
                    "ifconfig eth0 10.0.2.20/24 gw 10.0.2.2 mtu 1400 add fec0::77 dns 10.0.2.9; "
                    f"echo by hand; {REACH}ifconfig; ifconfig eth0 del fec0::77 dhcp; "
                    f"{REACH}echo again; ifconfig eth0; dmesg",
                    "--net", "user", timeout=TIMEOUT)
    first, rest = result.output.split("by hand\n")
    second, third = rest.split("again\n")
    assert re.search(r"eth0: up link default mtu 1500\n"
                     r"    ether 52:54:00:12:34:56\n"
                     r"    inet 10.0.2.15/24 gw 10.0.2.2 dhcp\n"
                     r"    inet6 fe80::5054:ff:fe12:3456", first), str(result)
    assert "eth1: up no driver" in first and "dns: 10.0.2.3" in first, str(result)
    assert re.search(r"lo: up link loopback.*\n    inet 127.0.0.1/8\n    inet6 ::1\n", first)
    assert re.search(r"eth0: up link default mtu 1400\n", second), str(result)
    assert "inet 10.0.2.20/24 gw 10.0.2.2\n" in second and "inet6 fec0::77" in second
    assert "dns: 10.0.2.9" in second, str(result)
    assert "inet 10.0.2.15/24 gw 10.0.2.2 dhcp" in third and "fec0::77" not in third, str(result)
    assert "eth0: link" in third and "eth0: 10.0.2.15" in third, str(result)


def test_ifconfig_refused(boot):
    """Nothing of a line with an error in it is done."""
    result = boot("ifconfig eth0 10.0.2.1; ifconfig eth0 down mtu; ifconfig eth0 add 10.0.0.1; "
                  "ifconfig eth9 up; ifconfig eth0 mtu 99; ifconfig lo down; ifconfig; "
                  "ifconfig eth0 10.1.2.3/8 down; ifconfig eth0", timeout=TIMEOUT)
    assert result.output.count("usage: ifconfig") == 3, str(result)
    assert result.output.count("no such") >= 2 and "mtu: invalid" in result.output, str(result)
    assert "eth0: up no driver" in result.output and "eth0: down no driver" in result.output


def test_without_answers(tmp_path, boot):
    """No DHCP server: the system is there, and says so."""
    host = RawHost(tmp_path)
    result = boot("ifconfig eth0; sleep 6; ifconfig eth0", "--net", host.net(), timeout=TIMEOUT)
    host.end()
    assert "no inet address, dhcp" in result.output, str(result)
    assert "eth0: no answer by DHCP so far" in result.output, str(result)


# ---- names ----

def record(kind, data):
    """An answer about the name in the question."""
    return struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(data)) + data


def names(name, kind, question):
    """What the name server says. Types: 1 an IPv4 address, 28 one of IPv6."""
    def message(flags, *answers, count=None):
        return struct.pack("!HHHHH", flags, 1, len(answers) if count is None else count, 0, 0) \
            + question + b"".join(answers)
    if name == "good.test" and kind == 1:
        return message(0x8180, record(1, socket.inet_aton("192.0.2.7")))
    if name == "six.test" and kind == 28:
        return message(0x8180, record(28, socket.inet_pton(socket.AF_INET6, "2001:db8::7")))
    if name in ("good.test", "six.test"):
        return message(0x8180)
    if name == "missing.test":
        return message(0x8183)
    return {
        "loop.test": message(0x8180, struct.pack("!H", 0xc00c + len(question))),
        "cut.test": message(0x8180, record(1, b"12"), count=9)[:-3],
        "short.test": message(0x8180, record(1, b"123")),
        "many.test": message(0x8180, count=65535),
        "bare.test": b"\x81\x80",
    }.get(name)


def test_names(tmp_path, boot):
    host = RawHost(tmp_path, names=names)
    bad = ("missing", "loop", "cut", "short", "many", "bare")
    result = boot("ifconfig eth0 10.0.9.15/24 dns 10.0.9.2; ping -c 2 -i 0 10.0.9.2; "
                  "host good.test; host six.test; host localhost; host 10.1.2.3; "
                  f"together {' -- '.join(f'host {name}.test' for name in (*bad, 'silent'))}; "
                  "host good.test; service list; ifconfig eth0 dns none; host good.test2",
                  "--net", host.net(), timeout=TIMEOUT)
    host.end()
    assert result.output.count("good.test has IPv4 address 192.0.2.7") == 2, str(result)
    assert "six.test has IPv6 address 2001:db8::7" in result.output, str(result)
    assert "localhost has IPv6 address ::1" in result.output, str(result)
    assert "host: missing.test: no such host" in result.output, str(result)
    assert "host: silent.test: the name server doesn't answer now" in result.output, str(result)
    for name in bad:
        assert f"host: {name}.test: " in result.output, str(result)
    assert re.search(r"^inet +up +\S+ +0 ", result.output, re.MULTILINE), str(result)
    assert "host: good.test2: " in result.output, str(result)


# ---- deaths ----

def receive_timed(connection):
    """What comes, and the longest time without anything."""
    longest, last, count = 0, time.monotonic(), 0
    while block := connection.recv(1 << 20):
        now = time.monotonic()
        longest, last, count = max(longest, now - last), now, count + len(block)
    return count, longest


def send_noise(connection, until=lambda: None):
    data = bytes(range(256)) * (8 * MIB // 256)
    connection.sendall(data)
    until()
    connection.shutdown(socket.SHUT_WR)
    receive_all(connection)
    return sha256(data)


def test_connections_outlive_drivers(passes):
    """Data is on its way in both directions whenever the driver dies. Each connection goes on at once,
    long before TCP's own timers would have it do so three times over."""
    down, up = Peer(receive_timed), Peer(send_noise)
    kills = " -- ".join(["service kill virtio_net"] * 3)
    result = passes(f"{REACH}together --apart 150 nc -d --send {24 * MIB} 10.0.2.2 {down.port} -- {kills}; "
                    f"together --apart 100 nc -d --sha256 10.0.2.2 {up.port} -- {kills}; "
                    "netstat -s; ifconfig eth0; netstat",
                    "--net", "user", timeout=TIMEOUT)
    (count, longest), digest = down.join()[0], up.join()[0]
    assert count == 24 * MIB and f"received {8 * MIB} bytes, sha256 {digest}" in result.output
    assert counter(result, "driver instances") == 7, str(result)
    assert counter(result, "connections resumed") >= 2, str(result)
    assert longest < 2.0, str(result)
    assert "inet 10.0.2.15/24 gw 10.0.2.2 dhcp" in result.output, str(result)


def test_link(tmp_path):
    """The link goes while data is on its way, and comes: the connection goes on."""
    begun, monitor = threading.Event(), None

    def receive(connection):
        count = len(exactly(connection, MIB))
        begun.set()
        return count + len(receive_all(connection))
    peer = Peer(receive)
    machine = Machine(f"{REACH}nc -d --send {32 * MIB} 10.0.2.2 {peer.port}; ifconfig eth0", "--net", "user",
                      "--qmp", tmp_path / "qmp")
    try:
        monitor = Monitor(tmp_path / "qmp")
        name = monitor.command("query-rx-filter")[0]["name"]
        assert begun.wait(PATIENCE)
        monitor.command("set_link", name=name, up=False)
        machine.wait_for("eth0: no link")
        monitor.command("set_link", name=name, up=True)
    finally:
        if monitor:
            monitor.close()
        result = machine.join()
    assert result.status == 0 and peer.join() == [32 * MIB], str(result)
    assert counter(result, "connections resumed") >= 1, str(result)


def test_server_death(boot):
    """Programs learn that their connections are gone, whatever they wait in, and others begin anew."""
    over = threading.Event()
    quiet, later = Peer(lambda connection: over.wait(PATIENCE)), Peer(receive_all)
    result = boot(f"{REACH}together --apart 300 nc -d 10.0.2.2 {quiet.port} -- nc -dl 7 -- "
                  "service kill inet; "
                  f"{REACH}nc -d --send 1000 10.0.2.2 {later.port}; service list",
                  "--net", "user", timeout=TIMEOUT)
    over.set()
    assert result.output.count("together: nc: ") == 2, str(result)
    assert len(re.findall(r"[Rr]eset", result.output)) >= 2, str(result)
    assert "1 sent, 1 answered" in result.output, str(result)
    assert re.search(r"^inet +up +\S+ +1 ", result.output, re.MULTILINE), str(result)
    assert len(later.join()[0]) == 1000


# ---- offloads ----

def test_segments_left_to_device(tmp_path):
    """Two machines and devices that make checksums and cut segments between them: what one sends as few
    long frames comes as few long frames at the other, right to the last byte, whatever became of the
    driver meanwhile."""
    wire = VhostNet(tmp_path, ends=2)
    server = Machine("ifconfig eth0 10.9.0.1/24; echo ready; nc -dl -w 30 --sha256 7; ifconfig eth0; "
                     "netstat -s", "--net", wire.net(end=0))
    server.wait_for("ready")
    client = Machine("ifconfig eth0 10.9.0.2/24; ping -c 2 10.9.0.1; together --apart 200 "
                     f"nc -d --send {16 * MIB} 10.9.0.1 7 -- service kill virtio_net; ifconfig eth0",
                     "--net", wire.net("mac=52:54:00:12:34:57", end=1))
    client_result, server_result = client.join(), server.join()
    both = f"{client_result}\n{server_result}\n{wire.report()}"
    assert client_result.status == 0 and server_result.status == 0, both
    assert "link default checksum tso mtu" in client_result.output, both
    sent = re.search(r"^sent (\d+ bytes, sha256 \w+)$", client_result.output, re.M)
    assert sent and f"received {sent.group(1)}" in server_result.output, both
    frames = counter(client_result, "frames sent")
    together = counter(client_result, "of them sent together")
    assert frames > 16 * MIB // 1500 and together > frames // 2, both
    assert counter(server_result, "frames received") < frames // 2, both
    assert counter(server_result, "TCP segments with a wrong checksum") == 0, both


# ---- hostility ----

def test_datagrams_faster_than_they_are_read(tmp_path):
    """They come as fast as the machine takes them in, and the program that reads them has its part of the
    one hart: most would be lost, as on any hart that its interrupts have for themselves. (The clock counts
    instructions: how much of this machine's time is others' makes no difference.)"""
    count, host = 10000, RawHost(tmp_path)

    def datagram(number):
        body = struct.pack(">iIIi", number, 0, 0, 0) + bytes(200)
        return host.to_guest(udp("10.0.9.2", host.guest, (5000, 5001), body))

    machine = Machine(f"ifconfig eth0 {host.guest}/24; netbench -s -n 1; netstat -s", "--net",
                      host.net(), "--qemu-arg=-icount", "--qemu-arg=shift=1", timeout=TIMEOUT)
    machine.wait_for("listening at port")
    for number in range(count):
        assert host.send(datagram(number)), machine.output
    while "udp from" not in machine.output and host.send(datagram(-count)):
        time.sleep(0.1)
    result = machine.join()
    host.end()
    lost = int(re.search(r"(\d+) of \d+ datagrams lost", result.output).group(1))
    assert lost < count // 10, str(result)
    assert counter(result, "UDP datagrams dropped") < count // 10, str(result)


def test_floods(tmp_path, passes):
    """All kinds of what is wrong come at one interface while data comes at the other: it is dropped and
    counted, and costs nobody memory or his connection. Who means it gets through to the flooded port."""
    host, port = RawHost(tmp_path, number=1), free_port()

    def send_under_flood(connection):
        flood = threading.Thread(target=host.flood, args=(1000, 7))
        flood.start()
        digest = send_noise(connection, until=flood.join)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as late:
            late.sendall(b"through")
        return digest

    peer = Peer(send_under_flood)
    result = passes(f"ifconfig eth1 10.0.9.15/24; {REACH}"
                    f"together nc -dl -w 60 --sha256 7 -- nc -d --sha256 10.0.2.2 {peer.port}; "
                    "echo after; netstat -s; ifconfig eth1; ping -c 1 10.0.9.2; service status inet",
                    "--net", "user", "--hostfwd", f"tcp:{port}:7", "--net", host.net(),
                    timeout=2 * TIMEOUT)
    host.end()
    assert f"received 7 bytes, sha256 {sha256(b'through')}" in result.output, str(result)
    assert f"received {8 * MIB} bytes, sha256 {peer.join()[0]}" in result.output, str(result)
    assert "restarted 0 times" in result.output, str(result)
    for text in ("TCP half-open connections given up", "IPv4 fragments dropped",
                 "IPv4 packets with a wrong length", "IPv4 packets dropped", "UDP datagrams dropped",
                 "TCP segments with a wrong checksum", "TCP segments with bad options",
                 "received frames that were too long, or too short"):
        assert counter(result, text) > 100, f"{text}: {result}"
    used, most = map(int, re.search(r"memory +(\d+) KiB of at most (\d+)", result.output).groups())
    assert used < most * 3 // 4, str(result)
