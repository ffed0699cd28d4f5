PROGRAMS += blktest
blktest_SRCS := $(wildcard tests/guest/blktest*.c)
blktest_LIBS := libblk libpeer libchan libsha256 libanole

PROGRAMS += corotest
corotest_SRCS := tests/guest/corotest.c $(wildcard tests/guest/testkit*.c)
corotest_LIBS := libcoro librs libanole

PROGRAMS += ipctest
ipctest_SRCS := $(wildcard tests/guest/ipctest*.c tests/guest/testkit*.c)
ipctest_LIBS := librs libanole

PROGRAMS += rngtest
rngtest_SRCS := tests/guest/rngtest.c $(wildcard tests/guest/testkit*.c)
rngtest_LIBS := librs libanole

PROGRAMS += handletest
handletest_SRCS := $(wildcard tests/guest/handletest*.c tests/guest/testkit*.c) \
    tests/guest/chance.c
handletest_LIBS := librs libanole

# The same program twice: the second one's class has a driver's kernel calls.
PROGRAMS += malice malicedriver
malice_SRCS := $(wildcard tests/guest/malice*.[cS] tests/guest/testkit*.c) tests/guest/chance.c
malice_LIBS := librs libanole
malicedriver_SRCS := $(malice_SRCS)
malicedriver_LIBS := librs libanole

PROGRAMS += together
together_SRCS := tests/guest/together.c
together_LIBS := libanole

PROGRAMS += killing
killing_SRCS := $(wildcard tests/guest/killing*.c)
killing_LIBS := librs libanole

PROGRAMS += servfuzz
servfuzz_SRCS := $(wildcard tests/guest/servfuzz*.c) tests/guest/chance.c
servfuzz_LIBS := librs libanole

PROGRAMS += faulttest
faulttest_SRCS := $(wildcard tests/guest/faulttest*.c)
faulttest_LIBS := librs libblk libnet libpeer libchan libanole

FLOAT_PROGRAMS += fptest
fptest_SRCS := tests/guest/fptest.c
fptest_LIBS := libanole

PROGRAMS += filetest
filetest_SRCS := $(wildcard tests/guest/filetest*.c tests/guest/testkit*.c)
filetest_LIBS := librs libanole

PROGRAMS += fstest
fstest_SRCS := $(wildcard tests/guest/fstest*.c) tests/guest/chance.c
fstest_LIBS := libcommand libsha256 libanole

PROGRAMS += buffertest
buffertest_SRCS := $(wildcard tests/guest/buffertest*.c)
buffertest_LIBS := libanole

PROGRAMS += socktest
socktest_SRCS := $(wildcard tests/guest/socktest*.c tests/guest/testkit*.c)
socktest_CFLAGS := $(SOCK_INCLUDES)
socktest_LIBS := libsock librs libanole

PROGRAMS += nettest
nettest_SRCS := $(wildcard tests/guest/nettest*.c tests/guest/testkit*.c)
nettest_LIBS := libnet libpeer librs libchan libanole
