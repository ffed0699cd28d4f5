"""httpd: what real clients outside get, and what clients that don't behave do."""

import json
import os
import re
import socket
import subprocess
import time

import pytest

from gate import Gate
from peer import receive_all
from test_boot import service_rows
from web import AGAIN, MIB, PATIENCE, Site, get, pattern, sha256


@pytest.fixture(name="site", scope="module")
def fixture_site():
    """One that is there already: what is sent before the machine has its address is sent again, by
    QEMU, seconds later."""
    with Site(timeout=300) as site:
        site.curl("/", *AGAIN)
        yield site


@pytest.fixture(name="small")
def fixture_small(site):
    """The port of a server with little room and patience, on the same machine."""
    site.machine.type("httpd -p 81 -c 8 -t 2")
    site.curl(f"http://127.0.0.1:{site.second}/", *AGAIN)
    yield site.second
    site.machine.command("\x03")


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
