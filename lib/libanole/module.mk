# What every program and service stands on: start, system calls, service loop, picolibc's glue.
LIBS += libanole
libanole_SRCS := $(addprefix lib/libanole/, \
    crt0.S startup.c ipc.S inject.S kcall.c kcall_info.c kcall_driver.c device.c \
    time.c convert.c names.c log.c error.c thread.c program.c arguments.c service.c recent.c fault.c \
    glue.c lock.c heap.c format.c stdio.c descriptor.c descriptor_io.c poll.c console.c errno.c \
    file.c path.c path_names.c path_attributes.c directory.c mount.c inherit.c)
