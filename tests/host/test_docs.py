"""The documents say what is there: kernel calls with their numbers and groups, files, commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_every_kernel_call_is_documented():
    header = (ROOT / "include/anole/kcall.h").read_text(encoding="utf-8")
    calls = set(re.findall(r"X\((\w+), (\d+), (\w+)\)", header)) - {("NAME", "number", "group")}
    reference = (ROOT / "docs/kernel-calls.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z_]+) (\d+) ([A-Z]+) \|", reference, re.MULTILINE)
    assert len(rows) == len(set(rows)), "a call is there twice"
    assert set(rows) == calls


def test_every_system_call_is_documented():
    header = (ROOT / "include/anole/ipc.h").read_text(encoding="utf-8")
    reference = (ROOT / "docs/ipc.md").read_text(encoding="utf-8")
    for name in re.findall(r"#define SYS_(\w+) \d+", header):
        assert f"### {name.lower()}\n" in reference
    for name, bit in re.findall(r"(NOTIFY_\w+) = (\d+),", header):
        assert f"| {bit} `{name}` |" in reference


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_named_files_exist(document):
    """Paths in backquotes that begin with a directory of the tree."""
    text = document.read_text(encoding="utf-8")
    top = "etc|include|kernel|lib|drivers|servers|commands|tests|tools|docs"
    for path in re.findall(rf"`((?:{top})/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"{document.name} speaks of {path}"


def test_the_tutorial_shows_what_is_there():
    """What "write a driver" quotes stands in the tree's files like that: they compile and are tested."""
    text = (ROOT / "docs/write-a-driver.md").read_text(encoding="utf-8")
    quotes = re.findall(r"### In: (\S+)\n\n```\w*\n(.*?)```", text, re.DOTALL)
    assert len(quotes) >= 8
    for name, quote in quotes:
        source = (ROOT / name).read_text(encoding="utf-8")
        for part in re.split(r"^ *\.\.\.\n", quote, flags=re.MULTILINE):
            assert part.strip("\n") in source, f"{name} has no\n{part}"


def test_help_knows_the_programs():
    """Every program that is started by hand has its line in the shell's help, and the other way."""
    table = (ROOT / "commands/shell/builtins.c").read_text(encoding="utf-8")
    helped = set(re.findall(r'\{"(\w+)",\s*"[^"]*",\s*"[^"]*",\s*NULL\}', table))
    programs = set()
    for module in ("commands/module.mk", "tests/guest/module.mk", "tests/bench/module.mk"):
        text = (ROOT / module).read_text(encoding="utf-8")
        programs |= set(re.findall(r"PROGRAMS \+= (\w+)", text))
        programs |= set(" ".join(re.findall(r"FILE_COMMANDS := (.*)", text)).split())
    assert helped == programs - {"shell"}
