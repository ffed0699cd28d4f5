/*
 * The boot image: every program and file that the system starts from, made by tools/mkimage and
 * linked behind the kernel. All of it stays in memory, so that anything can be restarted without a
 * disk. Offsets are from the image's start; data of an entry begins on a page.
 */
#ifndef ANOLE_BOOTIMAGE_H
#define ANOLE_BOOTIMAGE_H

#include <assert.h>
#include <stdint.h>

#define BOOT_IMAGE_MAGIC 0x31454c4f4e41ul /* "ANOLE1" */
#define BOOT_NAME_LEN 32
#define BOOT_SEGMENTS 4

struct boot_segment {
    uint64_t vaddr;       /* page-aligned */
    uint64_t memory_len;  /* bytes; what is beyond file_len is zero */
    uint64_t file_offset; /* page-aligned, zero-padded to whole pages */
    uint64_t file_len;
    uint32_t prot; /* PROT_*_BIT; never write and execute together */
    uint32_t reserved;
};
static_assert(sizeof(struct boot_segment) == 40, "layout shared with tools/mkimage");

#define BOOT_PROGRAM 1u /* segments and entry are valid */
#define BOOT_FLOAT 2u   /* built for floating point */

struct boot_entry {
    char name[BOOT_NAME_LEN]; /* NUL-terminated: "rs", "virtio_blk", "system.dtb" */
    uint32_t flags;
    uint32_t segment_count;
    uint64_t offset; /* of a plain file's bytes */
    uint64_t len;
    uint64_t entry;  /* pc to start at */
    uint64_t inject; /* address of libanole's fault gadgets (symbol anole_inject), or 0 */
    struct boot_segment segment[BOOT_SEGMENTS];
};
static_assert(sizeof(struct boot_entry) == 32 + 8 + 32 + 160, "layout shared with tools/mkimage");

struct boot_image {
    uint64_t magic;
    uint64_t len; /* of the whole image, a multiple of the page size */
    uint32_t entry_count;
    uint32_t reserved;
    struct boot_entry entry[];
};

/*
 * Gadgets at boot_entry.inject, 16 bytes each, for RS's fault injection by PROCESS_REGS
 * (lib/libanole/inject.S).
 */
enum inject_gadget {
    INJECT_GADGET_LOAD = 0,       /* load from an unmapped page */
    INJECT_GADGET_STORE = 1,      /* store to an unmapped page */
    INJECT_GADGET_ILLEGAL = 2,    /* illegal instruction */
    INJECT_GADGET_PRIVILEGED = 3, /* write to a supervisor CSR */
    INJECT_GADGET_OVERFLOW = 4,   /* push until the guard page */
    INJECT_GADGET_SPIN = 5,       /* endless loop */
    INJECT_GADGET_SLEEP = 6,      /* wait for nothing, for ever */
    INJECT_GADGETS = 7,
};
#define INJECT_GADGET_SIZE 16

#endif
