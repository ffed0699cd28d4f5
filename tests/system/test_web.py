"""httpd and wget: what real clients outside get, whatever becomes of the network driver."""

import hashlib
import itertools
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

from console import Console
from gate import Gate
from peer import Peer, free_port, receive_all, reset
from test_boot import service_rows
from wire import Wire

PATIENCE = 60.0  # seconds
MIB = 1 << 20
BULK = 64 * MIB
KILL_EVERY = 0.3  # seconds
MASK = (1 << 64) - 1
BLOCK_WORDS = 512
AGAIN = ("--retry", "60", "--retry-delay", "1", "--retry-all-errors", "--retry-connrefused")


def pattern(size, seed=0):
    """The content of /pattern/SIZE/SEED, as commands/httpd/pattern.c describes it."""
    def mix(state):
        z = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return z ^ z >> 31
    base = int.from_bytes(struct.pack("<512Q", *map(mix, range(BLOCK_WORDS))), "little")
    every_word = sum(1 << 64 * i for i in range(BLOCK_WORDS))
    blocks = []
    for block in range((size + 4095) // 4096):
        key = ((block + 1 + (seed << 32)) * 0x9E3779B97F4A7C15) & MASK
        blocks.append((base ^ key * every_word).to_bytes(4096, "little"))
    return b"".join(blocks)[:size]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Site:
    """A machine that serves, and its ports out here: of port 80, and of port 81 for a second server."""

    def __init__(self, *options, timeout=120):
        self.port, self.second = free_port(), free_port()
        self.machine = Console("--hostfwd", f"tcp:127.0.0.1:{self.port}:80",
                               "--hostfwd", f"tcp:127.0.0.1:{self.second}:81", *options,
                               timeout=timeout)

    def __enter__(self):
        self.machine.__enter__()
        return self

    def __exit__(self, *how):
        return self.machine.__exit__(*how)

    def url(self, path):
        return path if path.startswith("http:") else f"http://127.0.0.1:{self.port}{path}"

    def curl(self, path, *options, data=None):
        """What curl prints; it must succeed."""
        command = ["curl", "-sS", "-m", str(PATIENCE), *options, self.url(path)]
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}\n{self.machine}"
        return done.stdout

    def talk(self, text, port=None):
        """Says something raw, then no more: all that is answered until the end."""
        with socket.create_connection(("127.0.0.1", port or self.port), PATIENCE) as connection:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_WR)
            return receive_all(connection).decode(errors="replace")


@pytest.fixture(name="site", scope="module")
def fixture_site():
    """One that is there already: what is sent before the machine has its address is sent again, by
    QEMU, seconds later."""
    with Site(timeout=900) as site:
        site.curl("/", *AGAIN)
        yield site


@pytest.fixture(name="small")
def fixture_small(site):
    """The port of a server with little room and patience, on the same machine."""
    site.machine.type("httpd -p 81 -c 8 -t 2")
    site.curl(f"http://127.0.0.1:{site.second}/", *AGAIN)
    yield site.second
    site.machine.command("\x03")


def get(path, *fields, method="GET", body=""):
    lines = "".join(field + "\r\n" for field in fields)
    return f"{method} {path} HTTP/1.1\r\nHost: anole\r\n{lines}\r\n{body}"


def test_front_page():
    """It is there within seconds of power-on, with nothing typed."""
    begin = time.monotonic()
    with Site("--smp", "2") as site:
        page = site.curl("/", *AGAIN)
        assert b"<title>Anole</title>" in page
        assert time.monotonic() - begin < 30
        assert service_rows(site.machine.command("service list"))["httpd"][0] == "up"


def test_without_interface(passes):
    """It is there all the same, quietly."""
    result = passes("wget -q --sha256 http://127.0.0.1/pattern/100000/4; service list; dmesg")
    assert f"received 100000 bytes, sha256 {sha256(pattern(100000, 4))}" in result.output
    assert service_rows(result.output)["httpd"][0] == "up", str(result)
    assert "httpd:" not in result.output, str(result)


def test_pages(site):
    assert b'<a href="/docs/recovery.md">' in site.curl("/docs/")
    assert site.curl("/docs", "-L", "-o", "-", "-w", "%{num_redirects}").endswith(b"</html>\n1")
    head = site.curl("/docs/recovery.md", "-I").decode()
    size = len(site.curl("/docs/recovery.md"))
    assert f"Content-Length: {size}\r\n" in head and "text/markdown" in head, head
    told = json.loads(site.curl("/services.json"))
    states = {one["name"]: one["state"] for one in told["services"]}
    assert states["virtio_net"] == states["httpd"] == "up", told
    assert {"start", "ready"} <= {one["event"] for one in told["events"]}, told


def test_files(site):
    """Those below /srv."""
    site.machine.command("wget -q -O /srv/copy http://127.0.0.1/pattern/3M/7; mkdir /srv/d; "
                         "echo hello > '/srv/d/a b.txt'")
    assert site.curl("/copy") == pattern(3 * MIB, 7)
    assert site.curl("/copy", "-r", "3000000-3000009") == pattern(3 * MIB, 7)[3000000:3000010]
    assert b'<a href="/d/a%20b.txt">a b.txt</a>' in site.curl("/d", "-L")
    assert site.curl("/d/a%20b.txt") == b"hello\n"
    assert site.talk(get("/../boot/")).startswith("HTTP/1.1 404 ")


def test_ranges(site):
    whole = pattern(100000, 3)
    assert site.curl("/pattern/100000/3") == whole
    assert site.curl("/pattern/100000/3", "-r", "50000-60000") == whole[50000:60001]
    assert site.curl("/pattern/100000/3", "-r", "-7") == whole[-7:]
    tag = re.search(r'ETag: ("\S+")', site.curl("/pattern/100000/3", "-I").decode()).group(1)
    status = ("-o", os.devnull, "-w", "%{http_code}")
    assert site.curl("/pattern/100000/3", "-H", f"If-None-Match: {tag}", *status) == b"304"
    assert site.curl("/pattern/100000/3", "-r", "100000-", *status) == b"416"


HEAD_MAX, PATH_MAX, UPLOAD_MAX = 8192, 1024, 1 << 30
STATUSES = [
    ("rubbish\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    (get("/%00"), 400),
    (get("/upload", "Content-Length: 1", "Transfer-Encoding: chunked", method="PUT"), 400),
    (get("/upload", "Transfer-Encoding: chunked", method="PUT", body="no size\r\n"), 400),
    (get("/none"), 404),
    (get("/../../etc/passwd"), 404),
    (get("/", "Content-Length: 0", method="PUT"), 405),
    (get("/upload", method="PUT"), 411),
    (get("/", "Content-Length: 100000", method="POST"), 413),
    (get("/upload", f"Content-Length: {UPLOAD_MAX + 1}", method="PUT"), 413),
    (get("/" + PATH_MAX * "a"), 414),
    (get("/" + HEAD_MAX * "a"), 414),
    (get("/pattern/10", "Range: bytes=10-"), 416),
    (get("/", "Expect: miracles"), 417),
    (get("/", "A: " + HEAD_MAX * "a"), 431),
    (get("/", method="BREW"), 501),
    (get("/", "Transfer-Encoding: br"), 501),
    ("GET / HTTP/3.0\r\n\r\n", 505),
]


def test_statuses(site):
    """What bad requests get; the connection ends, and the next one works."""
    for text, status in STATUSES:
        answer = site.talk(text)
        assert answer.startswith(f"HTTP/1.1 {status} "), f"{text[:99]!r}: {answer[:99]!r}"
    assert site.talk(get("/pattern/0")).startswith("HTTP/1.1 200 ")


def test_keep_alive(site):
    """Many requests on one connection, one after the other and all at once."""
    urls = [site.url("/docs/recovery.md")] * 20
    done = subprocess.run(["curl", "-sS", "-m", "20", "-w", "%{stderr}%{num_connects} ", *urls],
                          capture_output=True, check=True)
    assert done.stderr.split() == [b"1"] + [b"0"] * 19
    answers = site.talk(50 * get("/services.txt") + get("/", "Connection: close") + get("/"))
    assert answers.count("HTTP/1.1 200 OK\r\n") == 51
    assert answers.count("</html>") == 1


def test_upload(site):
    for options in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
        for size in (0, 1, 100000, 3 * MIB):
            data = os.urandom(size)
            answer = site.curl("/upload", "-T", "-" if options else ".", *options, data=data) \
                if options else site.curl("/upload", "--data-binary", "@-", data=data)
            assert answer.decode() == f"{size} {sha256(data)}\n"


def open_connections(port, count, text=""):
    """One after the other has an answer before it says its text: QEMU's queue of connections is short,
    and the host tries again only after seconds."""
    made = []
    for _ in range(count):
        made.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        made[-1].sendall(get("/pattern/0").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += made[-1].recv(1)
        made[-1].sendall(text.encode())
    return made


def test_slow_clients(site, small):
    """Who asks slowly, or doesn't read, delays nobody; who asks slowly is told so in the end."""
    deaf = open_connections(site.port, 40, get("/pattern/1G"))
    slow = open_connections(small, 7, "GET / HTT")
    begin = time.monotonic()
    for _ in range(5):
        site.curl("/")
    assert time.monotonic() - begin < 30
    for connection in slow:
        assert receive_all(connection).startswith(b"HTTP/1.1 408 ")
    for connection in slow + deaf:
        connection.close()


def test_too_many(site, small):
    """Beyond the limit of connections there is 503; idle ones make room."""
    idle = open_connections(small, 3)
    busy = open_connections(small, 8, get("/pattern/1G"))
    assert all(connection.recv(1) for connection in busy)
    answer = site.talk(get("/"), small)
    assert answer.startswith("HTTP/1.1 503 "), answer
    for connection in idle:
        assert connection.recv(1) == b""
    for connection in idle + busy:
        connection.close()
    while answer.startswith("HTTP/1.1 503 "):
        answer = site.talk(get("/"), small)
    assert answer.startswith("HTTP/1.1 200 "), answer


def test_many_connections(site):
    """200 at once, and none is lost; with two clients that judge for themselves."""
    with Gate(site.port) as gate:
        url = f"http://127.0.0.1:{gate.port}"
        done = subprocess.run(["ab", "-q", "-k", "-n", "2000", "-c", "200", url + "/style.css"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        told = dict(re.findall(r"^(.*?): +(\d+)", done.stdout, re.M))
        assert done.returncode == 0 and told["Complete requests"] == "2000", done
        assert told["Failed requests"] == "0" and "Non-2xx responses" not in told, done.stdout
        done = subprocess.run(["wrk", "-t", "2", "-c", "200", "-d", "3s", "--timeout", "60s",
                               url + "/services.json"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and "requests in" in done.stdout, done
        assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout


def test_death_of_servers(site):
    """When inet dies connections end, and httpd listens again; when httpd dies, the next one does."""
    for service in ("inet", "httpd"):
        site.machine.command(f"service kill {service}")
        assert b"Anole" in site.curl("/", *AGAIN)
    rows = service_rows(site.machine.command("service list"))
    assert rows["inet"][2] == rows["httpd"][2] == "1", str(site.machine)


# ---- wget ----

NOISE = os.urandom(300000)


def read_request(connection):
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    return request.decode()


def break_once(connections):
    """Half of it and a reset; then what is asked for."""
    def serve(connection):
        request = read_request(connection)
        connections.append(request)
        head = f'ETag: "n"\r\nContent-Length: '
        if len(connections) == 1:
            connection.sendall(f"HTTP/1.1 200 OK\r\n{head}{len(NOISE)}\r\n\r\n".encode()
                               + NOISE[:150000])
            time.sleep(0.5)  # for it to be read: a reset overtakes it
            reset(connection)
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
    """From servers out here that break off, move, send in chunks, or don't speak HTTP."""
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


# ---- transfers that outlive the driver, and much else ----


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


def transfer_both_ways(site, trouble):
    """64 MiB down and up, each over one connection, at a rate that leaves time for trouble: how often
    the driver died meanwhile, each time."""
    def deaths():
        told = json.loads(site.curl("/services.json", *AGAIN))
        return next(one["restarts"] for one in told["services"] if one["name"] == "virtio_net")
    rate = ("-m", "180", "--limit-rate", "16M")
    data = os.urandom(BULK)
    site.curl("/", *AGAIN)
    begin = deaths()
    with trouble:
        got = site.curl("/pattern/64M/5", *rate)
        down = deaths()
        answer = site.curl("/upload", *rate, "--data-binary", "@-", data=data)
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
