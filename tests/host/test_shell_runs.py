"""What the shell does with lines and scripts, compiled for this machine, beside this machine's sh."""

import os
import subprocess
from pathlib import Path

import pytest

SHELL = Path(__file__).resolve().parents[2] / "build" / "host" / "shell_host"


@pytest.fixture(name="play")
def fixture_play(tmp_path):
    """A directory with some files in it, one for each name."""
    def play(name):
        root = tmp_path / name
        (root / "dir/sub").mkdir(parents=True)
        (root / "dir2").mkdir()
        for file in ("a1", "a2", "b c", ".hidden", "x*y", "[z]", "dir/f1", "dir/f2", "dir/sub/g",
                     "dir2/f3", "back\\slash"):
            (root / file).write_text(f"{file}\n")
        (root / "link").symlink_to("dir")
        (root / "dangling").symlink_to("nowhere")
        return root
    return play


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*"))
            if path.is_file()}


def run(command, root):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment, timeout=60, check=False)
    assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr
    return done


SAME = [
    # connectors and statuses
    "true && echo a || echo b; false && echo c || echo d; false || false; echo $?",
    "true || echo a && echo b; ls nowhere >out 2>&1; echo $?",
    "echo 'one  two' \"three $?\" four\\ five # six",
    # redirections
    "echo a > f; echo b >> f; cat < f > g; cat g f",
    "echo a >f >g; cat f g; echo b >> new; cat new",
    "> empty; >> a1; cat a1 empty; echo $?",
    "cat <a1 <a2; echo to stderr 2>e 1>&2; cat e",
    "ls nowhere > f 2>&1 || echo failed; ls nowhere 2>f >&2 || cat f > /dev/null",
    "echo x >'b c'; cat 'b c'; echo > '*'; cat '*'",
    "cat < nowhere 2>/dev/null || echo none; echo a > nowhere/x || echo no; echo still",
    "ls 9>f; echo $?; echo deep 5>&1 >&5",
    "echo gone 1>&7 || echo bad",
    "2>f ls nowhere; echo out >f 3>g; cat f g",
    # patterns
    "echo * ; echo a* ; echo a? ; echo ?1 ; echo .h* ; echo [ab]*; echo [!ab]*; echo *' '*",
    "echo nothing*; echo 'a*' \"a*\" a\\*; echo x\\** 'x*'? [[]z*; echo *\\\\*",
    "echo */; echo */*; echo dir*/f?; echo ./a*; echo dir//f*; echo */sub/*; echo link/*",
    "echo dir/*/g dang* */nowhere ../*/a1; echo dir/s?b/; echo a1*/",
    f"echo {os.sep}usr/b?n/../l[i]b; echo /u[s]r/",
    "cat a*; cat dir/*1 > */sub2; cat '*/sub2'; echo [; echo []; echo a[1",
    # the working directory
    "cd dir; cat f1; cd sub && cat g; cd ../..; cat a1; cd nowhere 2>/dev/null || echo no; cat a2",
    "cd /; pwd; cd usr; pwd",
]


@pytest.mark.parametrize("line", SAME)
def test_same_as_sh(line, play):
    ours, theirs = play("ours"), play("theirs")
    our, their = run([SHELL, line], ours), run(["sh", "-c", line], theirs)
    assert our.stdout == their.stdout, our.stderr
    assert contents(ours) == contents(theirs)


SCRIPTS = [
    "echo one\n\n# comment\necho two > f; cat f\n",
    "false\necho $?\necho end without a newline",
    "cd dir\ncat f1\nexit 3\necho not this\n",
    "echo a\nexit\necho not this\n",
    "echo 1 && exit 5 || echo no; echo no\n",
    "cat dir/*\ncd dir/sub\ncat g > ../../made\ncat ../../made\n",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_same_as_sh(script, play):
    results = []
    for name in ("ours", "theirs"):
        root = play(name)
        (root / "script").write_text(script)
        line = "sh script; echo status $?; cat a1"
        done = run([SHELL, line] if name == "ours" else ["sh", "-c", line], root)
        results.append((done.stdout, contents(root)))
    assert results[0] == results[1]


def test_source_keeps_what_it_did(play):
    root = play("root")
    (root / "inner").write_text("cd dir\nfalse\n")
    (root / "outer").write_text("source inner\necho $?\ncat f1\nexit 7\n")
    assert run([SHELL, "source outer; echo $?; cat f1; sh ../outer"], root).returncode == 7
    done = run([SHELL, "source outer; echo $?; cat f1"], root)
    assert done.stdout == b"1\ndir/f1\n7\ndir/f1\n"


def test_a_wrong_line_ends_a_script(play):
    root = play("root")
    (root / "script").write_text("echo a\necho 'b\necho c\n")
    done = run([SHELL, "sh script; echo $?"], root)
    assert done.stdout == b"a\n2\n" and b"quote" in done.stderr and done.returncode == 2


def test_a_script_that_runs_itself(play):
    root = play("root")
    (root / "script").write_text("echo x\nsource script\n")
    done = run([SHELL, "source script"], root)
    assert done.returncode == 1 and done.stdout == b"x\n" * 16 and b"deep" in done.stderr


@pytest.mark.parametrize("line, status", [
    ("true", 0), ("false; true", 1), ("false || true", 0), ("exit 9; echo no", 9),
    ("nowhere", 127), ("sh nowhere", 127), ("echo 'a", 2), ("exit x", 2), ("cd a b", 2),
    ("echo > nowhere/x", 1), ("cd nowhere", 1), ("true; sh a1", 127),
])
def test_status_of_the_first_failure(line, status, play):
    assert run([SHELL, line, "true"], play("root")).returncode == status


def test_output_that_is_refused(play):
    done = run([SHELL, "echo lost > /dev/full; echo $?; echo here"], play("root"))
    assert done.stdout == b"1\nhere\n" and b"echo: standard output: No space" in done.stderr
    done = run([SHELL, "help > /dev/full; echo $?; false; echo $?; pwd > /dev/full || true"],
               play("other"))
    assert done.stdout == b"1\n1\n", done.stderr
    assert done.stderr.count(b"standard output: No space") == 2, done.stderr


def test_ctrl_c_ends_the_line_and_its_scripts(play):
    root = play("root")
    (root / "kill").write_text("#!/bin/sh\nkill -INT $$\n")
    (root / "kill").chmod(0o755)
    (root / "inner").write_text("./kill\necho inner\n")
    (root / "outer").write_text("sh inner\necho outer\n")
    assert run([SHELL, "./kill; echo a", "echo next"], root).stdout == b"next\n"
    assert run([SHELL, "sh outer; echo a", "echo next"], root).stdout == b"next\n"


def test_many_names(play):
    root = play("root")
    for number in range(2000):
        (root / f"dir/n{number}").touch()
    done = run([SHELL, "echo dir/n* > f"], root)
    assert done.returncode == 0
    assert len((root / "f").read_text(encoding="ascii").split()) == 2000
