/*
 * Inside wget.
 *
 *   main.c      options, attempts and redirections, what is said of the result
 *   exchange.c  one request and its answer, over one connection
 *   target.c    where the content goes
 */
#ifndef WGET_H
#define WGET_H

#include <libhttp/http.h>
#include <libsha256/sha256.h>

#define PATIENCE_MS 30000     /* without a byte, until a connection counts as broken */
#define TRANSFER_BYTES 65536u /* received at a time */

/* The file that content goes to, or nowhere but into the digest. */
struct target {
    const char *name; /* NULL: nowhere; "-": standard output */
    int fd;           /* -1: not open */
    struct sha256 sha;
    uint64_t bytes;
};

/* False, with errno: it can't be opened. Opened when there is content, and once only. */
bool target_open(struct target *target);
/* False, with errno: not all could be written. */
bool target_add(struct target *target, struct http_text content);
/* False, with errno: what was written is lost. */
bool target_close(struct target *target);

enum outcome {
    OUTCOME_DONE,
    OUTCOME_MOVED,  /* the URL was changed */
    OUTCOME_BROKEN, /* the connection: what follows target.bytes may be asked for */
    OUTCOME_FAILED, /* told already */
};

struct download {
    struct http_url url;
    struct target target;
    char etag[HTTP_ETAG_MAX + 1]; /* of what target has the beginning of */
    bool size_known;
    uint64_t size;
    bool quiet;
    uint64_t told_ticks; /* when progress was last said */
};

/* Connects, asks for what is missing, and takes what comes. */
enum outcome exchange(struct download *download);

/* Prints "wget: what: text"; OUTCOME_FAILED. */
enum outcome fails(const char *what, const char *text);

#endif
