"""devman on the PCI bus: what it finds, shares out and refuses; its own death is no event."""

import pytest

from test_boot import service_rows

PCI = ("--transport", "pci")
INTERRUPTS = pytest.mark.parametrize("interrupts", [(), ("--aia",)], ids=["line", "vectors"])
PAGE = 4096


def device_rows(output):
    """Rows of the first `lsdev`, by node."""
    table = output[output.index("NUMBER "):].splitlines()[1:]
    rows = {}
    for line in table:
        words = line.split()
        if len(words) != 8 or not words[0].isdigit():
            break
        rows[words[1]] = words
    return rows


def details(output):
    """What `lsdev -v` shows, by node: lists of (field, value)."""
    shown, node = {}, None
    for line in output.splitlines():
        if line.startswith("    ") and node:
            shown[node].append((line[4:16].strip(), line[16:]))
        elif ": virtio," in line or "@" in line.split(": ")[0]:
            node = line.split()[1].rstrip(":")
            shown[node] = []
    return shown


@INTERRUPTS
def test_several_devices(passes, random_disk, interrupts):
    """Each has windows of its own and a driver of its own; several functions of one device, too."""
    result = passes("lsdev; lsdev -v; service list; "
                    "blktest vda --group libblk; blktest vdd --group libblk", *PCI, *interrupts,
                    "--disk", random_disk(4096, 1), "--disk", f"{random_disk(4096, 2)},addr=7",
                    "--disk", f"{random_disk(4096, 3)},addr=9.0,multifunction=on",
                    "--disk", f"{random_disk(4096, 4)},addr=9.5",
                    "--device", "virtio-rng-pci,disable-legacy=on,addr=4")
    rows = device_rows(result.output)
    disks = ["pci:00:01.0", "pci:00:07.0", "pci:00:09.0", "pci:00:09.5"]
    assert [node for node in rows if rows[node][2] == "virtio,2"] == disks, str(result)
    assert rows["pci:00:04.0"][2] == "virtio,4", str(result)
    assert [rows[node][0] for node in disks] == ["72", "120", "136", "141"], str(result)
    drivers = service_rows(result.output)
    for name in ("virtio_blk", "virtio_blk.1", "virtio_blk.2", "virtio_blk.3"):
        assert drivers[name][0] == "up", str(result)
    known = {node: dict(fields) for node, fields in details(result.output).items()}
    windows = []
    for fields in (known[node] for node in known if node.startswith("pci:")):
        assert fields["transport"].startswith("virtio over PCI, ids 1af4:104"), str(result)
        assert "VERSION_1" in fields["features"].split(), str(result)
        assert ("vectors" in fields["interrupts"]) == bool(interrupts), str(result)
        start, length = (int(word.rstrip(","), 16) for word in fields["windows"].split()[:2])
        windows.append((start, start + length))
    windows.sort()
    assert len(windows) == 5, str(result)
    assert all(start % PAGE == 0 and end % PAGE == 0 for start, end in windows)
    assert all(end <= start for (_, end), (start, _) in zip(windows, windows[1:]))


def test_transitional_device(passes, random_disk):
    """It has both kinds of registers: only the modern ones are used."""
    result = passes("lsdev -v; blktest vda", *PCI, "--disk",
                    f"{random_disk(4096)},disable-legacy=off")
    assert "ids 1af4:1001" in result.output, str(result)


def test_what_is_not_used(passes, random_disk):
    """Legacy-only, no virtio device, behind two bridges: one line each, and the rest works."""
    result = passes("dmesg; lsdev; blktest vda", *PCI, "--disk", random_disk(4096),
                    "--device", "virtio-rng-pci,disable-legacy=off,disable-modern=on,addr=5",
                    "--device", "pcie-root-port,id=one,addr=6,chassis=1,port=1",
                    "--device", "pcie-pci-bridge,id=two,bus=one",
                    "--device", "virtio-rng-pci,disable-legacy=on,bus=two,addr=2",
                    "--device", "pci-testdev,addr=8")
    said = [line.split("devman: ")[1] for line in result.output.splitlines()
            if "devman: pci:" in line]
    for node, what in (("00:05.0", "not used: it has no "),
                       ("01:00.0", "not used: a bridge behind a bridge"),
                       ("00:08.0", "no virtio device (1b36:0005)")):
        lines = [line for line in said if line.startswith(f"pci:{node}: ")]
        assert len(lines) == 1 and what in lines[0], str(result)
    states = {node: row[6] for node, row in device_rows(result.output).items()}
    assert states["pci:00:01.0"] == "ready" and states["pci:00:05.0"] == "refused", str(result)
    assert "pci:00:06.0" not in states and "pci:00:08.0" not in states, str(result)


@INTERRUPTS
@pytest.mark.parametrize("harts", [1, 2])
def test_devman_dies_while_a_driver_works(passes, random_disk, blank_disk, interrupts, harts):
    """The next devman finds everything where it is, and the disk's driver never notices."""
    result = passes("together --apart 500 blktest vdb --rw --seed 6 --group longwrite --mib 96 -- "
                    "faulttest devman all; lsdev; service list", *PCI, *interrupts, "--smp", harts,
                    "--disk", random_disk(4096), "--disk", blank_disk(200 << 20), timeout=180)
    assert result.lines("PASS longwrite"), str(result)
    rows = device_rows(result.output)
    assert all(rows[node][6:] == ["ready", "1"] for node in ("pci:00:01.0", "pci:00:02.0"))
    drivers = service_rows(result.output[result.output.index("\nNAME "):])
    assert all(row[2] == "0" for name, row in drivers.items() if name != "devman"), str(result)


@INTERRUPTS
def test_the_next_devman_finds_the_same(passes, random_disk, interrupts):
    result = passes("lsdev; service kill devman; sleep 1; echo; lsdev; dmesg", *PCI, *interrupts,
                    "--disk", random_disk(4096, 1), "--disk", random_disk(4096, 2),
                    "--device", "pcie-root-port,id=one,chassis=1,port=1",
                    "--device", "virtio-rng-pci,disable-legacy=on,bus=one")
    first, second = result.output.split("NUMBER ")[1:3]
    assert device_rows("NUMBER " + first) == device_rows("NUMBER " + second), str(result)
    assert "RS refuses" not in result.output, str(result)


@INTERRUPTS
def test_behind_bridges(passes, blank_disk, interrupts):
    """Disks behind two root ports and a bridge of conventional PCI: they work, through the death of
    devman and of a driver."""
    disks = []
    for number, bus in enumerate(("one", "two", "three")):
        image = blank_disk(80 << 20)
        disks += ["--qemu-arg=-drive",
                  f"--qemu-arg=if=none,id=behind{number},format=raw,file={image}",
                  "--device", f"virtio-blk-pci,disable-legacy=on,drive=behind{number},bus={bus}"
                              + (",addr=3" if bus == "three" else "")]
    write = "--rw --group longwrite --mib 32 --seed 9"
    result = passes(f"lsdev; together --apart 300 blktest vda {write} -- blktest vdb {write} -- "
                    f"blktest vdc {write} -- service kill devman; "
                    "faulttest virtio_blk.2 load; blktest vdc --group libblk; service list",
                    *PCI, *interrupts, "--disk", "none",
                    "--device", "pcie-root-port,id=one,chassis=1,port=1",
                    "--device", "pcie-root-port,id=two,chassis=2,port=2",
                    "--device", "pci-bridge,id=three,chassis_nr=3", *disks, timeout=180)
    rows = device_rows(result.output)
    assert [node for node in rows if rows[node][2] == "virtio,2"] \
        == ["pci:01:00.0", "pci:02:00.0", "pci:03:03.0"], str(result)
    assert len(result.lines("PASS longwrite")) == 3, str(result)
    assert service_rows(result.output[result.output.index("\nNAME "):])["devman"][2] == "1"


@INTERRUPTS
def test_a_driver_comes_back(passes, random_disk, interrupts):
    """Reset, bus mastering and interrupts anew: for every way in which the driver dies."""
    result = passes("faulttest virtio_blk all; blktest vda", *PCI, *interrupts,
                    "--disk", random_disk(8192), timeout=180)
    assert not result.lines("FAIL"), str(result)


@pytest.mark.parametrize("harts", [1, 4])
def test_disks_share_a_line(passes, random_disk, blank_disk, harts):
    """Devices 1, 5 and 9 have the same line: all drivers work at once, and one of them dies."""
    write = "--rw --group longwrite --mib 32 --seed 8"
    result = passes(f"lsdev; together blktest vda {write} -- blktest vdb {write} -- "
                    "blktest vdc --group libblk; "
                    f"together --apart 200 blktest vda {write} -- faulttest virtio_blk.1 panic; "
                    "blktest vdb --group libblk",
                    *PCI, "--smp", harts, "--disk", f"{blank_disk(80 << 20)},addr=1",
                    "--disk", f"{blank_disk(80 << 20)},addr=5",
                    "--disk", f"{random_disk(4096)},addr=9", timeout=180)
    rows = device_rows(result.output)
    lines = {rows[f"pci:00:{node}.0"][5] for node in ("01", "05", "09")}
    assert len(lines) == 1, str(result)
    assert not result.lines("FAIL"), str(result)


def test_details_without_pci(passes):
    """A driver that isn't there leaves its line out; all the rest is known without it."""
    result = passes("service stop virtio_rng; lsdev -v", "--device", "virtio-rng-device")
    known = {node: dict(fields) for node, fields in details(result.output).items()}
    assert known["virtio_mmio@10001000"]["driver"] == "virtio_blk, up", str(result)
    assert known["virtio_mmio@10008000"]["driver"] == "virtio_rng, stopped", str(result)
    assert "features" not in known["virtio_mmio@10008000"], str(result)
    assert known["serial@10000000"]["transport"] == "memory-mapped registers", str(result)
