/*
 * Images made by mke2fs and judged by e2fsck, for tests of the ext2 server on the build machine;
 * and its operations by path, from the test's own thread.
 */
#ifndef TESTS_HOST_EXT2_IMAGE_H
#define TESTS_HOST_EXT2_IMAGE_H

#include "tests/host/ext2/fake_cache.h"

#include <libfs/server.h>
#include <stdbool.h>
#include <stdint.h>

/* The image's file. */
extern char image_path[];

/* mke2fs with these options; size as it takes it ("16M"). */
void image_make(const char *options, const char *size);
/* `e2fsck -fn` says that all is well. */
bool image_clean(void);
/* A shell command with the image's path for %s; its exit status. */
int image_command(const char *format);
void image_remove(void);

/* ---- the mounted file system; all fail the test if the mount isn't there ---- */
extern void *mounted;
/* Where places are: nothing is in it. */
extern uint8_t image_memory[4 * 4096];
extern uint64_t root;

int fs_mount(bool read_only);
int fs_unmount(void);
/* The server dies: its memory is gone but for the cache. Then fs_mount finds it again. */
void fs_die(void);
bool fs_is_read_only(void);

int fs_lookup(uint64_t in, const char *name, uint64_t *node, enum fs_type *type);
int fs_create(uint64_t in, const char *name, uint32_t mode, uint64_t *node);
int fs_symlink(uint64_t in, const char *name, const char *target);
int fs_link(uint64_t node, uint64_t in, const char *name);
int fs_remove(uint64_t in, const char *name, bool is_directory);
int fs_rename(uint64_t from, const char *name, uint64_t to, const char *new_name);
int64_t fs_read(uint64_t node, uint64_t position, void *to, uint64_t len);
int64_t fs_write(uint64_t node, uint64_t position, const void *from, uint64_t len);
/* The client's memory ends at fails_at. */
int64_t fs_write_failing(uint64_t node, uint64_t position, const void *from, uint64_t len,
                         uint64_t fails_at);
/* At its end, wherever that is; *position: where it was, or (UINT64_MAX: not yet) where it is again. */
int64_t fs_append(uint64_t node, const void *from, uint64_t len, uint64_t *position);
int fs_truncate(uint64_t node, uint64_t size);
int fs_stat(uint64_t node, struct fs_stat *stat);
int fs_statvfs(struct fs_statvfs *statvfs);
int fs_readlink(uint64_t node, char *target, size_t size);
int fs_set(uint64_t node, const struct fs_attributes *attributes);
int fs_sync(uint64_t node);
int fs_opened(uint64_t node);
void fs_closed(uint64_t node);
int fs_parent(uint64_t node, uint64_t *parent);
/* The number of the next changes; 0: none. */
extern struct fs_operation fs_operation;
/* Calls `each` for each name, asking for `at_once` names at a time; the last one's result. */
int fs_entries(uint64_t in, unsigned at_once,
               void (*each)(void *context, const char *name, uint64_t node, enum fs_type type),
               void *context);

#endif
