"""RS's policy on a whole machine: what system.dts says about deaths is what happens."""

import re
import subprocess

import pytest

from conftest import ROOT, launch
from test_boot import service_rows
from test_build import copy_tree, make

SYSTEM = "etc/system.dts"


def add_to_service(text, service, properties, program=None):
    """system.dts with more properties in a service's node, and maybe another program."""
    start = text.index(f"\t\t{service} {{")
    end = text.index("\t\t};", start)
    node = text[start:end] + properties + "\n"
    if program:
        node = re.sub(r'program = "\w+";', f'program = "{program}";', node)
    return text[:start] + node + text[end:]


@pytest.fixture(name="system", scope="module")
def fixture_system(tmp_path_factory):
    """system(edit) builds a tree whose system.dts went through edit, and returns its place. All
    compiled files are taken over: only the description is new."""
    tree = copy_tree(tmp_path_factory.mktemp("policy") / "tree", "cache", "obj", "kernel", "lib",
                     "bin")
    original = (tree / SYSTEM).read_text(encoding="utf-8")

    def build(edit):
        (tree / SYSTEM).write_text(edit(original), encoding="utf-8")
        result = make(tree, "all")
        assert result.returncode == 0, result.stdout + result.stderr
        return tree
    return build


def test_falls_back_to_another_program(system):
    """A clock driver that ends at once, whatever is tried: after the limit, the other program."""
    tree = system(lambda text: add_to_service(
        text, "rtc", 'limit = <5>; backoff-ms = <40>; when-given-up = "program", "rtc";',
        program="faulttest"))
    result = launch("-e", "sleep 2; date; service status rtc; service log rtc", root=tree)
    assert result.status == 0, str(result)
    status = result.output
    assert "rtc: up" in status and "then: program rtc (it runs already)" in status, str(result)
    log = [line for line in status.splitlines() if re.match(r"\s*\d+\.\d{6}\s", line)]
    waits = [int(line.split()[-2]) for line in log if " backoff " in line]
    assert waits == [40], "three at once, one after a wait, the fifth is the last\n" + str(result)
    assert sum(" given-up " in line for line in log) == 1, str(result)
    assert status.count("death number") == 5, str(result)


def test_machine_goes_off_when_a_service_is_given_up(system):
    tree = system(lambda text: add_to_service(
        text, "rtc", 'at-once = <1>; limit = <2>; when-given-up = "power-off";', program="faulttest"))
    result = launch("-e", "sleep 20; echo still here", root=tree, timeout=60)
    assert result.status == 1 and "still here" not in result.output, str(result)


def test_machine_restarts_when_a_service_is_given_up(system):
    """The launcher lets no machine restart among commands: it ends."""
    tree = system(lambda text: add_to_service(
        text, "rtc", 'at-once = <1>; limit = <2>; when-given-up = "reboot";', program="faulttest"))
    result = launch("-e", "sleep 20; echo still here", root=tree, timeout=60)
    assert result.status not in (0, 70, 124) and "still here" not in result.output, str(result)


def test_dependents_and_a_spare_for_another(system):
    """The disk driver is restarted with the clock's; none of it counts."""
    def edit(text):
        text = add_to_service(text, "rtc", 'dependents = "virtio_blk"; hot-spare;')
        return add_to_service(text, "virtio_blk", 'window-ms = <1000>;')
    tree = system(edit)
    result = launch("-e", "sleep 1; service kill rtc; sleep 1; service list; "
                    "service status virtio_blk; blktest vda --group info", root=tree)
    rows = service_rows(result.output)
    assert rows["rtc"][:1] == ["up"] and rows["rtc"][2] == "1", str(result)
    assert "ready" in rows["rtc"], "a hot spare\n" + str(result)
    assert rows["virtio_blk"][0] == "up" and int(rows["virtio_blk"][2]) == 1, str(result)
    assert "deaths       1, of which 0 count" in result.output, str(result)
    assert result.status == 0, str(result)


def test_who_keeps_a_caller_for_too_long(system):
    """It answers pings; its bound ends it all the same, before faulttest does."""
    tree = system(lambda text: text.replace("answer-ms = <15000>", "answer-ms = <20>"))
    result = launch("-e", "faulttest virtio_blk hoard-callers; service log virtio_blk; "
                    "hexdump vda 0 512", root=tree)
    assert re.search(r" dead +\S+ +no progress", result.output), str(result)
    assert result.output.count("55 aa") == 1, str(result)


def test_complaint_about_a_healthy_service(passes):
    """RS looks, and finds nothing; it tells who complained."""
    output = passes("service complain rtc; sleep 1; service list; service status rtc; "
                    "service log rtc").output
    rows = service_rows(output)
    assert rows["rtc"][0] == "up" and rows["rtc"][2] == "0", output
    assert re.search(r"complaints +1\n +of .*\(control\).*about.*: deadline", output), output
    assert re.search(r" complaint +\S+ +deadline", output), output


def test_many_complaints_about_a_healthy_service(boot):
    """Each command is a complainer of its own. The last complaints are kept."""
    result = boot("; ".join(["service complain rtc"] * 12) + "; service status rtc; date")
    assert result.status == 0 and "restarted 0 times" in result.output, str(result)
    assert re.search(r"complaints +12\n", result.output), str(result)
    assert result.output.count("(control)") == 8, str(result)


def test_hot_spare_by_order(passes):
    output = passes("service spare rtc on; service kill rtc; service log rtc; "
                    "service spare rtc off; service kill rtc; service status rtc; date").output
    assert output.count("hot spare\n") >= 1 and "spawned" in output, output
    assert "none wanted; 1 of 2 restarts woke one" in output, output


def test_records_of_the_last_deaths(passes):
    """Cause, registers, backtrace and messages of the last eight; names by the host's tool."""
    output = passes("; ".join(["blktest vda --group info", "faulttest virtio_blk store"] * 9) +
                    "; service log virtio_blk").output
    numbers = [int(n) for n in re.findall(r"^death number (\d+),.*store fault", output, re.M)]
    assert numbers == list(range(2, 10)), output
    assert output.count(" sp 0000003f") == 8 and output.count("took  ") >= 8, output
    named = subprocess.run([ROOT / "tools" / "symbolize"], input=output, text=True,
                           capture_output=True, check=True).stdout
    assert re.search(r"0x[0-9a-f]+ main main\.c:\d+", named), named


@pytest.mark.parametrize("harts", [1, 2])
def test_sixty_deaths_under_load(passes, blank_disk, harts):
    """Of every kind; a client writes, reads and flushes meanwhile. No byte is wrong, no page lost,
    and the deaths, which were ordered, count for nothing."""
    output = passes("recoverybench virtio_blk --under-load vda --kills 60 --seed 7; "
                    "service status virtio_blk", "--disk", blank_disk(64 << 20), "--smp", harts,
                    timeout=180).output
    assert "data: right (0 pieces wrong)" in output, output
    memory = re.search(r"memory: (\d+) KiB free before, (\d+) KiB after", output)
    assert memory and memory.group(1) == memory.group(2), output
    assert re.search(r"^served +60 ", output, re.M), output
    assert "deaths       60, of which 0 count" in output, output
