LIBS += libbench
libbench_SRCS := lib/libbench/bench.c
