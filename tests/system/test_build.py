"""The build: nothing to do the second time, and the same bytes wherever the tree lies."""

import shutil
import subprocess

from conftest import ROOT


def make(directory, *arguments):
    return subprocess.run(["make", "-C", str(directory), *arguments], text=True,
                          capture_output=True, check=False, timeout=600)


def test_second_make_does_nothing():
    result = make(ROOT, "--question", "all")
    assert result.returncode == 0, result.stdout + result.stderr


def test_same_bytes_in_another_directory(tmp_path):
    tree = tmp_path / "elsewhere"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
    shutil.copytree(ROOT / "build" / "cache", tree / "build" / "cache")
    result = make(tree, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("anole.bin", "boot.img", "demo.img"):
        assert (tree / "build" / name).read_bytes() == (ROOT / "build" / name).read_bytes(), name


def test_error_in_the_system_description_stops_the_build(tmp_path):
    tree = tmp_path / "broken"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
    shutil.copytree(ROOT / "build" / "cache", tree / "build" / "cache")
    system = tree / "etc" / "system.dts"
    text = system.read_text(encoding="utf-8")
    line = text[:text.index("program = ")].count("\n") + 1
    system.write_text(text.replace("program = ", "porgram = ", 1), encoding="utf-8")
    result = make(tree, "build/system.dtb")
    assert result.returncode != 0
    assert f"etc/system.dts:{line}" in result.stdout + result.stderr
