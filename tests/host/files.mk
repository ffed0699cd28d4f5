# The programs that work on files, as programs of this machine: test_file_programs.py runs them beside
# the machine's own.
FILE_PROGRAMS := cat cp dd ln ls mkdir mv rm sha256sum stat sync touch truncate
FILE_PROGRAM_SRCS := $(addprefix commands/common/,arguments.c copy.c files.c names.c progress.c \
    walk.c) lib/libsha256/sha256.c
define file_program
HOST_PROGRAMS += file_$(1)
file_$(1)_SRCS := commands/$(1).c $$(FILE_PROGRAM_SRCS)
endef
$(foreach program,$(FILE_PROGRAMS),$(eval $(call file_program,$(program))))
