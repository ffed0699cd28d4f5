/*
 * Inside httpd.
 *
 *   main.c        the listening socket, and turns for all connections
 *   connection.c  one connection: reading requests, bodies, sending answers
 *   answer.c      what is answered to a request: the head, and which bytes follow
 *   tree.c        what there is to be served
 *   files.c       ... of the files below a directory
 *   pattern.c     files of any size, for measuring and testing
 *   services.c    what RS says of the services, as it is now
 *   page.c        texts that are made while somebody waits for them
 *
 * One thread. Nothing here waits for a client; what one costs is a struct connection.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <libhttp/http.h>
#include <libsha256/sha256.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTIONS 256u
#define REFUSALS 16u /* connections beyond them that are told 503 */

#define IDLE_US 30000000ul  /* between two requests */
#define STALL_US 30000000ul /* that a client may take to read anything */
#define LINGER_US 2000000ul /* for it to see our end of the connection */
#define BODY_RATE 1024u     /* bytes a second that a body must have on average */

#define SKIPPED_MAX 65536u      /* bytes of a body that nobody wants; beyond it 413 */
#define UPLOAD_MAX (1ull << 30) /* bytes of one that is wanted */
#define ANSWER_HEAD_MAX 4096u   /* a path of HTTP_PATH_MAX may stand in it, encoded */
#define MOVED_AT_ONCE 32768u    /* bytes of content that one turn of a connection moves */

/* Something to be served. */
struct document {
    const char *type; /* media type */
    uint64_t size;
    char etag[HTTP_ETAG_MAX + 1]; /* empty: it changes all the time */
    /* Bytes from offset on, all within the size. False: they can't be had. */
    bool (*read)(const struct document *document, uint64_t offset, void *buffer, size_t len);
    void (*close)(struct document *document); /* NULL: nothing is held */
    const char *text;                         /* its reader's own */
    uint64_t seed;                            /* likewise */
    int fd;                                   /* likewise */
};

/* ---- page.c ---- */

struct page {
    char *text; /* from malloc */
    size_t len, room;
    bool failed; /* memory ran out: the text is of no use */
};
__attribute__((format(printf, 2, 3))) void page_add(struct page *page, const char *format, ...);
/* Characters as they stand in HTML text. */
void page_add_html(struct page *page, const char *text);
/* As they stand in a path. */
void page_add_path(struct page *page, const char *text);
void page_drop(struct page *page);
/* Makes it a document: 200, or 503. The page is used up. */
unsigned page_done(struct page *page, const char *type, struct document *document);

/* ---- tree.c ---- */

/* 200; 301: it is a directory, and its path ends in a slash; or what is wrong. */
unsigned tree_find(const char *path, struct document *document);
void document_close(struct document *document);
/* A media type by the end of a file's name. */
const char *type_of(const char *path);

/* A page about a directory. The path ends in a slash. */
void index_begin(struct page *page, const char *path);
void index_add(struct page *page, const char *path, const char *name, bool is_directory);
unsigned index_end(struct page *page, struct document *document);

/* ---- files.c ---- */

#define FILES_ROOT_MAX 256u
/* The directory whose files are served; NULL: none. At most FILES_ROOT_MAX bytes. */
extern const char *files_root;
/* As tree_find. */
unsigned files_find(const char *path, struct document *document);

/* ---- pattern.c ---- */

/* "SIZE[/SEED]": a number, with K, M or G behind it. False: it isn't one. */
bool pattern_find(const char *name, struct document *document);

/* ---- services.c ---- */

/* 200, or 503 without memory or RS. */
unsigned services_json(struct document *document);
unsigned services_text(struct document *document);

/* ---- answer.c ---- */

struct answer {
    char head[ANSWER_HEAD_MAX]; /* with the content, if that is a line of text */
    size_t head_len;
    struct document document;
    uint64_t at, end; /* bytes of it to be sent; none if they are the same */
};

/* A document or an error, for GET and HEAD. keep_alive: what the connection is going to be. */
void answer_find(struct answer *answer, const struct http_request *request);
/* A status and its text. `fields`: whole lines of the head, or "". */
void answer_status(struct answer *answer, const struct http_request *request, unsigned status,
                   const char *fields);
/* 200 and a text of a line. */
void answer_text(struct answer *answer, const struct http_request *request, const char *text);
/* 100: the body may come. */
void answer_continue(struct answer *answer);
void answer_end(struct answer *answer);

/* ---- connection.c ---- */

struct connection;

/* A request's time from its first byte to the end of its head, in microseconds. */
extern uint64_t request_us;

/* Takes a connected socket over, which is closed with it. refused: there are too many. NULL without
 * memory: the socket is still the caller's. */
struct connection *connection_open(int fd, bool refused);
void connection_close(struct connection *connection);
int connection_fd(const struct connection *connection);
/* What poll() should wait for. */
short connection_events(const struct connection *connection);
uint64_t connection_deadline(const struct connection *connection);
/* Whether it waits for its next request. */
bool connection_is_idle(const struct connection *connection);
/* Goes on as far as one turn allows. False: it is over. */
bool connection_step(struct connection *connection);

#endif
