"""Names and places for addresses, from the symbols and debug information that stay on the build
machine."""

import subprocess

ADDR2LINE = "riscv64-unknown-elf-addr2line"


def lines(elf, addresses, first_is_pc=False):
    """For each address (a string like 0x1234) a line that names its function. They are return
    addresses, which belong to the call before them, but for the first one if it is a pc."""
    calls = [hex(max(int(address, 16) - (0 if first_is_pc and index == 0 else 1), 0))
             for index, address in enumerate(addresses)]
    try:
        output = subprocess.run([ADDR2LINE, "-f", "-s", "-e", str(elf)] + calls, text=True,
                                capture_output=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        return [f"(no symbols: {error})"]
    return [f"{address} {function} {place}" for address, function, place
            in zip(addresses, output[0::2], output[1::2])]
