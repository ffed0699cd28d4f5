"""QEMU's command line."""


def escape(value):
    """A value inside of a comma-separated QEMU option."""
    return value.replace(",", ",,")


def boot_arguments(options):
    """What the kernel finds in the device tree's /chosen/bootargs: key=value words, then ' -- '
    and the shell's commands."""
    words = []
    if options.commands:
        words += ["quiet=1", "power=off"]
    if options.seed is not None:
        words.append(f"seed={options.seed}")
    if options.first_generation is not None:
        words.append(f"generation={options.first_generation}")
    if options.commands:
        words += ["--", options.commands]
    return " ".join(words)


def device_options(disk):
    """What the user said of the device. QEMU wants physical blocks no smaller than logical ones."""
    given = dict(option.split("=", 1) for option in disk.device_options)
    words = [escape(option) for option in disk.device_options]
    if "logical_block_size" in given and "physical_block_size" not in given:
        words.append(f"physical_block_size={given['logical_block_size']}")
    return words


def attached(kind, suffix, options, disk, index):
    """The -device of a disk: its type, and where it is. QEMU itself finds a place on PCI, and gives
    the disk as many queues there as the machine has harts."""
    words = device_options(disk)
    if options.transport == "pci":
        return [f"{kind}-pci", "disable-legacy=on", *words]
    if not any(o.startswith("bus=") for o in disk.device_options):
        words.insert(0, f"bus=virtio-mmio-bus.{index}")
    return [kind + suffix, *words]


def vhost_arguments(options, disk, index):
    """A disk that is another process. QEMU looks for it once a second when it has gone."""
    kind, *words = attached("vhost-user-blk", "", options, disk, index)
    return ["-chardev", f"socket,id=d{index},path={escape(disk.vhost_socket())},reconnect=1",
            "-device", ",".join([kind, f"chardev=d{index}", *words])]


def image_arguments(options, disk, index):
    drive = [f"if=none,id=d{index}", f"file={escape(disk.file)}"]
    if not disk.file.startswith("json:") and "format=" not in disk.drive_options:
        drive.append("format=raw")
    kind, *words = attached("virtio-blk", "-device", options, disk, index)
    return ["-drive", ",".join(drive + list(filter(None, [disk.drive_options]))),
            "-device", ",".join([kind, f"drive=d{index}", *words])]


def disk_arguments(options, disk, index):
    make = image_arguments if disk.vhost_socket() is None else vhost_arguments
    return make(options, disk, index)


def backend_arguments(options, net, index):
    """What is behind an interface: its -netdev, and what that needs."""
    name = f"id=n{index}"
    if net.kind == "user":
        return ["-netdev", ",".join(["user", name, *(f"hostfwd={f}" for f in options.hostfwd)])]
    queues = f",queues={net.queues}" if net.queues > 1 else ""
    if net.kind == "tap":
        return ["-netdev", f"tap,{name},ifname={escape(net.rest)},script=no,downscript=no{queues}"]
    if net.kind == "vhost":
        # QEMU looks for it once a second when it has gone.
        return ["-chardev", f"socket,id=cn{index},path={escape(net.rest)},reconnect=1",
                "-netdev", f"vhost-user,{name},chardev=cn{index}{queues}"]
    return ["-netdev", f"{net.kind},{name},{net.rest}"]


def net_arguments(options, net, index, slot):
    """An interface; the option ROM that QEMU wants for PCI isn't installed, and not needed."""
    words = [f"netdev=n{index}", *(["mq=on"] if net.queues > 1 else []), *net.device_options]
    if options.transport == "pci":
        kind, words = "virtio-net-pci", ["disable-legacy=on", "romfile=", *words]
    else:
        kind, words = "virtio-net-device", [f"bus=virtio-mmio-bus.{slot}", *words]
    command = [*backend_arguments(options, net, index), "-device", ",".join([kind, *words])]
    if options.pcap:
        # The second interface's packets go into a file of their own.
        file = str(options.pcap) + (f".{index}" if index else "")
        command += ["-object", f"filter-dump,id=f{index},netdev=n{index},file={escape(file)}"]
    return command


def machine_arguments(options, disks):
    """The machine and its memory, which lies in a file if other processes are to reach it."""
    machine = "virt,aia=aplic-imsic" if options.aia else "virt"
    if all(disk.vhost_socket() is None for disk in disks) and all(
            net.kind != "vhost" for net in options.nets):
        return ["-M", machine, "-m", options.mem]
    # A bare number is mebibytes for -m and bytes for -object.
    size = options.mem + ("M" if options.mem.isdigit() else "")
    return ["-M", f"{machine},memory-backend=ram", "-m", options.mem,
            "-object", f"memory-backend-memfd,id=ram,size={size},share=on"]


def console_arguments(options, console_log):
    """The serial line on standard input and output. Interactive, it shares them with QEMU's
    monitor and leaves Ctrl-C to the guest."""
    if options.commands:
        return ["-chardev", "stdio,id=console,mux=off,signal=off", "-serial", "chardev:console"]
    log = f",logfile={escape(str(console_log))}" if console_log else ""
    return ["-chardev", f"stdio,id=console,mux=on,signal=off{log}", "-serial", "chardev:console",
            "-mon", "chardev=console,mode=readline"]


def command_line(options, kernel, disks, console_log):
    command = [options.qemu, *machine_arguments(options, disks), "-smp", str(options.smp),
               "-nodefaults", "-no-user-config", "-display", "none", "-bios", "default",
               "-kernel", str(kernel)]
    if options.transport != "mmio-legacy":  # which is QEMU's own default for MMIO devices
        command += ["-global", "virtio-mmio.force-legacy=false"]
    command += console_arguments(options, console_log)
    if options.commands:
        command.append("-no-reboot")
    arguments = boot_arguments(options)
    if arguments:
        command += ["-append", arguments]
    for index, disk in enumerate(disks):
        command += disk_arguments(options, disk, index)
    for index, net in enumerate(options.nets):
        command += net_arguments(options, net, index, len(disks) + index)
    for device in options.devices:
        command += ["-device", device]
    if options.seed is not None:
        command += ["-seed", str(options.seed)]
    if options.qmp:
        command += ["-qmp", f"unix:{escape(str(options.qmp))},server=on,wait=off"]
    if options.gdb:
        command += ["-gdb", "tcp::1234", "-S"]
    return command + options.qemu_args
