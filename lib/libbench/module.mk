LIBS += libbench
libbench_SRCS := lib/libbench/bench.c lib/libbench/disk.c
