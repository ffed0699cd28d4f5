"""The programs that work on files, compiled for this machine, beside the machine's own."""

import hashlib
import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build" / "host"
# Every byte that a name may have, in names that don't look like options.
WILD = [b"n" + bytes([byte]) for byte in range(1, 256) if byte != ord("/")]


@pytest.fixture(name="run")
def fixture_run(tmp_path):
    """run(program, argument...) in a directory of its own; keywords: status, stdin."""
    def run(program, *arguments, status=0, stdin=b"", directory=tmp_path, **options):
        command = [BUILD / f"file_{program}", *arguments]
        done = subprocess.run(command, cwd=directory, input=stdin, capture_output=True,
                              check=False, timeout=60, **options)
        assert done.returncode == status, (command, done.stdout, done.stderr)
        assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr
        return done
    return run


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def own(*command, directory):
    """What the machine's own program prints."""
    return subprocess.run(command, cwd=directory, capture_output=True, check=True).stdout


def grow(root, rand, depth=3):
    """A random tree of files, directories and links."""
    for number in range(rand.randrange(1, 6)):
        path = root / f"{depth}-{number}"
        kind = rand.choice("ffdl") if depth > 0 else "f"
        if kind == "d":
            path.mkdir()
            grow(path, rand, depth - 1)
        elif kind == "l":
            path.symlink_to(rand.choice(["nowhere", ".", "/", "a/" * 40]))
        else:
            path.write_bytes(rand.randbytes(rand.choice([0, 1, 4096, 300000])))
            path.chmod(rand.choice([0o600, 0o644, 0o755, 0o400]))


def tree(root):
    """All that is below, with type, permissions and contents."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        what = (os.readlink(path) if path.is_symlink()
                else path.read_bytes() if path.is_file() else None)
        found[str(path.relative_to(root))] = stat.S_IFMT(mode), what, (
            None if path.is_symlink() else stat.S_IMODE(mode))
    return found


def test_cat(run, tmp_path):
    big = noise(1_000_003)
    (tmp_path / "big").write_bytes(big)
    (tmp_path / "empty").touch()
    assert run("cat", "big", "empty", "-", "big", stdin=b"between").stdout == big + b"between" + big
    assert run("cat", stdin=big).stdout == big
    done = run("cat", "nowhere", "big", status=1)
    assert done.stdout == big and done.stderr == b"cat: nowhere: No such file or directory\n"
    assert b"Is a directory" in run("cat", ".", status=1).stderr
    run("cat", "-x", status=2)
    with open(tmp_path / "grows", "ab") as grows:
        grows.write(b"text")
        grows.flush()
        done = subprocess.run([BUILD / "file_cat", "empty", "grows"], cwd=tmp_path, stdout=grows,
                              stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1 and b"grows: is where the output goes" in done.stderr
    assert (tmp_path / "grows").read_bytes() == b"text"


def test_output_that_is_full(run, tmp_path):
    (tmp_path / "file").write_bytes(noise(10000))
    for program, *arguments in (("cat", "file"), ("ls",), ("stat", "file"), ("sha256sum", "file")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BUILD / f"file_{program}", *arguments], cwd=tmp_path,
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1 and b"No space left" in done.stderr, program
    assert b"No space left" in run("cp", "file", "/dev/full", status=1).stderr
    assert b"No space left" in run("dd", "if=file", "of=/dev/full", status=1).stderr


def test_cp(run, tmp_path):
    big = noise(1_000_003)
    (tmp_path / "big").write_bytes(big)
    (tmp_path / "big").chmod(0o750)
    (tmp_path / "longer").write_bytes(noise(2_000_000, 2))
    (tmp_path / "dir").mkdir()
    run("cp", "big", "longer")
    assert (tmp_path / "longer").read_bytes() == big
    run("cp", "big", "longer", "dir/")
    assert (tmp_path / "dir/big").read_bytes() == big == (tmp_path / "dir/longer").read_bytes()
    assert stat.S_IMODE((tmp_path / "dir/big").stat().st_mode) == 0o750
    (tmp_path / "hard").hardlink_to(tmp_path / "big")
    for other in ("big", "hard", "."):
        assert b"same file" in run("cp", "big", other, status=1).stderr
    assert (tmp_path / "big").read_bytes() == big
    assert b"-r" in run("cp", "dir", "elsewhere", status=1).stderr
    assert b"no directory" in run("cp", "big", "hard", "longer", status=1).stderr
    run("cp", "nowhere", "x", status=1)
    run("cp", "big", "nowhere/x", status=1)
    run("cp", "big", status=2)


def test_cp_keeps(run, tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o4701)
    os.utime(tmp_path / "old", ns=(10**18 + 123, 10**18 + 456))
    run("cp", "-p", "old", "kept")
    status = (tmp_path / "kept").stat()
    assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (10**18 + 456, 0o4701)


@pytest.mark.parametrize("seed", range(8))
def test_trees(run, tmp_path, seed):
    grow_at = tmp_path / "a"
    grow_at.mkdir(mode=0o755)
    grow(grow_at, random.Random(seed))
    before = tree(grow_at)
    run("cp", "-r", "a", "b")
    assert tree(tmp_path / "b") == before
    run("cp", "-r", "a/", "b")
    assert tree(tmp_path / "b" / "a") == before
    run("mv", "b/a", "c")
    run("rm", "-r", "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "c"] and tree(tmp_path / "c") == before
    run("rm", "-r", "a", "c")
    assert not os.listdir(tmp_path)


def test_cp_into_itself(run, tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/f").write_text("f")
    assert b"into itself" in run("cp", "-r", "a", "a/b", status=1).stderr
    assert not (tmp_path / "a/b/a/b/a").exists() and (tmp_path / "a/b/a/f").read_text() == "f"
    assert b"into itself" in run("cp", "-r", ".", "new", status=1).stderr
    assert not (tmp_path / "new/new/new").exists()


def test_deep(run, tmp_path):
    """As deep as a path may be, and trees go and come."""
    below = "/".join("d" * 1000)
    run("mkdir", "-p", f"a/{below}")
    run("touch", f"a/{below}/file")
    run("cp", "-r", "a", "b")
    assert os.path.isfile(tmp_path / f"b/{below}/file")
    run("rm", "-r", "a", "b")
    assert not os.listdir(tmp_path)


def test_mv(run, tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "dir").mkdir()
    run("mv", "a", "b")
    run("mv", "b", "dir")
    assert (tmp_path / "dir/b").read_text() == "a"
    run("mv", "dir/b", "nowhere/x", status=1)
    run("mv", "nowhere", "x", status=1)
    assert b"into itself" in run("mv", "dir", "dir", status=1).stderr
    assert (tmp_path / "dir/b").read_text() == "a"


def test_mv_to_another_mount(run, tmp_path):
    shm = Path("/dev/shm")
    if not os.access(shm, os.W_OK) or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    away = shm / f"anole-{os.getpid()}"
    (tmp_path / "a").mkdir(mode=0o755)
    grow(tmp_path / "a", random.Random(3))
    before = tree(tmp_path / "a")
    try:
        run("mv", "a", away)
        assert tree(away) == before and not (tmp_path / "a").exists()
    finally:
        subprocess.run(["rm", "-rf", away], check=True)


def test_rm(run, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/link").symlink_to(tmp_path)
    (tmp_path / "f").touch()
    assert b"-r" in run("rm", "dir", status=1).stderr
    for refused in (".", "..", "dir/..", "/", "dir/."):
        assert b"not removed" in run("rm", "-rf", refused, status=1).stderr
    run("rm", "nowhere", "f", status=1)
    assert not (tmp_path / "f").exists()
    run("rm", "-f", "nowhere")
    run("rm", "-r", "dir/")
    assert not os.listdir(tmp_path)
    run("rm", status=2)


def test_names_of_every_byte(run, tmp_path):
    source = tmp_path / "s"
    source.mkdir()
    names = WILD + [b"\xff" * 255, b"-r", b"*", b" ", b"."*3]
    for name in names:
        (source / os.fsdecode(name)).write_bytes(name)
    shown = b"".join(sorted(name + b"\n" for name in names))
    assert run("ls", "-a", "s").stdout == shown
    run("cp", "-r", "s", "t")
    assert tree(tmp_path / "t") == tree(source)
    wild = [source / os.fsdecode(name) for name in names]
    sums = run("sha256sum", *wild).stdout
    assert sums == own("sha256sum", *wild, directory=tmp_path)
    (tmp_path / "sums").write_bytes(sums)
    assert run("sha256sum", "-c", "sums").stdout.count(b": OK\n") == len(names)
    run("rm", "-r", "s", "t")


def test_sha256sum(run, tmp_path):
    data = noise(300_000)
    (tmp_path / "a").write_bytes(data)
    line = hashlib.sha256(data).hexdigest().encode()
    assert run("sha256sum", stdin=data).stdout == line + b"  -\n"
    assert run("sha256sum", "a", "nowhere", status=1).stdout == line + b"  a\n"
    lists = {line + b"  a\n": (0, b"a: OK\n"), line.upper() + b" *a": (0, b"a: OK\n"),
             line[:-1] + b"z  a\n": (1, b""), line + b" a\n": (1, b""), b"\n": (1, b""),
             b"0" * 64 + b"  a\n": (1, b"a: FAILED\n"), line + b"  b\n": (1, b"b: FAILED\n"),
             b"\\" + line + b"  a\\x\n": (1, b"")}
    for text, (status, answer) in lists.items():
        assert run("sha256sum", "-c", stdin=text, status=status).stdout == answer, text


def test_mkdir(run, tmp_path):
    run("mkdir", "a", "b")
    run("mkdir", "a", status=1)
    run("mkdir", "c/d", status=1)
    run("mkdir", "-p", "c//d/e/", "a", str(tmp_path / "f/g"))
    assert (tmp_path / "c/d/e").is_dir() and (tmp_path / "f/g").is_dir()
    (tmp_path / "file").touch()
    run("mkdir", "-p", "file/x", status=1)
    run("mkdir", "-p", "file", status=1)
    run("mkdir", "", status=1)
    run("mkdir", "-p", "", status=1)


def test_ln_touch_truncate_sync(run, tmp_path):
    (tmp_path / "a").write_text("a")
    run("ln", "a", "b")
    assert (tmp_path / "a").stat().st_nlink == 2
    run("ln", "-s", "no/where", "c")
    assert os.readlink(tmp_path / "c") == "no/where"
    run("ln", "a", "b", status=1)
    os.utime(tmp_path / "a", (1, 1))
    run("touch", "a", "new")
    assert (tmp_path / "a").stat().st_mtime > 10**9 and (tmp_path / "a").read_text() == "a"
    run("truncate", "-s", str(5 << 30), "new")
    assert (tmp_path / "new").stat().st_size == 5 << 30
    run("truncate", "-s", "0", "a")
    assert (tmp_path / "b").read_bytes() == b""
    run("truncate", "-s", "-1", "a", status=2)
    run("sync", "a", ".")
    run("sync", "nowhere", status=1)


def test_ls(run, tmp_path):
    (tmp_path / "dir").mkdir(mode=0o755)
    (tmp_path / "dir/b").write_bytes(bytes(1234))
    (tmp_path / "dir/.a").symlink_to("b")
    os.utime(tmp_path / "dir/b", (10**9, 10**9))
    (tmp_path / "dir/b").chmod(0o4754)
    assert run("ls", "dir").stdout == b"b\n"
    assert run("ls", "-a", directory=tmp_path / "dir").stdout == b".a\nb\n"
    lines = run("ls", "-la", "dir").stdout.decode().splitlines()
    uid, gid = os.getuid(), os.getgid()
    assert lines[0].startswith("lrwxrwxrwx") and lines[0].endswith(" .a -> b")
    assert lines[1].split() == ["-rwsr-xr--", "1", str(uid), str(gid), "1234", "2001-09-09",
                                "01:46", "b"]
    assert run("ls", "dir", "dir/b").stdout == b"dir:\nb\ndir/b\n"
    assert b"nowhere" in run("ls", "nowhere", "dir", status=1).stderr
    run("ls", "-x", status=2)
    (tmp_path / "l").symlink_to("dir")
    assert run("ls", "l").stdout == b"b\n" and b"l -> dir" in run("ls", "-l", "l").stdout


def test_stat(run, tmp_path):
    (tmp_path / "a").write_bytes(bytes(1000))
    os.utime(tmp_path / "a", ns=(10**18 + 7, 10**18 + 9))
    text = run("stat", "a").stdout.decode()
    status = (tmp_path / "a").stat()
    assert "a: file\n" in text and "1000 bytes" in text and str(status.st_ino) in text
    assert "2001-09-09 01:46:40.000000009 UTC" in text
    assert b"symbolic" not in run("stat", ".").stdout
    run("stat", "nowhere", status=1)


@pytest.mark.parametrize("operands", [
    "bs=512", "bs=1000", "bs=4k count=3", "bs=1M", "bs=7 skip=3 count=100", "bs=4k seek=2",
    "bs=100 skip=10 seek=20 count=30 conv=notrunc", "bs=4k seek=300 conv=notrunc", "count=0",
    "bs=1000 skip=5000", "bs=0x100 count=2 conv=notrunc,fsync", "count=0 seek=3",
])
def test_dd(run, tmp_path, operands):
    (tmp_path / "in").write_bytes(noise(1_000_003))
    operands = operands.split()
    for name in ("ours", "theirs"):
        (tmp_path / name).write_bytes(noise(50_000, 2))
    run("dd", "if=in", "of=ours", *operands)
    own("dd", "if=in", "of=theirs", *(text.replace("0x100", "256") for text in operands),
        directory=tmp_path)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_dd_says(run, tmp_path):
    (tmp_path / "in").write_bytes(noise(1025))
    done = run("dd", "bs=512", stdin=noise(1025))
    assert done.stdout == noise(1025) and b"2+1 blocks in, 2+1 out; 1025 bytes" in done.stderr
    assert run("dd", "bs=100", "skip=2", "status=none", stdin=noise(300)).stdout == noise(300)[200:]
    assert run("dd", "if=in", "status=none").stderr == b""
    for wrong in ("bs=0", "bs=1x", "bs=-1", "bs=1G", "x=1", "conv=ascii", "count=",
                  "skip=9223372036854775807", "status=loud", "bs=99999999999999999999999999"):
        run("dd", wrong, status=2)
    run("dd", "if=nowhere", status=1)


def test_progress(tmp_path):
    """On a console, long work shows itself, and wipes the line; short work doesn't."""
    (tmp_path / "short").write_bytes(b"x")
    for command, shown in (([BUILD / "file_cp", "short", "copy"], False),
                           (["sh", "-c", "(echo a; sleep 1.6; echo b; sleep 0.6; echo c) | "
                             f"{BUILD}/file_dd bs=2 of=copy status=none"], True)):
        leader, follower = os.openpty()
        subprocess.run(command, cwd=tmp_path, stderr=follower, check=True, timeout=30)
        os.close(follower)
        try:
            text = os.read(leader, 65536)
        except OSError:
            text = b""
        os.close(leader)
        assert (b"dd: 4 B" in text) == shown and text.endswith(b"\r\x1b[K") == shown, text
