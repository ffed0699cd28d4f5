"""The launcher: options.py reads the command line, machine.py makes QEMU's out of it, console.py
shows what the guest prints, symbols.py names addresses, main.py runs it all."""
