"""What this system sends, as tcpdump reads it: every layer's lengths and checksums are right. QEMU's user
network leaves no checksum to the device, so all of them are on the wire in full."""

import random
import re
import socket
import subprocess

from conftest import launch
from peer import Peer, receive_all

TIMEOUT = 60
HOST, HOST6 = "10.0.2.2", "fec0::2"
ADDRESS = "52:54:00:12:34:56"  # QEMU's default
NOISE = random.Random(1).randbytes(500001)
# What tcpdump 4.99 says of what it doesn't like.
BAD = re.compile(r"\b(bad|incorrect|wrong|malformed|truncated|invalid|unsupported|missing|too short|"
                 r"illegal)\b|\[\||length \d+ [<>!]", re.IGNORECASE)
# Each kind of packet that there must be, and how tcpdump shows it.
KINDS = {
    "ARP": r"ethertype ARP .* Request who-has 10\.0\.2\.2 tell 10\.0\.2\.15",
    "DHCP": r"BOOTP/DHCP, Request from 52:54:00:12:34:56(?s:.*)DHCP-Message \(53\), length 1: Discover",
    "DHCP request": r"DHCP-Message \(53\), length 1: Request",
    "echo": r"ICMP echo request, id \d+, seq \d+, length 64",
    "echo with an odd length": r"ICMP echo request, id \d+, seq \d+, length 1009",
    "echo over IPv6": r"\[icmp6 sum ok\] ICMP6, echo request",
    "neighbour solicitation": r"\[icmp6 sum ok\] ICMP6, neighbor solicitation",
    "router solicitation": r"\[icmp6 sum ok\] ICMP6, router solicitation",
    "multicast report": r"multicast listener report",
    "DNS": r"\[udp sum ok\] .*A\? anole\.test\.",
    "UDP": r"10\.0\.2\.15\.\d+ > 10\.0\.2\.2\.\d+: \[udp sum ok\] UDP, length 1400",
    "fragments": r"flags \[\+\], proto UDP",
    "SYN": r"Flags \[S\], cksum 0x\w+ \(correct\), .*options \[mss 1460,",
    "data": r"Flags \[P?\.\], cksum 0x\w+ \(correct\), .* length 1460",
    "FIN": r"Flags \[F[P.]*\], cksum 0x\w+ \(correct\)",
    "TCP over IPv6": r"fec0::5054:ff:fe12:3456\.\d+ > fec0::2\.\d+: Flags .*\(correct\)",
}


def exchange(connection):
    connection.sendall(NOISE)
    connection.shutdown(socket.SHUT_WR)
    return len(receive_all(connection))


def take_datagrams(end):
    taken = 0
    while taken < 3000:
        taken += len(end.recv(65536))
    return taken


def echo_datagrams(end):
    """Sends each back, until an empty one."""
    data = bytes(1)
    while data:
        data, sender = end.recvfrom(65536)
        end.sendto(data, sender)


def packets(capture):
    """tcpdump's reading of each packet that the system sent."""
    done = subprocess.run(["tcpdump", "-r", capture, "-n", "-vvv", "-e", f"ether src {ADDRESS}"],
                          capture_output=True, text=True, check=True, timeout=TIMEOUT)
    return re.split(r"\n(?=\d\d:\d\d:\d\d\.)", done.stdout)


def test_packets(tmp_path):
    capture = tmp_path / "wire.pcap"
    stream, stream6 = Peer(exchange, times=2), Peer(exchange, family=socket.AF_INET6)
    datagrams, long_ones = (Peer(serve, socket.SOCK_DGRAM)
                            for serve in (take_datagrams, echo_datagrams))
    result = launch("-e", f"ping -o -c 20 {HOST}; ping -c 2 -i 0 -s 1001 {HOST}; ping -o -c 20 {HOST6}; "
                    f"ping -c 1 -s 1400 {HOST}; host anole.test; "
                    f"nc --send 700001 --sha256 {HOST} {stream.port}; "
                    f"netbench -c {HOST} -p {stream.port} -t 1; "
                    f"nc --send 3001 --sha256 {HOST6} {stream6.port}; "
                    f"netbench -u --rr -l 3000 -c {HOST} -p {long_ones.port} -t 1; "
                    f"nc -u -w 1 --send 3000 {HOST} {datagrams.port}",
                    "--net", "user", "--pcap", capture, timeout=TIMEOUT)
    long_ones.socket.sendto(b"", long_ones.socket.getsockname())
    long_ones.join()
    assert stream.join()[0] == 700001 and stream6.join() == [3001], str(result)
    assert datagrams.join() == [3000], str(result)
    found = packets(capture)
    assert len(found) > 1000
    bad = [packet for packet in found if BAD.search(packet)]
    assert not bad, "\n".join(bad[:10])
    text = "\n".join(found)
    assert not [kind for kind, shape in KINDS.items() if not re.search(shape, text)], str(result)
