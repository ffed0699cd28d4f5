/*
 * What libext2fs calls of parts of it that aren't built.
 */
#include "config.h"

#include <ext2fs/ext2fs.h>

/* There is no environment that would move its clock. */
char *ext2fs_safe_getenv(const char *name);
char *ext2fs_safe_getenv(const char *name)
{
    (void)name;
    return NULL;
}

/* Of directories that ignore case: images with that feature are refused before. */
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding)
{
    (void)encoding;
    return NULL;
}

/* File data never goes through libext2fs, so it has no blocks of that to clear. */
errcode_t ext2fs_zero_blocks2(ext2_filsys fs, blk64_t block, int count, blk64_t *failed,
                              int *failed_count)
{
    (void)block;
    (void)count;
    (void)failed;
    (void)failed_count;
    return fs ? EXT2_ET_OP_NOT_SUPPORTED : 0;
}
