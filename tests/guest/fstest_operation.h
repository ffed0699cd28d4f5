/*
 * Operations of fstest. The n-th one of a seed is what it is whatever happened before it, so that any of
 * them can be left out: a list of numbers is a log.
 */
#ifndef FSTEST_OPERATION_H
#define FSTEST_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPERATION_SLOTS 8u      /* files open at a time */
#define OPERATION_PATH_MAX 800u /* of names that it chooses */
#define OPERATION_DATA_MAX 262144u

enum operation_kind {
    OPERATION_OPEN,
    OPERATION_CLOSE,
    OPERATION_READ,
    OPERATION_WRITE,
    OPERATION_SEEK,
    OPERATION_RESIZE, /* ftruncate */
    OPERATION_FSTAT,
    OPERATION_FSYNC,
    OPERATION_MKDIR,
    OPERATION_RMDIR,
    OPERATION_UNLINK,
    OPERATION_RENAME,
    OPERATION_LINK,
    OPERATION_SYMLINK,
    OPERATION_READLINK,
    OPERATION_STAT,
    OPERATION_TRUNCATE,
    OPERATION_LIST,
    OPERATION_PUT,   /* a whole file */
    OPERATION_CHECK, /* a whole file's bytes */
    OPERATION_KINDS,
};

struct operation {
    enum operation_kind kind;
    unsigned slot;
    int flags; /* of open() */
    int whence;
    int64_t position; /* or size */
    size_t len;
    uint64_t data; /* what bytes are written: a seed */
    char path[OPERATION_PATH_MAX], other[OPERATION_PATH_MAX];
};

/* big: positions beyond 4 GiB, too. */
void operation_make(struct operation *operation, uint64_t seed, uint32_t number, bool big);
/* As it may be read; text is used and returned. */
const char *operation_text(const struct operation *operation, char *text, size_t size);
/* A path as a C string would have it, the long name in short; at least 24 bytes. */
char *path_quote(const char *path, char *text, size_t size);
/* The bytes that a seed means. */
void operation_bytes(uint64_t data, uint8_t *bytes, size_t len);

#endif
