"""tools/check-system: each kind of error is found, with file and line."""

import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
CHECK = TOP / "tools" / "check-system"

GOOD = """/dts-v1/;
/ {
	compatible = "anole,system";
	services {
		rs {
			id = <0>;
			program = "rs";
			kcalls = "BASE", "CREATE", "RS";
		};
		pm {
			id = <1>;
			program = "pm";
			calls = "rs";
			kcalls = "BASE", "CREATE";
			start-after = "disk"; // PM
		};
		disk {
			id = <2>;
			program = "virtio_blk";
			calls = "rs";
			kcalls = "BASE", "DRIVER";
			drives = "virtio,2";
			publishes = "vd";
			budget-us = <10>;
			period-us = <10>;
			// DISK
		};
		// SERVICES
	};
	classes {
		default {
			id = <16>;
			calls = "rs", "pm", "default";
			kcalls = "BASE";
			// DEFAULT
		};
		// CLASSES
	};
	// ROOT
};
"""


def run(tmp_path, text, *options):
    path = tmp_path / "system.dts"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([CHECK, *options, "system.dts"], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def line_of(text, part):
    return text[:text.index(part)].count("\n") + 1


def refused(tmp_path, text, part, message, *options):
    """The check fails with exactly this message at the line of `part`."""
    done = run(tmp_path, text, *options)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"system.dts:{line_of(text, part)}: error: {message}"], done.stderr


def test_good(tmp_path):
    done = run(tmp_path, GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_real_one():
    done = subprocess.run([CHECK, "etc/system.dts"], cwd=TOP, capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")


# A line of service disk, and the error that points at it.
IN_DISK = [
    ("colour = <1>;", 'disk: unknown property "colour"'),
    ("threads = <256>;", "disk: threads: expected at most 255, found 256"),
    ("threads = <0>;", "disk: threads: expected at least 1"),
    ('frames = "12";', "disk: frames: expected one number, as in <5>"),
    ("frames = <1 2>;", "disk: frames: expected one number, as in <5>"),
    ("frames = [00 01];", "disk: frames: expected one number, as in <5>"),
    ("band = <3>;", "disk: band: expected one string"),
    ('band = "driver", "rs";', "disk: band: expected one string"),
    ('may-control-services = "yes";', "disk: may-control-services: expected no value"),
    ("start-after = <1>;", "disk: start-after: expected strings"),
    ("start-after;", "disk: start-after: expected strings"),
    ('start-after = "rs", "rs";', 'disk: start-after: "rs" twice'),
    ('start-after = "";', "disk: start-after: an empty string"),
    ('band = "top";', 'disk: band: unknown priority band "top"'),
    ('start-after = "nfs";', 'disk: start-after: unknown service "nfs"'),
    ('dependents = "nfs";', 'disk: dependents: unknown service "nfs"'),
    ('restart-on = "exit", "rain";', 'disk: restart-on: unknown cause of death "rain"'),
    ('when-given-up = "cry";', 'disk: when-given-up: unknown action "cry"'),
    ('when-given-up = "program";', 'disk: when-given-up: "program" and its name, or one of "stop", '
                                   '"reboot", "power-off"'),
    ('when-given-up = "stop", "it";', 'disk: when-given-up: "program" and its name, or one of '
                                      '"stop", "reboot", "power-off"'),
    ("hot-spare = <1>;", "disk: hot-spare: expected no value"),
    ("kept-kib = <65540>;", "disk: kept-kib: expected at most 65536, found 65540"),
    ("kept-kib = <6>;", "disk: kept-kib: expected whole pages of 4 KiB"),
    ("at-once = <13>;", "disk: at-once is 13, limit only 12"),
    ("backoff-max-ms = <9>;", "disk: backoff-ms is 10, backoff-max-ms only 9"),
    ("limit = <33>;", "disk: limit: expected at most 32, found 33"),
    ('when-given-up = "program", "a_very_long_program";',
     'disk: when-given-up: "a_very_long_program" has more than 15 characters'),
]


@pytest.mark.parametrize("line, message", IN_DISK)
def test_in_a_service(tmp_path, line, message):
    refused(tmp_path, GOOD.replace("// DISK", line), line, message)


# What is replaced, by what, the part that the error points at, the error.
REPLACED = [
    ('calls = "rs";\n			kcalls = "BASE", "CREATE"', 'calls = "rs", "nfs";\n			kcalls = "BASE", "CREATE"',
     'calls = "rs", "nfs"', 'pm: calls: unknown service or class "nfs"'),
    ('"BASE", "DRIVER"', '"BASE", "ROOT"', '"ROOT"',
     'disk: kcalls: unknown group of kernel calls "ROOT"'),
    ("period-us = <10>;", "period-us = <9>;", "budget-us",
     "disk: budget-us: 10 in a period of 9 microseconds"),
    ("id = <2>;", "id = <1>;", "id = <1>;\n			program = \"virtio_blk\"",
     "disk: id: 1 is that of pm"),
    ("id = <16>;", "id = <2>;", "id = <2>;\n			calls = \"rs\", \"pm\"",
     "default: id: 2 is that of disk"),
    ("id = <2>;", "id = <256>;", "id = <256>", "disk: id: expected at most 255, found 256"),
    ("id = <2>;", "", "disk {", 'disk: no property "id"'),
    ('program = "virtio_blk";', "", "disk {", 'disk: no property "program"'),
    ('"BASE", "CREATE";\n			start', '"BASE", "CREATE", "RS";\n			start', '"RS";\n			start',
     "pm: kcalls: rs has RS already"),
    ('"BASE", "DRIVER"', '"BASE", "CREATE"', '"BASE", "CREATE";\n			drives',
     "disk: kcalls: pm has CREATE already"),
    ('kcalls = "BASE";', 'kcalls = "BASE", "CLOCK";', 'kcalls = "BASE", "CLOCK";\n			// DEF',
     "default: kcalls: CLOCK is for services only"),
    ('"BASE", "CREATE", "RS";', '"BASE", "CREATE", "RS"; hot-spare;', "hot-spare",
     "rs: hot-spare: nobody could wake it"),
    ("// SERVICES", 'a { id = <9>; program = "a"; kept-kib = <40960>; };\n'
                    '	b { id = <8>; program = "b"; kept-kib = <32768>; };', "b { id",
     "b: kept-kib: 73728 of all services together, at most 65536"),
    ('compatible = "anole,system";', "", "/ {", '/: no property "compatible"'),
    ("// ROOT", "files { };", "files", 'unknown node "files"'),
    ("// DISK", "child { };", "child", 'disk: unknown node "child"'),
    ("// DEFAULT", 'programs = "x";', "classes {",
     "no class without programs, which would be the default one"),
    ("// CLASSES", "other { id = <9>; };", "other {",
     "other: default is the class without programs, the default one"),
    ("// CLASSES", 'other { id = <9>; programs = "a"; };\n	third { id = <8>; programs = "b", "a"; };',
     "third", 'third: programs: "a" is in class other'),
    ("// CLASSES", 'pm { id = <9>; programs = "a"; };', 'pm { id = <9>',
     "pm: a service has that name, too"),
]


@pytest.mark.parametrize("old, new, part, message", REPLACED)
def test_replaced(tmp_path, old, new, part, message):
    assert old in GOOD
    refused(tmp_path, GOOD.replace(old, new), part, message)


def test_name_too_long(tmp_path):
    text = GOOD.replace("disk", "a_long_driver")
    refused(tmp_path, text, "a_long_driver {",
            "a_long_driver: the name has more than 12 characters")


def test_two_services_drive_the_same(tmp_path):
    other = 'tape { id = <7>; program = "tape"; drives = "x", "virtio,2"; };'
    refused(tmp_path, GOOD.replace("// SERVICES", other), other,
            'tape: drives: "virtio,2" is driven by disk')


@pytest.mark.parametrize("prefix, overlapped", [("vda", '"vd" of disk'), ("v", '"vd" of disk'),
                                                ("p", '"pm" of pm')])
def test_two_services_publish_the_same(tmp_path, prefix, overlapped):
    other = f'tape {{ id = <7>; program = "tape"; publishes = "{prefix}"; }};'
    refused(tmp_path, GOOD.replace("// SERVICES", other), other,
            f'tape: publishes: "{prefix}" overlaps {overlapped}')


def test_cycle_in_the_start_order(tmp_path):
    text = GOOD.replace("// DISK", 'start-after = "pm"; // HERE')
    refused(tmp_path, text, "// HERE",
            "disk: start-after: a cycle in the start order: pm -> disk -> pm")


def test_service_after_itself(tmp_path):
    text = GOOD.replace("// DISK", 'start-after = "disk"; // HERE')
    refused(tmp_path, text, "// HERE",
            "disk: start-after: a cycle in the start order: disk -> disk")


def test_cycle_of_calls(tmp_path):
    text = GOOD.replace("kcalls = \"BASE\", \"CREATE\", \"RS\";",
                        "kcalls = \"BASE\", \"CREATE\", \"RS\";\n			calls = \"pm\";")
    done = run(tmp_path, text)
    assert done.returncode == 1
    assert re.fullmatch(r"system.dts:14: error: pm: calls: a cycle in the calls between services: "
                        r"rs -> pm -> rs\n", done.stderr)


def test_programs_of_the_boot_image(tmp_path):
    done = run(tmp_path, GOOD, "--programs", "rs pm virtio_blk")
    assert done.returncode == 0
    refused(tmp_path, GOOD, 'program = "virtio_blk"',
            'disk: program: no program "virtio_blk" in the boot image', "--programs", "rs pm")


def test_several_errors_in_order(tmp_path):
    text = GOOD.replace("// DISK", "a = <1>;\n b = <2>;").replace("// PM", "\n c;")
    done = run(tmp_path, text)
    lines = [int(line.split(":")[1]) for line in done.stderr.splitlines()]
    assert len(lines) == 3 and lines == sorted(lines)


@pytest.mark.parametrize("broken, part", [("id = <2;", "id = <2;"), ("id = 2;", "id = 2;")])
def test_syntax_error(tmp_path, broken, part):
    text = GOOD.replace("id = <2>;", broken)
    done = run(tmp_path, text)
    assert done.returncode == 1
    assert re.fullmatch(rf"system.dts:{line_of(text, part)}: error: .*\n", done.stderr)


def test_property_after_a_node(tmp_path):
    text = GOOD.replace("// SERVICES", "late = <1>;")
    done = run(tmp_path, text)
    assert done.returncode == 1
    assert done.stderr.startswith(f"system.dts:{line_of(text, 'late')}: error: ")


def test_no_such_file(tmp_path):
    done = subprocess.run([CHECK, "none.dts"], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "none.dts" in done.stderr and "Traceback" not in done.stderr
