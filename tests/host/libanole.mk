# The parts of libanole and of the console driver that need no machine, over fakes of the kernel.
HOST_TESTS += test_libanole_pure
test_libanole_pure_SRCS := tests/host/test_libanole_pure.c \
    $(addprefix lib/libanole/, error.c convert.c recent.c arguments.c)

# The startup page is at an address that the address sanitizer keeps for itself.
HOST_TESTS += test_libanole_service
test_libanole_service_SRCS := tests/host/test_libanole_service.c \
    $(addprefix lib/libanole/, service.c recent.c error.c)
test_libanole_service_CFLAGS := -fno-sanitize=address

HOST_TESTS += test_libanole_fault
test_libanole_fault_SRCS := tests/host/test_libanole_fault.c \
    $(addprefix lib/libanole/, fault.c error.c)
test_libanole_fault_CFLAGS := -include tests/host/fake_pages.h

HOST_TESTS += test_libanole_console
test_libanole_console_SRCS := tests/host/test_libanole_console.c lib/libanole/console.c

# The build machine's own C library must keep its sbrk.
HOST_TESTS += test_libanole_heap
test_libanole_heap_SRCS := tests/host/test_libanole_heap.c lib/libanole/heap.c
test_libanole_heap_CFLAGS := -Dsbrk=anole_sbrk

HOST_TESTS += test_uart16550_klog
test_uart16550_klog_SRCS := tests/host/test_uart16550_klog.c drivers/uart16550/klog.c

HOST_TESTS += test_uart16550_output
test_uart16550_output_SRCS := tests/host/test_uart16550_output.c drivers/uart16550/output.c \
    drivers/uart16550/klog.c

HOST_TESTS += test_uart16550_input
test_uart16550_input_SRCS := tests/host/test_uart16550_input.c drivers/uart16550/input.c

HOST_TESTS += test_libanole_program
test_libanole_program_SRCS := tests/host/test_libanole_program.c lib/libanole/program.c \
    lib/libanole/arguments.c
test_libanole_program_CFLAGS := -include tests/host/fake_pages.h
