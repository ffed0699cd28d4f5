"""A host on an Ethernet wire of a machine (tools/run --net dgram:...), made of raw frames: it answers ARP
and echo requests, and questions by DNS as a test tells it to; and it sends floods of what is wrong."""

import random
import socket
import struct
import threading

ETHER, BROADCAST = b"\x52\x55\x0a\0\x09\x02", b"\xff" * 6
IP, ARP, IP6 = 0x0800, 0x0806, 0x86dd
ICMP, TCP, UDP = 1, 6, 17
SYN, ACK = 2, 16
DNS = 53
GUEST = "52:54:00:12:34:%02x"  # what QEMU gives its interfaces, from 0x56 on


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xffff:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def ethernet(to, kind, payload):
    return to + ETHER + struct.pack("!H", kind) + payload


def ipv4(source, to, protocol, payload, fragment=0, number=0, options=b""):
    """fragment: the field of that name, flags and all."""
    def header(total):
        return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                           20 + len(options) + len(payload), number, fragment, 64, protocol, total,
                           socket.inet_aton(source), socket.inet_aton(to)) + options
    return header(checksum(header(0))) + payload


def transport(source, to, protocol, head, at, payload):
    """A header with its checksum put in at an offset, and the payload."""
    pseudo = struct.pack("!4s4sHH", socket.inet_aton(source), socket.inet_aton(to), protocol,
                         len(head) + len(payload))
    total = checksum(pseudo + head + payload) or 0xffff
    return head[:at] + struct.pack("!H", total) + head[at + 2:] + payload


def udp(source, to, ports, payload):
    head = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    return ipv4(source, to, UDP, transport(source, to, UDP, head, 6, payload))


def tcp(source, to, ports, flags, options=b"", sequence=1):
    head = struct.pack("!HHIIBBHHH", *ports, sequence, 0, (20 + len(options)) // 4 << 4, flags, 1024,
                       0, 0) + options
    return ipv4(source, to, TCP, transport(source, to, TCP, head, 16, b""))


class RawHost:
    """It has every IPv4 address but the machine's. `names` answers a question (name, type) with the
    bytes of a DNS message behind the identifier; None: with nothing."""

    def __init__(self, directory, guest="10.0.9.15", number=0, names=lambda name, kind, question: None):
        self.path = directory / f"raw{number}"
        self.guest, self.names = guest, names
        self.ether = bytes.fromhex((GUEST % (0x56 + number)).replace(":", ""))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(0.1)
        self.received, self.ended = 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def net(self):
        """What tools/run's --net takes."""
        return f"dgram:local.type=unix,local.path={self.path}.peer," \
               f"remote.type=unix,remote.path={self.path}"

    def run(self):
        while not self.ended:
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                continue
            self.received += 1
            kind, = struct.unpack_from("!H", frame, 12)
            if kind == ARP:
                self.answer_arp(frame)
            elif kind == IP and len(frame) >= 34:
                self.answer_ip(frame)

    def end(self):
        self.ended = True
        self.thread.join()
        self.socket.close()

    def send(self, frame):
        """False: the machine is gone. One that is busy is waited for."""
        while not self.ended:
            try:
                self.socket.sendto(frame, f"{self.path}.peer")
                return True
            except TimeoutError:
                continue
            except OSError:
                break
        return False

    def send_ip(self, packet, to=None):
        return self.send(ethernet(to or self.ether, IP, packet))

    def answer_arp(self, frame):
        asked = frame[38:42]
        if frame[20:22] == b"\0\1" and asked != socket.inet_aton(self.guest):
            self.send(ethernet(self.ether, ARP, frame[14:20] + b"\0\2" + ETHER + asked
                               + frame[22:32]))

    def answer_ip(self, frame):
        packet = frame[14:14 + struct.unpack_from("!H", frame, 16)[0]]
        source, to = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        if packet[9] == ICMP and packet[20] == 8:
            body = b"\0\0\0\0" + packet[24:]
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            self.send_ip(ipv4(to, source, ICMP, body))
        elif packet[9] == UDP and struct.unpack_from("!H", packet, 22)[0] == DNS:
            self.answer_name(source, to, packet)

    def answer_name(self, source, to, packet):
        port, = struct.unpack_from("!H", packet, 20)
        question = packet[28:]
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        answer = self.names(".".join(labels), struct.unpack_from("!H", question, at + 1)[0],
                            question[12:at + 5])
        if answer is not None:
            self.send_ip(udp(to, source, (DNS, port), question[:2] + answer))

    def flood(self, count, port, seed=1):
        """So many frames of each kind, mixed; port is one at which somebody listens."""
        kinds = [self.syn, self.fragment, self.overlap, self.broadcast, self.truncated, self.options,
                 self.spoilt]
        chance = random.Random(seed)
        for _ in range(count):
            for kind in kinds:
                if not self.send(kind(chance, port)):
                    return

    def to_guest(self, packet):
        return ethernet(self.ether, IP, packet)

    @staticmethod
    def stranger(chance):
        return f"10.0.9.{chance.randrange(16, 250)}"

    def syn(self, chance, port):
        return self.to_guest(tcp(self.stranger(chance), self.guest,
                                 (chance.randrange(1024, 65536), port), SYN))

    def fragment(self, chance, _port):
        """Of a packet that never comes whole."""
        return self.to_guest(ipv4(self.stranger(chance), self.guest, UDP, bytes(800),
                                  0x2000 | chance.randrange(8000), chance.randrange(65536)))

    def overlap(self, chance, _port):
        """Of few packets, over each other, beyond the longest there can be."""
        return self.to_guest(ipv4("10.0.9.3", self.guest, UDP, bytes(chance.randrange(1, 1400)),
                                  chance.choice([0, 0x2000]) | chance.choice([0, 1, 50, 8191]),
                                  chance.randrange(4)))

    def broadcast(self, chance, _port):
        return ethernet(BROADCAST, IP, udp("10.0.9.4", "10.0.9.255",
                                           (9, chance.randrange(65536)), bytes(100)))

    def truncated(self, chance, port):
        frame = self.syn(chance, port)
        return frame[:chance.randrange(15, len(frame))]

    def spoilt(self, chance, port):
        frame = bytearray(self.syn(chance, port))
        frame[chance.randrange(34, len(frame))] ^= 1 << chance.randrange(8)
        return bytes(frame)

    def options(self, chance, port):
        if chance.randrange(2):
            return self.to_guest(tcp("10.0.9.5", self.guest, (7, port), SYN,
                                     chance.randbytes(4 * chance.randrange(1, 11))))
        return self.to_guest(ipv4("10.0.9.6", self.guest, UDP, bytes(30),
                                  options=chance.randbytes(4 * chance.randrange(1, 11))))
