"""The programs that work on files, and the shell's redirections and scripts, on a real machine; what
they do in every corner is tests/host/test_file_programs.py's and test_shell_runs.py's."""

import hashlib

import images


def test_on_the_memory_file_system(passes):
    """One boot: what each line prints."""
    lines = {
        "cd /tmp; pwd": "/tmp\n",
        "echo one > a; echo two >> a; cat < a": "one\ntwo\n",
        "cp a b && cat b a > c && sha256sum c > sums && sha256sum -c sums": "c: OK\n",
        "mkdir -p d/e && mv b d/e/ && ls d d/e": "d:\ne\nd/e:\nb\n",
        "ln -s d/e/b l && cat l && ls -l l": "one\ntwo\n",
        "echo *; echo d/*/?": "a c d l sums\nd/e/b\n",
        "dd if=/tmp/a of=copy bs=2 skip=1 count=2 status=none && cat copy": "e\ntw",
        "truncate -s 20 t && hexdump t 16": "|....|\n",
        "rm nowhere 2> errors || cat errors": "rm: nowhere: No such file or directory\n",
        "rm -r d l && ls": "a\nc\ncopy\nerrors\nsums\nt\n",
        "echo 'cd /; echo in $?; pwd' > s && sh s && pwd": "in 0\n/\n/tmp\n",
        "echo exit 0 >> s && source s; pwd": "/\n",
        "cat nowhere || echo no": "no\n",
        "stat /tmp": "/tmp: directory\n",
        "umount /tmp || true": "umount: /tmp: is not mounted\n",
        "mount -t odd /dev/vda /mnt || true": "mount: odd: no such type of file systems\n",
        "mount /dev/vda /nowhere || true": "mount: /nowhere: No such file or directory\n",
        "mount /dev/vda /boot/ls || true": "mount: /boot/ls: Not a directory\n",
        "mount /dev/vda /mnt || true": "mount: /dev/vda: no file system that can be mounted",
        "hexdump /dev || hexdump -n || echo $?": "hexdump: /dev: Is a directory\n2\n",
        "df /nowhere || echo $?": "df: /nowhere: No such file or directory\n1\n",
        "touch /tmp/new && stat /tmp/new": "/tmp/new: file\n",
    }
    output = passes("; echo =; ".join(lines)).output
    parts = output.split("=\n")
    assert len(parts) == len(lines), output
    for part, (line, expected) in zip(parts, lines.items()):
        missing = [text for text in expected.splitlines() if text not in part]
        assert not missing, f"{line}: {part}"
    assert "/tmp/new" in parts[-1]


def test_status(boot):
    assert boot("cat /nowhere").status == 1
    assert boot("ls -x").status == 2


def test_ext2_there_and_back(passes, tmp_path):
    """The boot image copied to a disk is the same there, on the host, and back in the machine."""
    disk = images.make(tmp_path / "disk.img", 64)
    output = passes("mount /dev/vda /mnt && cp -r /boot /mnt/x && sync && sha256sum /mnt/x/* && "
                    "df /mnt && mount && umount /mnt", "--disk", disk).output
    images.check(disk)
    there = images.extract(disk, "/x", tmp_path / "out")
    said = {line.split()[1].rsplit("/", 1)[1]: line.split()[0] for line in output.splitlines()
            if "  /mnt/x/" in line}
    assert len(said) > 40 and "shell" in said
    for name, digest in said.items():
        if (there / name).is_file():
            assert hashlib.sha256((there / name).read_bytes()).hexdigest() == digest, name
    assert "vda on /mnt type ext2 (rw)" in output.replace("/dev/vda", "vda")


def test_files_of_the_host(passes, tmp_path):
    """The other way round."""
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    for number in range(20):
        (tree / f"dir/file-{number}").write_bytes(bytes([number]) * number * 5003)
    (tree / "link").symlink_to("dir/file-3")
    disk = images.make(tmp_path / "disk.img", 16, "-d", tree)
    output = passes("mount -r /dev/vda /mnt && sha256sum /mnt/dir/* /mnt/link; ls -l /mnt/link; "
                    "echo no > /mnt/new || echo read-only", "--disk", disk).output
    for number in range(20):
        digest = hashlib.sha256((tree / f"dir/file-{number}").read_bytes()).hexdigest()
        assert f"{digest}  /mnt/dir/file-{number}\n" in output
    assert "-> dir/file-3" in output and "read-only" in output
