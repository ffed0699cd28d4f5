# The programs that work on files, as programs of this machine: test_file_programs.py runs them beside
# the machine's own.
FILE_PROGRAMS := cat cp dd ln ls mkdir mv rm sha256sum stat sync touch truncate
FILE_PROGRAM_SRCS := $(addprefix commands/common/,arguments.c copy.c files.c lines.c names.c \
    progress.c walk.c) lib/libsha256/sha256.c
define file_program
HOST_PROGRAMS += file_$(1)
file_$(1)_SRCS := commands/$(1).c $$(FILE_PROGRAM_SRCS)
endef
$(foreach program,$(FILE_PROGRAMS),$(eval $(call file_program,$(program))))

HOST_PROGRAMS += shell_host
shell_host_SRCS := tests/host/shell_host.c tests/host/host_programs.c $(addprefix commands/shell/,builtins.c execute.c \
    expand.c parse.c redirect.c script.c) \
    $(addprefix commands/common/,arguments.c files.c lines.c names.c) lib/libanole/error.c

# The file system test on this machine's file systems; and once more with a C library that does wrong
# on demand: each fault must be found.
FSTEST_SRCS := $(filter-out tests/guest/fstest_raw%,$(wildcard tests/guest/fstest*.c)) \
    tests/guest/chance.c tests/host/host_programs.c \
    $(addprefix commands/common/,arguments.c copy.c files.c names.c progress.c walk.c) \
    lib/libsha256/sha256.c lib/libanole/error.c
HOST_PROGRAMS += host_fstest
host_fstest_SRCS := $(FSTEST_SRCS)
HOST_PROGRAMS += faulty_fstest
faulty_fstest_SRCS := $(FSTEST_SRCS) tests/host/fstest_faults.c
faulty_fstest_LDLIBS := -Wl,--wrap=write,--wrap=read,--wrap=open,--wrap=ftruncate,--wrap=lseek \
    -Wl,--wrap=rename,--wrap=unlink,--wrap=readdir,--wrap=fsync
