/*
 * The world of libfs_world.h with the memory file system in it, as mount 1.
 */
#ifndef TESTS_LIBFS_MEM_H
#define TESTS_LIBFS_MEM_H

#include "libfs_world.h"

void mem_start(void);

int mem_setup(void **state);
/* Whoever had files open dies, and the file system can be unmounted. */
int mem_teardown(void **state);
#define MEM(test) cmocka_unit_test_setup_teardown(test, mem_setup, mem_teardown)

/* A file of Alice's with that text; and that it has it. */
void mem_file(const char *path, const char *text);
void mem_expect(const char *path, const char *text);

#endif
