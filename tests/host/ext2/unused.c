/*
 * What files of libext2fs refer to in functions that nobody calls. In the server such functions are
 * left out by the linker; sanitizers keep them.
 */
#include "config.h"

#include <ext2fs/ext2fs.h>
#include <ext2fs/ext2fsP.h>
#include <stdlib.h>

errcode_t ext2fs_badblocks_list_add(ext2_badblocks_list list, blk_t block)
{
    (void)list;
    (void)block;
    abort();
}

errcode_t ext2fs_badblocks_list_create(ext2_badblocks_list *list, int size)
{
    (void)list;
    (void)size;
    abort();
}

int ext2fs_inline_data_dir_iterate(ext2_filsys fs, ext2_ino_t ino, void *context)
{
    (void)fs;
    (void)ino;
    (void)context;
    abort();
}

errcode_t ext2fs_inline_data_set(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode,
                                 void *data, size_t size)
{
    (void)fs;
    (void)ino;
    (void)inode;
    (void)data;
    (void)size;
    abort();
}

errcode_t ext2fs_link(ext2_filsys fs, ext2_ino_t directory, const char *name, ext2_ino_t ino,
                      int flags)
{
    (void)fs;
    (void)directory;
    (void)name;
    (void)ino;
    (void)flags;
    abort();
}

errcode_t ext2fs_lookup(ext2_filsys fs, ext2_ino_t directory, const char *name, int len,
                        char *buffer, ext2_ino_t *ino)
{
    (void)fs;
    (void)directory;
    (void)name;
    (void)len;
    (void)buffer;
    (void)ino;
    abort();
}
