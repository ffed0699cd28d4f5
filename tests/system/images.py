"""Disk images with an ext2 file system, made and judged by e2fsprogs."""

import os
import subprocess

TOOLS = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


def make(path, megabytes, *options, kind="ext2"):
    """An empty file system of that kind; options: more of mke2fs's."""
    with open(path, "wb") as image:
        image.truncate(megabytes << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", kind, *map(str, options), path],
                   check=True, env=TOOLS)
    return path


def check(path):
    """The file system is clean as it is."""
    done = subprocess.run(["e2fsck", "-fn", path], capture_output=True, text=True, check=False,
                          env=TOOLS)
    assert done.returncode == 0, done.stdout + done.stderr


def debugfs(path, request):
    return subprocess.run(["debugfs", "-R", request, path], capture_output=True, check=True,
                          env=TOOLS).stdout


def debugfs_write(path, request):
    subprocess.run(["debugfs", "-w", "-R", request, path], capture_output=True, check=True,
                   env=TOOLS)


def extract(path, source, target):
    """Copies a directory of the image into the directory target, and returns where it is then."""
    target.mkdir(exist_ok=True)
    debugfs(path, f"rdump {source} {target}")
    return target / source.strip("/").split("/")[-1]
