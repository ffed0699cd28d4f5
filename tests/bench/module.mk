# Programs that measure inside the machine; tests/bench/run starts them.
PROGRAMS += ipcbench
ipcbench_SRCS := tests/bench/guest/ipcbench.c
ipcbench_LIBS := libbench libanole

PROGRAMS += blkbench
blkbench_SRCS := tests/bench/guest/blkbench.c tests/bench/guest/blkbench_queues.c
blkbench_LIBS := libbench libblk libpeer libchan libanole

PROGRAMS += filebench
filebench_SRCS := tests/bench/guest/filebench.c
filebench_LIBS := libbench libanole

PROGRAMS += recoverybench
recoverybench_SRCS := tests/bench/guest/recoverybench.c tests/bench/guest/recovery_load.c
recoverybench_LIBS := libbench librs libblk libpeer libchan libanole

PROGRAMS += writebench
writebench_SRCS := tests/bench/guest/writebench.c
writebench_LIBS := libbench librs libblk libpeer libchan libanole

PROGRAMS += boottime
boottime_SRCS := tests/bench/guest/boottime.c
boottime_LIBS := librs libanole
