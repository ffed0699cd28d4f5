# The shell's language and editor, the commands' helpers, and librs's reading of RS's log.
HOST_TESTS += test_shell_parse
test_shell_parse_SRCS := tests/host/test_shell_parse.c commands/shell/parse.c \
    commands/shell/boot_arguments.c

HOST_TESTS += test_shell_editor
test_shell_editor_SRCS := tests/host/test_shell_editor.c commands/shell/editor.c

HOST_TESTS += test_commands_common
test_commands_common_SRCS := tests/host/test_commands_common.c commands/common/arguments.c \
    commands/common/table.c

HOST_TESTS += test_nc_line
test_nc_line_SRCS := tests/host/test_nc_line.c commands/nc/line.c

HOST_TESTS += test_netbench
test_netbench_SRCS := tests/host/test_netbench.c commands/netbench/flow.c commands/netbench/iperf.c

HOST_TESTS += test_librs
test_librs_SRCS := tests/host/test_librs.c \
    $(addprefix lib/librs/, phases.c strike.c text.c)

# libsock's addresses in text.
HOST_TESTS += test_sock_text
test_sock_text_SRCS := tests/host/test_sock_text.c lib/libsock/text.c
test_sock_text_CFLAGS := $(SOCK_INCLUDES)
