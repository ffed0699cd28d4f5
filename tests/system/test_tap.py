"""A judge that isn't ours: this machine's own network stack behind a tap interface, with segments and
checksums left to the device both ways. Skipped where nobody may have one."""

import re
import socket
import subprocess

import pytest

from console import Console
from peer import Peer, receive_all, sha256
from tap import Tap
from test_boot import service_rows
from test_transfers import Trouble
from web import AGAIN, PATIENCE

TIMEOUT = 60
BULK = 6 << 20
SEGMENT_AT_LEAST = 2 * 1514  # on average, where segments are cut behind us or before us
NOISE = bytes(range(256)) * (BULK // 256)


@pytest.fixture(name="tap")
def fixture_tap():
    """tap(queues) makes one."""
    made = []

    def make(queues=1):
        try:
            made.append(Tap(queues))
        except OSError as error:
            pytest.skip(f"no tap interface: {error}")
        return made[-1]
    yield make
    for one in made:
        one.close()


def exchange(connection):
    """Takes all that comes, then sends as much: the digest of what came."""
    received = receive_all(connection)
    connection.sendall(NOISE)
    connection.shutdown(socket.SHUT_WR)
    return len(received), sha256(received)


@pytest.mark.parametrize("queues, options", [
    (1, ()), (2, ("--smp", "2")), (4, ("--transport", "pci", "--aia", "--smp", "4"))],
    ids=["mmio", "mmio-2-pairs", "pci-msi-4-pairs"])
def test_bulk(passes, tap, queues, options):
    """Streams each way, then again while the driver dies; what is moved is right, and most of it in
    segments that are longer than frames."""
    wire = tap(queues)
    peer = Peer(exchange, address=wire.address, times=2)
    transfer = f"nc --send {BULK} --seed 3 --sha256 {wire.address} {peer.port}"
    result = passes(f"ifconfig eth0 {wire.guest}/24; ping -c 2 {wire.address}; {transfer}; "
                    f"together --apart 200 {transfer} -- service kill virtio_net; dmesg; "
                    "service list", "--net", wire.net(), *options,
                    timeout=TIMEOUT)
    sent = re.findall(rf"sent {BULK} bytes, sha256 (\w+)", result.output)
    assert peer.join() == [(BULK, digest) for digest in sent] and len(sent) == 2, str(result)
    assert result.output.count(f"received {BULK} bytes, sha256 {sha256(NOISE)}") == 2, str(result)
    assert service_rows(result.output)["virtio_net"][2] == "1", str(result)
    assert "checksums, segmentation" in result.output, str(result)
    assert queues == 1 or f"{queues} pairs of queues" in result.output, str(result)
    for way in ("rx", "tx"):
        frames, count = wire.counter(f"{way}_packets"), wire.counter(f"{way}_bytes")
        assert wire.counter(f"{way}_errors") == 0
        assert count / frames >= SEGMENT_AT_LEAST


def judged(*command):
    """What the client says, who must be content."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0, done
    return done.stdout


def ab_loses_none(*options):
    said = judged("ab", "-q", "-n", 2000, "-c", 200, *options)
    told = dict(re.findall(r"^(.*?): +(\d+)", said, re.M))
    assert told["Complete requests"] == "2000" and told["Failed requests"] == "0", said
    assert "Non-2xx responses" not in told, said


def test_web_clients(tap):
    """200 connections at once with nothing between: ab makes a new one for each request, or keeps it, also
    while the driver dies; wrk asks for what is made anew each time."""
    wire = tap()
    url = f"http://{wire.guest}/style.css"
    with Console("--net", wire.net(), timeout=200) as machine:
        machine.command(f"ifconfig eth0 {wire.guest}/24")
        judged("curl", "-sS", "-m", PATIENCE, *AGAIN, "-o", "/dev/null", url)
        ab_loses_none(url)
        ab_loses_none("-k", url)
        with Trouble(machine, "service kill virtio_net", every=0.3):
            ab_loses_none(url)
        said = judged("wrk", "-t", 2, "-c", 200, "-d", "2s", "--timeout", "60s",
                      url.replace("style.css", "services.json"))
        assert "Socket errors" not in said and "Non-2xx" not in said, said
        rows = service_rows(machine.command("service list"))
        assert rows["inet"][2] == rows["httpd"][2] == "0", str(machine)
        assert int(rows["virtio_net"][2]) > 0, str(machine)
