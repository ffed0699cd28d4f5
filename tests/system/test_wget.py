"""wget: from servers out here that break off, move, send in chunks, or don't speak HTTP."""

import os
import re

from peer import Peer
from web import sha256

NOISE = os.urandom(300000)


def read_request(connection):
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    return request.decode()


def break_once(connections):
    """Half of it and the end; then what is asked for."""
    def serve(connection):
        request = read_request(connection)
        connections.append(request)
        head = 'ETag: "n"\r\nContent-Length: '
        if len(connections) == 1:
            connection.sendall(f"HTTP/1.1 200 OK\r\n{head}{len(NOISE)}\r\n\r\n".encode()
                               + NOISE[:150000])
            return
        first = int(re.search(r'Range: bytes=(\d+)-\r\nIf-Range: "n"\r\n', request).group(1))
        connection.sendall((f"HTTP/1.1 206 Partial Content\r\n{head}{len(NOISE) - first}\r\n"
                            f"Content-Range: bytes {first}-{len(NOISE) - 1}/{len(NOISE)}\r\n"
                            "\r\n").encode() + NOISE[first:])
    return serve


def move_then_chunks(connection):
    if "GET /old?x " in read_request(connection):
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: new\r\nContent-Length: 0\r\n\r\n")
        return
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(NOISE), 7001):
        block = NOISE[at:at + 7001]
        connection.sendall(b"%x;ignored=yes\r\n%s\r\n" % (len(block), block))
    connection.sendall(b"0\r\nTrailer: yes\r\n\r\n")


def answer_with(data):
    def serve(connection):
        read_request(connection)
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
    return serve


def test_wget(boot):
    requests = []
    broken = Peer(break_once(requests), times=2)
    moved = Peer(move_then_chunks, times=2)
    bad = [Peer(answer_with(data)) for data in (
        b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + 20000 * b"A: b\r\n", b"HTTP/1.1 302 F\r\nLocation: //x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 206 P\r\nContent-Range: bytes 5-6/7\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")]
    commands = [f"wget -q --sha256 -O /tmp/a http://10.0.2.2:{broken.port}/a",
                f"wget -q -O /tmp/b http://10.0.2.2:{moved.port}/old?x",
                "sha256sum /tmp/a /tmp/b"]
    commands += [f"wget -t 1 -O /tmp/c 10.0.2.2:{peer.port} || echo refused" for peer in bad]
    result = boot("; ".join(commands), "--net", "user")
    assert result.output.count(sha256(NOISE)) == 3, str(result)
    assert len(requests) == 2 and len(result.lines("refused")) == len(bad), str(result)
    assert f"received {len(NOISE)} bytes" in result.output
