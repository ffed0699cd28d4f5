"""tools/symbolize: names after backtraces, everything else as it was."""

import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "int inner(int x)\n{\n    return x + 1;\n}\n\nint outer(int x)\n{\n    return inner(x);\n}\n"


@pytest.fixture(name="program", scope="module")
def fixture_program(tmp_path_factory):
    """A directory with a program `sample`, and the address of its function `inner`."""
    directory = tmp_path_factory.mktemp("bin")
    (directory / "sample.c").write_text(SOURCE, encoding="utf-8")
    subprocess.run(["riscv64-unknown-elf-gcc", "-g", "-O0", "-nostdlib", "-Wl,-e,outer", "-o",
                    directory / "sample", directory / "sample.c"], check=True)
    symbols = subprocess.run(["riscv64-unknown-elf-nm", directory / "sample"], text=True,
                             capture_output=True, check=True).stdout
    address = next(line.split()[0] for line in symbols.splitlines() if line.endswith(" inner"))
    return directory, int(address, 16)


def symbolize(directory, text):
    done = subprocess.run([TOP / "tools" / "symbolize", "--bin", directory], input=text, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def test_names(program):
    directory, inner = program
    text = f"before\n    backtrace    sample: {inner:#x} {inner + 4:#x}\nafter\n"
    lines = symbolize(directory, text)
    assert lines[0] == "before" and lines[-1] == "after"
    assert lines[2].split()[:2] == [f"{inner:#x}", "inner"] and "sample.c:2" in lines[2]
    assert lines[3].split()[:2] == [f"{inner + 4:#x}", "inner"]
    assert len(lines) == 5


def test_pc_is_taken_as_it_is(program):
    """The first address is a pc; the others are return addresses, which belong to what is before."""
    directory, inner = program
    lines = symbolize(directory, f"backtrace sample: {inner:#x} {inner:#x}\n")
    assert lines[1].split()[1] == "inner" and lines[2].split()[1] != "inner"


def test_unknown_program_and_other_lines(program):
    directory, _ = program
    lines = symbolize(directory, "backtrace nosuch: 0x10\nbacktrace ../sample: 0x10\nbacktrace:\n")
    assert "no symbols" in lines[1]
    assert lines[2:] == ["backtrace ../sample: 0x10", "backtrace:"]
