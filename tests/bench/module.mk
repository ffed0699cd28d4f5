# Programs that measure inside the machine; tests/bench/run starts them.
LIBS += libbench
libbench_SRCS := tests/bench/guest/bench.c

PROGRAMS += ipcbench
ipcbench_SRCS := tests/bench/guest/ipcbench.c
ipcbench_LIBS := libbench libanole

PROGRAMS += blkbench
blkbench_SRCS := tests/bench/guest/blkbench.c
blkbench_LIBS := libbench libblk libchan libanole

PROGRAMS += recoverybench
recoverybench_SRCS := tests/bench/guest/recoverybench.c
recoverybench_LIBS := libbench librs libanole

PROGRAMS += boottime
boottime_SRCS := tests/bench/guest/boottime.c
boottime_LIBS := librs libanole

# The test that orders deaths watches the recoveries with the same code as recoverybench.
faulttest_LIBS := librs $(filter-out librs,$(faulttest_LIBS))
