EXT2FS_DIR := $(BUILD)/deps/e2fsprogs
# Of libext2fs what a mounted file system needs: no whole-image tools, no other I/O managers.
LIBS += libext2fs
libext2fs_SRCS := $(addprefix $(EXT2FS_DIR)/ext2fs/,alloc.c alloc_sb.c alloc_stats.c bitmaps.c \
    bitops.c blkmap64_ba.c blkmap64_rb.c blknum.c block.c bmap.c check_desc.c closefs.c crc16.c \
    crc32c.c csum.c dir_iterate.c dirblock.c extent.c freefs.c gen_bitmap.c gen_bitmap64.c \
    get_num_dirs.c hashmap.c i_block.c ind_block.c inline.c inode.c io_manager.c mmp.c openfs.c \
    rbtree.c read_bb.c rw_bitmaps.c symlink.c)
EXT2FS_INCLUDES := -Iservers/ext2/port -isystem $(EXT2FS_DIR) -isystem $(EXT2FS_DIR)/ext2fs
libext2fs_CFLAGS := $(EXT2FS_INCLUDES)
EXT2FS_PORT := $(wildcard servers/ext2/port/*.h servers/ext2/port/ext2fs/*.h)
libext2fs_DEPS := $(EXT2FS_PORT)

# All but its loop and its cache: host tests have others.
ext2_FILES_SRCS := $(addprefix servers/ext2/,allocate.c bitmaps.c data.c directory.c extents.c \
    files.c indirect.c io.c map.c mount.c names.c namespace.c node.c orphan.c places.c sync.c \
    transaction.c write.c port/absent.c)

PROGRAMS += ext2
ext2_SRCS := $(ext2_FILES_SRCS) servers/ext2/main.c $(wildcard servers/ext2/cache*.c)
ext2_CFLAGS := $(EXT2FS_INCLUDES)
ext2_LIBS := libext2fs libfs libcoro libblk libpeer libchan libanole
ext2_DEPS := $(EXT2FS_PORT)
