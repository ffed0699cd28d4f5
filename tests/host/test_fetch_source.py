"""tools/fetch-source: both styles of source lists, and how an archive is unpacked."""

import importlib.machinery
import importlib.util
import io
import tarfile
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "fetch-source"


@pytest.fixture(name="tool", scope="module")
def fixture_tool():
    loader = importlib.machinery.SourceFileLoader("fetch_source", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_source", loader))
    loader.exec_module(module)
    return module


DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://key.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""

ONE_LINE = """\
# deb http://off.example/debian bookworm main
deb http://mirror.example/debian bookworm main non-free # comment
deb-src [signed-by=/k.gpg arch=amd64] http://src.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb http://other.example/apt stable extra
nonsense
"""


def use(tool, monkeypatch, tmp_path, known=(), **files):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    for name, text in files.items():
        (parts / name.replace("_", ".")).write_text(text, encoding="utf-8")
    monkeypatch.setattr(tool, "apt_directories", lambda: (tmp_path / "sources.list", parts))
    monkeypatch.setattr(tool, "debian_uris", lambda: set(known))
    return tool.candidate_stanzas()


def test_deb822(tool, monkeypatch, tmp_path):
    stanzas = use(tool, monkeypatch, tmp_path, a_sources=DEB822)
    assert [s["URIs"] for s in stanzas] == ["http://mirror.example/debian",
                                            "http://key.example/debian"]
    assert stanzas[0] == {
        "Types": "deb-src", "URIs": "http://mirror.example/debian", "Components": "main",
        "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg"}
    assert stanzas[1]["Signed-By"].splitlines()[1:] == [
        " -----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " abc"]


def test_one_line(tool, monkeypatch, tmp_path):
    stanzas = use(tool, monkeypatch, tmp_path, a_list=ONE_LINE)
    assert stanzas == [
        {"Types": "deb-src", "URIs": "http://mirror.example/debian", "Components": "main"},
        {"Types": "deb-src", "URIs": "http://src.example/debian", "Components": "main",
         "Signed-By": "/k.gpg"}]


def test_known_mirror_only(tool, monkeypatch, tmp_path):
    stanzas = use(tool, monkeypatch, tmp_path, known=["http://key.example/debian"],
                  a_sources=DEB822, b_list=ONE_LINE)
    assert [s["URIs"] for s in stanzas] == ["http://key.example/debian"]


def test_nothing_configured(tool, monkeypatch, tmp_path):
    assert use(tool, monkeypatch, tmp_path) == []
    with pytest.raises(tool.SetupError, match="ANOLE_DTC_ARCHIVE"):
        tool.fetch("device-tree-compiler", tmp_path / "x.tar")


def archive(path, names):
    with tarfile.open(path, "w:xz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 3, 1000
            tar.addfile(member, io.BytesIO(b"abc"))


def test_unpack_takes_one_directory(tool, tmp_path):
    archive(tmp_path / "a.tar", ["dtc-1/libfdt/fdt.c", "dtc-1/fdt.c", "dtc-1/libfdt/sub/x.c",
                                 "dtc-1/libfdt/..", "dtc-1/libfdt/../../z.c",
                                 "../libfdt/evil/y.c"])
    tool.unpack(tmp_path / "a.tar", "libfdt", tmp_path / "out")
    found = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.c")}
    assert found == {"fdt.c", "sub/x.c"}
    assert (tmp_path / "out" / "fdt.c").stat().st_mtime == 1000


def test_wrong_archive(tool, tmp_path):
    archive(tmp_path / "a.tar", ["x/y/z"])
    with pytest.raises(tool.SetupError, match="libfdt"):
        tool.unpack(tmp_path / "a.tar", "libfdt", tmp_path / "out")
