"""The build: nothing to do the second time, the same bytes wherever the tree lies, and systems that
are built with something broken in them."""

import os
import shutil
import subprocess

import pytest

import images
from conftest import ROOT, converse, launch
from console import Console
from test_boot import service_rows


def make(directory, *arguments, **environment):
    return subprocess.run(["make", "-C", str(directory), *arguments], text=True,
                          capture_output=True, check=False, timeout=600,
                          env={**os.environ, **environment})


def copy_tree(target, *from_build):
    """A copy of the tree at target, with these directories of build."""
    shutil.copytree(ROOT, target, symlinks=True, ignore=lambda path, names: {
        name for name in names if name in (".git", "build") and path == str(ROOT)})
    for name in from_build:
        shutil.copytree(ROOT / "build" / name, target / "build" / name)
    return target


def test_second_make_does_nothing():
    result = make(ROOT, "--question", "all")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("arguments, environment, jobs", [
    ([], "", os.cpu_count()), (["-j7"], "", 7), (["-k", "--jobs=7"], "", 7), ([], "-j7", 7),
    ([], "kj7", 7), (["-j7"], "-j5", 7),
])
def test_jobs(arguments, environment, jobs):
    result = make(ROOT, *arguments, "--eval", 'jobs: ; @echo "$$MAKEFLAGS"', "jobs",
                  MAKEFLAGS=environment)
    assert f" -j{jobs} " in result.stdout, result.stdout + result.stderr


def test_same_bytes_in_another_directory(tmp_path):
    tree = copy_tree(tmp_path / "elsewhere", "cache")
    result = make(tree, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("anole.bin", "boot.img", "demo.img"):
        assert (tree / "build" / name).read_bytes() == (ROOT / "build" / name).read_bytes(), name


def test_error_in_the_system_description_stops_the_build(tmp_path):
    tree = copy_tree(tmp_path / "broken", "cache")
    system = tree / "etc" / "system.dts"
    text = system.read_text(encoding="utf-8")
    line = text[:text.index("program = ")].count("\n") + 1
    system.write_text(text.replace("program = ", "porgram = ", 1), encoding="utf-8")
    result = make(tree, "build/system.dtb")
    assert result.returncode != 0
    assert f"etc/system.dts:{line}" in result.stdout + result.stderr


def test_driver_that_dies_at_once(tmp_path):
    """RS backs off and gives up in a stated condition; everything else works on."""
    tree = copy_tree(tmp_path / "broken", "cache", "obj", "kernel", "lib", "bin")
    driver = tree / "drivers" / "virtio_blk"
    (driver / "broken.c").write_text("#include <stdlib.h>\n\nint main(void)\n{\n    abort();\n}\n",
                                     encoding="utf-8")
    (driver / "module.mk").write_text(
        "PROGRAMS += virtio_blk\nvirtio_blk_SRCS := drivers/virtio_blk/broken.c\n"
        "virtio_blk_LIBS := libanole\n", encoding="utf-8")
    result = make(tree, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    with Console(root=tree) as machine:
        machine.wait_for("virtio_blk: given up after ", patience=60)
        listed, log, dump, ipc = (machine.command(line, patience=60) for line in (
            "service list", "service log virtio_blk", "hexdump vda 0 512; echo $?",
            "service restart rtc; ipctest"))
    row = service_rows(listed)["virtio_blk"]
    assert row[0] == "failed" and int(row[2]) >= 3, listed
    assert " backoff " in log and " given-up " in log, log
    assert "hexdump: vda: " in dump and dump.endswith("\n1\n"), dump
    assert "\nPASS " in ipc and "\nFAIL " not in "\n" + ipc, ipc


START_SCRIPT = """\
# What is wrong is said, and the rest goes on.
no-such-program
mount /dev/vda /mnt && sh /mnt/rc || echo no disk
cd /mnt
"""


def test_start_script(tmp_path):
    """etc/rc runs once, before commands and prompt; what fails in it isn't their failure. It goes on
    on a disk here. Ctrl-C ends one that doesn't end; without the file there is none."""
    tree = copy_tree(tmp_path / "started", "cache", "obj", "kernel", "lib", "bin")
    script = tree / "etc" / "rc"
    script.write_text(START_SCRIPT, encoding="utf-8")
    assert make(tree, "all").returncode == 0
    disk = images.make(tmp_path / "disk.img", 16)
    (tmp_path / "rc").write_text("echo started >>/mnt/log\nservice restart httpd\nfails\n",
                                 encoding="utf-8")
    images.debugfs_write(disk, f"write {tmp_path / 'rc'} rc")
    result = launch("-e", "pwd; cat /mnt/log; service kill shell", "--disk", disk, root=tree)
    assert result.status == 125, str(result)  # the shell died: nothing is run again
    lines = result.output.splitlines()
    assert lines.pop(1).startswith("httpd: up"), str(result)
    assert lines[:5] == ["shell: no such program: no-such-program",
                         "shell: no such program: fails", "no disk", "/", "started"], str(result)
    assert result.output.count("no disk") == 1, str(result)

    script.write_text("echo in vain\ndd if=/dev/zero of=/dev/null\necho on\n", encoding="utf-8")
    assert make(tree, "all").returncode == 0
    result = converse(("dd: ", "\x03"), ("anole> ", "ls /boot/etc\n"), ("rc", "poweroff 3\n"),
                      timeout=60, root=tree)
    assert result.status == 3 and "\non\n" not in result.output, str(result)
    assert "shell: /boot/etc/rc ended with status" in result.output, str(result)

    script.unlink()
    assert make(tree, "all").returncode == 0
    result = launch("-e", "ls /boot/etc; pwd", root=tree)
    assert result.output.endswith("No such file or directory\n/\n"), str(result)
