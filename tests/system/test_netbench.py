"""netbench and iperf 2, each as the other's judge; clients that don't keep to the protocol; two machines
that measure the wire between them."""

import random
import re
import socket
import struct
import subprocess

import pytest

from machine import Machine
from peer import free_port, reset

TIMEOUT = 60
HOST = "10.0.2.2"
PORT = 5001  # inside
IPERF_SECONDS = 20
REACH = f"ping -o -c 20 {HOST}; "  # until DHCP has given an address
RATE = r"\d+ bytes in \d+\.\d+ s, \d+\.\d+ Mbit/s"


def iperf(*words):
    """A client or server of iperf on this machine, to its end."""
    done = subprocess.run(["iperf", *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=IPERF_SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert not re.search("fail|WARNING|error", done.stdout + done.stderr), \
        f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(name="server")
def fixture_server():
    """A machine with a netbench server, and the port of this machine that leads there."""
    port = free_port()
    machine = Machine(f"netbench -s -p {PORT}", "--net", "user", "--hostfwd", f"tcp:{port}:{PORT}",
                      "--hostfwd", f"udp:{port}:{PORT}")
    machine.wait_for(f"listening at port {PORT}")
    yield machine, port
    machine.end()


def test_iperf_clients(server):
    machine, port = server
    to = ("-c", "127.0.0.1", "-p", port)
    assert "MBytes" in iperf(*to, "-n", "4M")
    assert "(reverse)" in iperf(*to, "-R", "-n", "4M")
    assert iperf(*to, "--full-duplex", "-t", 1).count("ytes ") >= 2
    assert iperf(*to, "-d", "-L", free_port(), "-t", 1).count("connected with") == 2
    assert iperf(*to, "-r", "-L", free_port(), "-n", "1M").count("connected with") == 2
    assert re.search(r"\b10=\d", iperf(*to, "--bounceback", "-l", 100, "-t", 1)), "10 exchanges"
    assert "[SUM]" in iperf(*to, "-P", 4, "-n", "1M")
    report = iperf(*to, "-u", "-b", "4m", "-t", 1)
    total = int(re.search(r"Sent (\d+) datagrams", report).group(1))
    lost, of = map(int, re.search(r"Server Report:.*?(\d+)/(\d+) \(", report, re.S).groups())
    assert total - 1 <= of <= total and lost < total / 2, report
    assert re.search(r"\(reverse\).*?\d/[1-9]\d+ \(", iperf(*to, "-u", "-R", "-b", "4m", "-t", 1),
                     re.S)
    machine.wait_for("udp to")
    tcp = re.findall(rf"^tcp from {HOST}: {RATE}$", machine.output, re.M)
    assert len(tcp) == 8, machine.output
    assert len(re.findall(rf"^tcp back to {HOST}: {RATE}$", machine.output, re.M)) == 2
    assert f"tcp from {HOST}: {4 << 20} bytes" in machine.output, machine.output
    assert re.search(rf"^tcp with {HOST}: [1-9]\d+ exchanges of 100 bytes$", machine.output, re.M), \
        machine.output


class Client:
    """One that doesn't keep to the protocol."""

    def __init__(self, port):
        self.port = port
        self.silent = []

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)

    def say(self, data):
        """Sends that and ends; what comes back, or the first of it: rubbish may mean "send for a day"."""
        answer = b""
        connection = self.connect()
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while len(answer) < 100000 and (block := connection.recv(65536)):
                answer += block
        except ConnectionError:
            pass
        reset(connection)
        return answer

    def break_off(self, data):
        connection = self.connect()
        connection.sendall(data)
        connection.recv(1)
        reset(connection)

    def fall_silent(self, data):
        connection = self.connect()
        connection.sendall(data)
        self.silent.append(connection)


def header(flags, amount, upper=0, block=0, rate=0):
    return struct.pack(">6I2I7I", flags, 1, 0, block, 0, amount & 0xffffffff, 0, 0, upper << 16, 0, 0,
                       0, rate, 0, 0)


def test_bad_clients(server):
    """Rubbish, cut headers, lengths that can't be, resets and silence in the middle, windows that stay
    closed: who comes after them is served all the same."""
    machine, port = server
    chance = random.Random(3)
    client = Client(port)
    client.say(b"")
    client.say(b"\x40")
    for flags in (0x40010078, 0xc0010079, 0x80000000, 0x400101fe, 0x40010000, 0x00800000):
        client.say(struct.pack(">I", flags) + b"\x01" * 7)
    assert client.say(struct.pack(">II", 0x00800000, 0xffffffff) + bytes(80)) == b""
    assert client.say(struct.pack(">II", 0x00800000, 3) + bytes(80)) == b""
    client.say(header(0xc0010079, -10))  # there is nobody at port 0 to be called back
    for _ in range(8):
        client.say(chance.randbytes(chance.randrange(1, 3000)))
    client.break_off(header(0x44010078, -1000, 0x0400))  # the server sends for 10 s
    client.break_off(header(0x44010078, -1000, 0x0800))
    client.fall_silent(header(0x44010078, 1 << 30, 0x0400))
    client.fall_silent(b"\x40\x01")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        # The largest datagrams, one in six days, for ever.
        slow.sendto(struct.pack(">4I", 1, 0, 0, 0) + header(0x44010078, 0x7fffffff, 0x0400, 65507, 1),
                    ("127.0.0.1", port))
        assert slow.recv(100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rubbish:
        for length in (0, 1, 11, 12, 16, 20, 75, 76, 1400):
            rubbish.sendto(chance.randbytes(length), ("127.0.0.1", port))
    assert "MBytes" in iperf("-c", "127.0.0.1", "-p", port, "-n", "1M")
    iperf("-c", "127.0.0.1", "-p", port, "-u", "-b", "1m", "-n", "100K")
    for text in ("ended before it began", "ended inside its header", "a length that can't be",
                 "broke off: Connection reset", "no connection back"):
        machine.wait_for(text)


def test_death_of_inet(boot):
    """The client says what became of its connection; the server listens again at the next instance."""
    result = boot("together --apart 700 netbench -s -n 2 -- netbench -c 127.0.0.1 -t 3 -- "
                  "service kill inet -- sleep 1 -- netbench -c 127.0.0.1 -t 1 --rr",
                  timeout=TIMEOUT)
    assert "netbench: the connection broke: Connection reset by peer" in result.output, str(result)
    assert result.output.count("listening at port 5001") == 2, str(result)
    assert re.search(r"tcp with 127\.0\.0\.1: [1-9]\d+ exchanges of 64 bytes in", result.output), \
        str(result)


@pytest.fixture(name="iperf_servers")
def fixture_iperf_servers():
    """iperf servers of this machine, four for TCP and two for UDP: their ports. Version 2.1.8 often dies
    of a second test."""
    servers = []
    for more in [[]] * 4 + [["-u"]] * 2:
        port = free_port()
        servers.append((port, subprocess.Popen(["iperf", "-s", "-p", str(port), *more],
                                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)))
        assert b"---" in servers[-1][1].stdout.readline()
        assert b"Server listening" in servers[-1][1].stdout.readline()
    yield [port for port, _ in servers]
    for _, server in servers:
        server.kill()
        server.communicate()


def test_iperf_server(passes, iperf_servers):
    tests = zip(iperf_servers, ("", "--reverse", "--both", "--rr", "-u -b 8", "-u -b 8 --reverse"))
    result = passes(REACH + "; ".join(f"netbench -c {HOST} -t 1 -p {port} {words}" for port, words in tests),
                    "--net", "user", timeout=TIMEOUT)
    for line in (rf"tcp to {HOST}: {RATE}", rf"tcp from {HOST}: {RATE}",
                 rf"tcp with {HOST}: \d{{2,}} exchanges of 64 bytes .* median \d+\.\d us, 95 % .* us",
                 rf"udp as got by {HOST}: {RATE}, \d+ of [1-9]\d+ datagrams lost",
                 rf"udp from {HOST}: {RATE}, \d+ of [1-9]\d+ datagrams lost"):
        assert re.search(line, result.output), str(result)
    # Each says what it cost.
    assert len(re.findall(r"^  each .* switches, .* kicks, .* interrupts", result.output,
                          re.M)) == 6, str(result)
    assert len(re.findall(r"0\.00 bytes copied by the driver", result.output)) == 6, str(result)


def test_two_machines(tmp_path):
    """One is the server, the other the client, over the wire between them and IPv6's own addresses."""
    wire = f"addr.type=unix,addr.path={tmp_path}/wire"
    there = "fe80::5054:ff:fe00:1"
    server = Machine("together netbench -s -n 6 -- nc -6 -l -w 50 --sha256 7",
                     "--net", f"stream:server=on,{wire};mac=52:54:00:00:00:01")
    server.wait_for("listening at port")
    to = f"netbench -c {there} -t 1"
    client = Machine(f"ping -o -c 20 {there}; {to}; {to} --both; {to} --rr; {to} -u --rr; {to} -u -l 65507 -b 20; {to} -u -l 9000 -b 20 --reverse; "
                     f"nc -w 20 --send 3000000 --sha256 {there} 7",
                     "--net", f"stream:server=off,{wire};mac=52:54:00:00:00:02")
    client_result, server_result = client.join(), server.join()
    both = f"{client_result}\n{server_result}"
    assert client_result.status == 0 and server_result.status == 0, both
    assert len(re.findall(r"^(?:tcp|udp) with .*: [1-9]\d+ exchanges", client_result.output,
                          re.M)) == 2, both
    sent = re.search(r"^sent (3000000 bytes, sha256 \w+)$", client_result.output, re.M)
    assert sent and f"received {sent.group(1)}" in server_result.output, both
