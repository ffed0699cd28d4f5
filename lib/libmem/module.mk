# Linked into the kernel and every program ahead of the C library. The compiler must not turn the
# loops of memcpy into a call of memcpy.
LIBS += libmem
libmem_SRCS := lib/libmem/copy.c lib/libmem/set.c lib/libmem/compare.c
libmem_CFLAGS := -fno-builtin -fno-tree-loop-distribute-patterns
