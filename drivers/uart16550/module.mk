# The console driver.
PROGRAMS += uart16550
uart16550_SRCS := $(addprefix drivers/uart16550/, main.c uart.c output.c input.c klog.c)
uart16550_LIBS := libanole
