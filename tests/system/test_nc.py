"""nc against peers on this machine: bulk data both ways, half-closed streams, resets, datagrams, what is
typed and shown."""

import random
import re
import socket
import threading

from conftest import converse
from peer import Peer, exactly, free_port, receive_all, reset, sha256

TIMEOUT = 60
HOST, HOST6 = "10.0.2.2", "fec0::2"
REACH = f"ping -o -c 20 {HOST}; "  # until DHCP has given an address
BULK = 3 << 20
NOISE = random.Random(5).randbytes(BULK + 12345)  # its length is no block's


def exchange(connection):
    """Sends the noise and receives what comes, at the same time: its digest."""
    def send():
        connection.sendall(NOISE)
        connection.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    received = receive_all(connection)
    sender.join()
    return len(received), sha256(received)


def half_close(connection):
    """Ends its own direction first, and gets all the same what still comes."""
    connection.sendall(b"first")
    connection.shutdown(socket.SHUT_WR)
    return sha256(receive_all(connection))


def break_off(connection):
    connection.recv(100000)
    reset(connection)


def echo_datagrams(end):
    """Sends datagrams back until there were 10,000 bytes."""
    sizes = []
    while sum(sizes) < 10000:
        data, sender = end.recvfrom(65536)
        sizes.append(len(data))
        end.sendto(data, sender)
    return sizes


def claims(output, verb):
    return re.findall(rf"^{verb} (\d+) bytes, sha256 (\w+)$", output, re.MULTILINE)


def test_streams(boot):
    bulk, bulk6 = Peer(exchange), Peer(exchange, family=socket.AF_INET6)
    half, broken = Peer(half_close), Peer(break_off)
    result = boot(f"{REACH}nc --send {BULK} --seed 9 --sha256 {HOST} {bulk.port}; "
                  f"nc -w 20 --send {BULK} --seed 9 --sha256 {HOST} {half.port}; "
                  f"ping -o -c 20 {HOST6}; nc --send 77 --seed 1 --sha256 {HOST6} {bulk6.port}; "
                  f"nc --send 100000000 {HOST} {broken.port}; nc {HOST} {free_port()}",
                  "--net", "user", timeout=TIMEOUT)
    sent, received = claims(result.output, "sent"), claims(result.output, "received")
    whole = (str(len(NOISE)), sha256(NOISE))
    assert received[:3] == [whole, ("5", sha256(b"first")), whole], str(result)
    assert bulk.join() == [(BULK, sent[0][1])] and half.join() == [sent[1][1]], str(result)
    assert bulk6.join() == [(77, sent[2][1])], str(result)
    assert sent[0] == sent[1] and sent[0] != sent[2], "the seed decides"
    assert "nc: receive: Connection reset" in result.output, str(result)
    assert "nc: connect: Connection refused" in result.output, str(result)
    assert result.status == 1, str(result)


def test_silent_peers(boot):
    """One that takes nothing, one that says nothing, one that isn't there: patience ends it."""
    done = threading.Event()
    full, silent = Peer(lambda connection: done.wait(TIMEOUT)), Peer(lambda _: done.wait(TIMEOUT))
    result = boot(f"{REACH}together nc -d -w 1 {HOST} {silent.port} -- nc -w 1 --send 100000000 {HOST} "
                  f"{full.port} -- nc -w 1 -d 10.0.2.77 7 -- nc -l -w 1 8 -- nc -u -l -w 1 8",
                  "--net", "user", timeout=TIMEOUT)
    done.set()
    assert sorted(re.findall(r"^nc: (\w+): Connection timed out$", result.output, re.M)) == [
        "accept", "connect", "receive", "receive", "receive", "send"], str(result)
    assert full.join() and silent.join() and result.status == 1, str(result)


def test_datagrams(passes):
    peer = Peer(echo_datagrams, socket.SOCK_DGRAM)
    result = passes(f"{REACH}nc -u -w 2 --send 10000 --sha256 {HOST} {peer.port}", "--net", "user",
                    timeout=TIMEOUT)
    assert peer.join() == [[1400] * 7 + [200]], str(result)
    assert claims(result.output, "sent") == claims(result.output, "received"), str(result)


def greet(connection):
    answer = exactly(connection, 6)
    connection.sendall(b"good day\n")
    return answer + receive_all(connection)


def test_typed():
    """What is typed goes out after editing, line by line; what comes is shown. Ctrl-D is the end."""
    peer = Peer(greet)
    result = converse(("anole> ", f"{REACH}nc {HOST} {peer.port}\r"),
                      ("1 answered", "helo\177lo\r"), ("good day", "bye\r\4"),
                      ("anole> ", "poweroff\r"), arguments=("--net", "user"), timeout=TIMEOUT)
    assert peer.join() == [b"hello\nbye\n"], str(result)
    assert result.status == 0, str(result)
