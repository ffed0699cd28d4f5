/*
 * libload: makes a process out of an entry of the boot image. Used by RS (services) and PM (programs).
 *
 * A start has three steps, so that RS can hand a device over between them: load_create, (resources),
 * load_start. Read-only segments are mapped straight from the boot image, so that all instances share
 * them; writable ones are zeroed memory of the child with a copy of what the image holds. The stack
 * ends at USER_STACK_TOP; nothing is ever mapped below it, which is its guard.
 */
#ifndef LIBLOAD_LOAD_H
#define LIBLOAD_LOAD_H

#include <anole/bootimage.h>
#include <anole/layout.h>
#include <anole/process.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the boot image (image.c) ---- */

struct load_image {
    const struct boot_image *image;
    size_t len;
};

/* Maps the kernel's boot image into the caller and checks it. 0 or a negated error. */
int load_image_map(struct load_image *image);
/* Is it a boot image of len bytes in which nothing points outside? 0 or -EINVAL. */
int load_image_check(const struct boot_image *image, size_t len);
/* The entry of that name, or NULL. */
const struct boot_entry *load_find(const struct load_image *image, const char *name);
/* The same, if it is a program. */
const struct boot_entry *load_find_program(const struct load_image *image, const char *name);
/* Bytes of a plain file. */
const void *load_file(const struct load_image *image, const struct boot_entry *entry);

/* ---- executable files (elf.c) ---- */

/*
 * Reads an ELF executable of file_len bytes, of which head_len from the beginning are there (a page is
 * enough), as an entry; its segments' offsets are those in the file. -EINVAL: it isn't one of this
 * machine, linked statically, with at most BOOT_SEGMENTS segments in ascending order.
 */
int load_elf_read(const void *head, size_t head_len, uint64_t file_len, struct boot_entry *program);

/* ---- the startup page (startup.c) ---- */

/*
 * Builds what the child finds at USER_STARTUP_PAGE: the header, with all filled in that follows from
 * the strings, which are NUL-terminated one after the other; the last header->environment_count are no
 * arguments. -EINVAL: the last one isn't terminated, or there are more than STARTUP_ARGUMENTS_MAX.
 * -ENOSPC: more than STARTUP_STRINGS_MAX bytes.
 */
int load_startup_build(struct startup_page *page, const struct startup_page *header,
                       const char *strings, size_t len);

/* ---- processes (load.c) ---- */

struct load_request {
    const struct load_image *image;
    /* Instead of an image: gives len bytes of the program's file from offset on. */
    int (*read)(void *context, uint64_t offset, void *to, size_t len);
    void *context;
    const struct boot_entry *program;
    const struct process_create *create;
    const struct startup_page *header; /* self and stack_bytes are filled in */
    const char *strings;               /* argv, then environment: see load_startup_build */
    size_t strings_len;
    size_t stack_bytes; /* without the strings; rounded up to pages */
};

/* Creates a process that is not started yet; on an error none is left. */
int load_create(const struct load_request *request, endpoint_t *child);
/* Writes its startup page anew: what is in it may have changed since it was created. */
int load_startup_write(const struct load_request *request, endpoint_t child);
/* Starts it; on an error none is left. */
int load_start(const struct boot_entry *program, endpoint_t child);
/* Buries a child that was never started. */
void load_discard(endpoint_t child);
/* Frees what a dead child had. Its DMA pins stay if its device isn't quiet yet. */
int load_bury(endpoint_t corpse);
/* The same, but its death record and its endpoint stay until load_bury. */
int load_strip(endpoint_t corpse);

#endif
