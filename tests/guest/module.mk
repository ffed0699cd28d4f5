PROGRAMS += blktest
blktest_SRCS := $(wildcard tests/guest/blktest*.c)
blktest_LIBS := libblk libchan libanole

PROGRAMS += ipctest
ipctest_SRCS := $(wildcard tests/guest/ipctest*.c)
ipctest_LIBS := libanole

PROGRAMS += faulttest
faulttest_SRCS := $(wildcard tests/guest/faulttest*.c)
faulttest_LIBS := libanole
