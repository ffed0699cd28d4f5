"""tools/run without a machine: its command line, QEMU's command line, and how it treats what a
machine prints and how it ends, with a program in QEMU's place."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from launcher import console  # noqa: E402 pylint: disable=wrong-import-position


def launch(*arguments, **options):
    return subprocess.run([ROOT / "tools" / "run", *map(str, arguments)], text=True,
                          capture_output=True, timeout=60, check=False, **options)


def dry(*arguments):
    """QEMU's arguments."""
    result = launch("--dry-run", *arguments)
    assert result.returncode == 0, result.stderr
    return shlex.split(result.stdout)


def after(command, option):
    """The values of every occurrence of an option."""
    return [command[i + 1] for i, word in enumerate(command) if word == option]


def refused(*arguments):
    result = launch(*arguments)
    assert result.returncode == 2 and result.stdout == ""
    return result.stderr


# ---- QEMU's command line ----

def test_defaults():
    command = dry()
    assert command[0] == "qemu-system-riscv64"
    assert after(command, "-M") == ["virt"]
    assert after(command, "-smp") == ["1"] and after(command, "-m") == ["128M"]
    assert after(command, "-device") == ["virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0"]
    assert "-append" not in command and "-no-reboot" not in command
    assert "mux=on" in after(command, "-chardev")[0]


def test_commands():
    command = dry("-e", "blktest vda; service list", "--seed", 7, "--first-generation", "0x3ffff0")
    assert after(command, "-append") == [
        "quiet=1 power=off seed=7 generation=4194288 -- blktest vda; service list"]
    assert after(command, "-seed") == ["7"]
    assert "-no-reboot" in command


def test_disks(tmp_path):
    one, two = tmp_path / "a,b.img", tmp_path / "two.img"
    one.write_bytes(b"")
    two.write_bytes(bytes(100))
    command = dry("--disk", str(one).replace(",", ",,") + ",serial=x,queue-size=8",
                  "--drive-opts", "readonly=on", "--disk", two)
    assert after(command, "-device") == [
        "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0,serial=x,queue-size=8",
        "virtio-blk-device,drive=d1,bus=virtio-mmio-bus.1"]
    escaped = str(one).replace(",", ",,")
    assert after(command, "-drive") == [
        f"if=none,id=d0,file={escaped},format=raw,readonly=on",
        f"if=none,id=d1,file={two},format=raw"]


def test_no_disk():
    assert "-drive" not in dry("--disk", "none")


@pytest.fixture(name="vhost_socket")
def fixture_vhost_socket(tmp_path):
    path = tmp_path / "vhost,1"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


def test_vhost_disk(tmp_path, vhost_socket):
    image = tmp_path / "image"
    image.write_bytes(bytes(512))
    escaped = str(vhost_socket).replace(",", ",,")
    command = dry("--disk", image, "--disk", f"vhost:{escaped},queue-size=64", "--mem", "64")
    assert after(command, "-M") == ["virt,memory-backend=ram"]
    assert after(command, "-object") == ["memory-backend-memfd,id=ram,size=64M,share=on"]
    assert f"socket,id=d1,path={escaped},reconnect=1" in after(command, "-chardev")
    assert after(command, "-device") == [
        "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0",
        "vhost-user-blk,chardev=d1,bus=virtio-mmio-bus.1,queue-size=64"]
    assert len(after(command, "-drive")) == 1


def test_vhost_disk_refused(tmp_path, vhost_socket):
    assert "no such socket" in refused("--disk", f"vhost:{tmp_path / 'none'}")
    escaped = str(vhost_socket).replace(",", ",,")
    assert "--drive-opts" in refused("--disk", f"vhost:{escaped}", "--drive-opts", "readonly=on")


@pytest.mark.parametrize("given, expected", [
    ("logical_block_size=4096", "logical_block_size=4096,physical_block_size=4096"),
    ("physical_block_size=8192,logical_block_size=1024",) * 2, ("physical_block_size=4096",) * 2,
])
def test_block_sizes(given, expected):
    assert after(dry("--disk", f"null-co://,{given}"), "-device") == [
        f"virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0,{expected}"]


LEGACY = "virtio-mmio.force-legacy=false"


def test_legacy():
    assert LEGACY in after(dry(), "-global")
    command = dry("--transport", "mmio-legacy", "--disk", "null-co://,queue-size=8")
    assert "-global" not in command
    assert after(command, "-device") == [
        "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0,queue-size=8"]


def test_pci(vhost_socket):
    escaped = str(vhost_socket).replace(",", ",,")
    disks = ["--disk", "null-co://,num-queues=4,packed=on"] * 9
    command = dry("--transport", "pci", "--smp", 4, *disks, "--disk", f"vhost:{escaped},addr=7",
                  "--device", "virtio-rng-pci,disable-legacy=on")
    devices = after(command, "-device")
    assert devices[:9] == [f"virtio-blk-pci,drive=d{i},disable-legacy=on,num-queues=4,packed=on"
                           for i in range(9)]
    assert devices[9:] == ["vhost-user-blk-pci,chardev=d9,disable-legacy=on,addr=7",
                           "virtio-rng-pci,disable-legacy=on"]
    assert LEGACY in after(command, "-global")  # for what --device puts into MMIO slots


def test_pci_leaves_mmio_slots():
    more = ["--device", "virtio-rng-device"]
    dry("--transport", "pci", *more * 8)
    assert "8 MMIO slots" in refused("--transport", "pci", *more * 9)


def test_aia(vhost_socket):
    assert after(dry("--aia"), "-M") == ["virt,aia=aplic-imsic"]
    escaped = str(vhost_socket).replace(",", ",,")
    assert after(dry("--aia", "--disk", f"vhost:{escaped}"), "-M") == [
        "virt,aia=aplic-imsic,memory-backend=ram"]


def test_demo_drive_options():
    assert after(dry("--drive-opts", "readonly=on"), "-drive")[0].endswith("readonly=on")


def test_protocol_disk():
    command = dry("--disk", "blkdebug:conf:image", "--drive-opts", "rerror=report")
    assert after(command, "-drive") == [
        "if=none,id=d0,file=blkdebug:conf:image,format=raw,rerror=report"]


def test_pass_through(tmp_path):
    command = dry("--qemu", "/opt/qemu", "--qemu-arg=-d", "--qemu-arg", "int", "--gdb",
                  "--device", "virtio-rng-device", "--qmp", tmp_path / "s", "--mem", "64M",
                  "--smp", 4)
    assert command[0] == "/opt/qemu" and command[-2:] == ["-d", "int"]
    assert after(command, "-gdb") == ["tcp::1234"] and "-S" in command
    assert "virtio-rng-device" in after(command, "-device")
    assert after(command, "-qmp") == [f"unix:{tmp_path / 's'},server=on,wait=off"]
    assert after(command, "-smp") == ["4"] and after(command, "-m") == ["64M"]


# ---- network interfaces ----

def test_no_net():
    assert "-netdev" not in dry() and "-netdev" not in dry("--net", "none")


def test_net_user(tmp_path):
    command = dry("--hostfwd", "tcp:8080:80", "--hostfwd", "udp:0.0.0.0:53:5353",
                  "--pcap", tmp_path / "a,b")
    assert after(command, "-netdev") == [
        "user,id=n0,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=udp:0.0.0.0:53-:5353"]
    assert after(command, "-device")[-1] == "virtio-net-device,bus=virtio-mmio-bus.1,netdev=n0"
    assert after(command, "-object") == [
        f"filter-dump,id=f0,netdev=n0,file={str(tmp_path / 'a,,b')}"]


def test_nets():
    command = dry("--disk", "none", "--net", "tap=tap3;mq=on,host_mtu=9000",
                  "--net", "socket:listen=:1234", "--net", "dgram:local.type=unix,local.path=x")
    assert after(command, "-netdev") == [
        "tap,id=n0,ifname=tap3,script=no,downscript=no", "socket,id=n1,listen=:1234",
        "dgram,id=n2,local.type=unix,local.path=x"]
    assert after(command, "-device") == [
        "virtio-net-device,bus=virtio-mmio-bus.0,netdev=n0,mq=on,host_mtu=9000",
        "virtio-net-device,bus=virtio-mmio-bus.1,netdev=n1",
        "virtio-net-device,bus=virtio-mmio-bus.2,netdev=n2"]


def test_net_pci():
    command = dry("--transport", "pci", "--disk", "none", "--net", "user")
    assert after(command, "-device") == ["virtio-net-pci,disable-legacy=on,romfile=,netdev=n0"]


def test_net_vhost(vhost_socket):
    escaped = str(vhost_socket).replace(",", ",,")
    command = dry("--net", f"vhost:{vhost_socket}")
    assert f"socket,id=cn0,path={escaped},reconnect=1" in after(command, "-chardev")
    assert after(command, "-netdev") == ["vhost-user,id=n0,chardev=cn0"]
    assert after(command, "-M") == ["virt,memory-backend=ram"]


def test_net_queues(vhost_socket):
    command = dry("--net", f"vhost:{vhost_socket};queues=4,vectors=0", "--transport", "pci")
    assert after(command, "-netdev") == ["vhost-user,id=n0,chardev=cn0,queues=4"]
    assert "netdev=n0,mq=on,vectors=0" in after(command, "-device")[-1]
    assert "queues=4" in refused("--net", "user;queues=4")


def test_nets_take_slots(tmp_path):
    image = tmp_path / "d.img"
    image.write_bytes(bytes(512))
    assert "--transport pci" in refused(*["--disk", image] * 8, "--net", "user")


# ---- bad usage ----

@pytest.mark.parametrize("arguments, words", [
    (["--smp", "0"], ["--smp", "1 to 8"]), (["--smp", "9"], ["--smp"]),
    (["--smp", "two"], ["not a number"]), (["--mem", "lots"], ["--mem", "128M"]),
    (["--timeout", "0"], ["--timeout"]), (["--timeout", "nan"], ["--timeout"]),
    (["--seed", "-1"], ["--seed"]), (["--first-generation", "4194304"], ["4194303"]),
    (["-e", " "], ["no command"]), (["-e", "a\nb"], ["';'"]), (["-e", "x" * 4000], ["longer"]),
    (["--bogus"], ["--bogus"]), (["extra"], ["extra"]), (["--transport", "usb"], ["usb"]),
    (["--disk", "none", "--disk", "none"], ["--disk none"]),
    (["--disk", "/dev/null,serial"], ["option=value"]),
    (["--disk", "/"], ["--disk /", "directory"]),
    (["--log", "/nowhere/at/all"], ["/nowhere/at"]),
    (["--iommu"], ["--iommu", "yet"]),
    (["--net", "usr"], ["--net usr", "tap=NAME"]), (["--net", "tap"], ["--net tap"]),
    (["--net", "user:x"], ["takes nothing"]), (["--net", "vhost:/nowhere"], ["no such socket"]),
    (["--net", "none", "--net", "user"], ["--net none"]),
    (["--net", "none", "--hostfwd", "tcp:1:2"], ["no user network"]),
    (["--net", "none", "--pcap", "x"], ["there is no network"]),
    (["--hostfwd", "tcp:0:2"], ["--hostfwd tcp:0:2"]), (["--hostfwd", "sctp:1:2"], ["HOSTPORT"]),
    (["--hostfwd", "tcp:1:65536"], ["HOSTPORT"]), (["--pcap", "/nowhere/at"], ["/nowhere"]),
    (["--qemu", "no-such-qemu"], ["no-such-qemu"]),
])
def test_refused(arguments, words):
    message = refused(*arguments)
    for word in words:
        assert word in message


def test_missing_disk_is_named():
    assert "/nowhere/disk.img" in refused("--disk", "/nowhere/disk.img", "-e", "help")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_unwritable_disk(tmp_path):
    image = tmp_path / "ro.img"
    image.write_bytes(bytes(512))
    image.chmod(0o444)
    assert "readonly=on" in refused("--disk", image)
    dry("--disk", image, "--drive-opts", "readonly=on")


def test_too_many_devices(tmp_path):
    image = tmp_path / "d.img"
    image.write_bytes(bytes(512))
    eight = ["--disk", image] * 7 + ["--device", "virtio-rng-device"]
    dry(*eight)
    assert "--transport pci" in refused(*eight, "--disk", image)


def test_help():
    result = launch("--help")
    assert result.returncode == 0
    assert "default: 1" in result.stdout and "Ctrl-a x" in result.stdout


# ---- what is shown ----

def shown(*pieces):
    out = []
    filtered = console.Filter(out.append)
    for piece in pieces:
        filtered.feed(piece)
    filtered.finish()
    return b"".join(out), filtered.status


CONSOLE = (b"OpenSBI\r\nnoise\r\n==anole-begin==\r\nhello\r\n\xff partial\r\n"
           b"==anole-end 3==\r\ngoodbye\r\n")


def test_between_marks():
    assert shown(CONSOLE) == (b"hello\n\xff partial\n", 3)


def test_between_marks_byte_by_byte():
    assert shown(*(CONSOLE[i:i + 1] for i in range(len(CONSOLE)))) == shown(CONSOLE)


def test_marks_only_at_line_start():
    text = b"==anole-begin==\nx ==anole-end 1==\n==anole-end 1== y\n==anole-begin==\n"
    assert shown(text) == (b"x ==anole-end 1==\n==anole-end 1== y\n==anole-begin==\n", None)


def test_partial_lines_go_out_at_once():
    out = []
    filtered = console.Filter(out.append)
    filtered.feed(b"==anole-begin==\npass 1 of")
    assert b"".join(out) == b"pass 1 of"
    filtered.feed(b"\n==ano")
    assert b"".join(out) == b"pass 1 of\n"
    filtered.feed(b"nymous\n")
    assert b"".join(out) == b"pass 1 of\n==anonymous\n"


def test_panic_before_the_commands():
    text = b"boot\n   0.123456 *** kernel panic: no memory\n   0.123460 backtrace: 0x1\n"
    assert shown(text)[0].startswith(b"   0.123456 *** kernel panic: no memory\n   0.1")


def test_panic_after_the_commands():
    text = b"==anole-begin==\na\n==anole-end 0==\nb\n*** kernel panic: x\nc\n"
    assert shown(text) == (b"a\n*** kernel panic: x\nc\n", 0)


# ---- how a machine ends ----

@pytest.fixture(name="fake")
def fixture_fake(tmp_path):
    """Runs the launcher with a shell script in QEMU's place."""
    def run(script, *arguments, **options):
        qemu = tmp_path / "qemu"
        qemu.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        qemu.chmod(0o755)
        return launch("--qemu", qemu, "--disk", "none", *arguments, **options)
    return run


SAY = "echo ==anole-begin==; echo out; echo ==anole-end {}==; exit {}"
needs_build = pytest.mark.skipif(not (ROOT / "build" / "anole.elf").exists(),
                                 reason="the kernel is not built")


@needs_build
@pytest.mark.parametrize("mark, status", [(0, 0), (5, 5)])
def test_status_of_commands(fake, mark, status):
    result = fake(SAY.format(mark, status), "-e", "x")
    assert (result.returncode, result.stdout) == (status, "out\n")


@needs_build
def test_poweroff_among_the_commands(fake):
    result = fake("echo ==anole-begin==; exit 9", "-e", "poweroff 9")
    assert result.returncode == 9


@needs_build
def test_death_in_the_middle(fake):
    result = fake("echo ==anole-begin==; echo half; exit 0", "-e", "x")
    assert result.returncode == 1 and result.stdout == "half\n"
    assert "in the middle" in result.stderr and "half" in result.stderr


@needs_build
def test_death_before_the_commands(fake):
    result = fake("echo too little memory; exit 0", "-e", "x")
    assert result.returncode == 1 and "too little memory" in result.stderr


@needs_build
def test_death_by_signal(fake):
    result = fake("echo ==anole-begin==; kill -SEGV $$", "-e", "x")
    assert result.returncode == 1 and "signal 11" in result.stderr


@needs_build
def test_panic(fake):
    result = fake("echo ==anole-begin==; echo '*** kernel panic: why';"
                  "echo 'backtrace: 0xffffffc080200004 0x10'; exit 70", "-e", "x")
    assert result.returncode == 70
    lines = result.stdout.splitlines()
    assert lines[0] == "*** kernel panic: why"
    assert len(lines) == 4 and lines[2].split()[0] == "0xffffffc080200004"


@needs_build
def test_panic_that_hangs(fake):
    started = time.monotonic()
    result = fake("echo '*** kernel panic: why'; exec sleep 50", "-e", "x")
    assert result.returncode == 70 and time.monotonic() - started < 20


@needs_build
@pytest.mark.parametrize("arguments", [["-e", "x"], []])
def test_timeout(fake, arguments):
    started = time.monotonic()
    result = fake("echo ==anole-begin==; echo slow; exec sleep 50", "--timeout", 1, *arguments)
    assert result.returncode == 124 and time.monotonic() - started < 20
    assert "timed out" in result.stderr


@needs_build
def test_log_has_everything(fake, tmp_path):
    log = tmp_path / "log"
    fake("printf 'boot\\r\\n'; " + SAY.format(0, 0), "-e", "x", "--log", log)
    assert log.read_bytes() == b"boot\r\n==anole-begin==\nout\n==anole-end 0==\n"


@needs_build
def test_demo_disk_is_a_copy(tmp_path):
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/bash\nfor a; do case $a in *file=*) f=${a#*file=}; f=${f%%,*};; esac; "
                    "done\necho ==anole-begin==\nhead -c 100000 $f | sha256sum\necho x >> $f\n"
                    "echo ==anole-end 0==\n", encoding="utf-8")
    qemu.chmod(0o755)
    demo = ROOT / "build" / "demo.img"
    before = demo.stat()
    outputs = [launch("--qemu", qemu, "-e", "x").stdout for _ in range(2)]
    assert outputs[0] == outputs[1] != ""
    assert demo.stat().st_mtime_ns == before.st_mtime_ns and demo.stat().st_size == before.st_size


@needs_build
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_qemu_ends_with_the_launcher(tmp_path, number):
    qemu, pid_file = tmp_path / "qemu", tmp_path / "pid"
    qemu.write_text(f"#!/bin/bash\necho $$ > {pid_file}.new; mv {pid_file}.new {pid_file}\n"
                    "exec sleep 50\n", encoding="utf-8")
    qemu.chmod(0o755)
    with subprocess.Popen([ROOT / "tools" / "run", "--qemu", qemu, "--disk", "none", "-e", "x"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as launcher:
        deadline = time.monotonic() + 20
        while not pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(pid_file.read_text())
        launcher.send_signal(number)
        launcher.wait(20)
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{pid}").exists()
