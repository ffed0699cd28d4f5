/*
 * fstest's group raw: requests to vfs and file servers by message, as the C library makes them and
 * as it never would, against the same model. Each may be made again under its number: it is done
 * once.
 */
#ifndef FSTEST_RAW_H
#define FSTEST_RAW_H

#include "chance.h"
#include "fstest_perform.h"

#include <libanole/anole.h>
#include <proto/rs.h>
#include <proto/vfs.h>

#define RAW_FILES 6u
#define RAW_BUFFER 24576u
#define RAW_NO_WORD 5u /* of no answer */

/* A file that is open at a file server. */
struct raw_file {
    struct node *node; /* NULL: none is */
    char service[RS_NAME_LEN];
    uint64_t number;
    uint64_t flags; /* FS_O_* */
    uint64_t position;
};

struct raw {
    struct stage stage;
    struct chance chance;      /* for one operation */
    char service[RS_NAME_LEN]; /* of the stage's files */
    struct raw_file files[RAW_FILES];
    uint64_t number; /* the last operation's */
    uint64_t repeated;
};

/* A request, made anew at each instance of the service, with grants of its own. */
struct raw_request {
    const char *service;
    uint32_t type;
    uint64_t word[MESSAGE_WORDS - 1];
    struct raw_grant {
        const void *bytes; /* NULL: none */
        size_t len;
        unsigned access, at; /* at: its word */
    } grant[2];
};

/* ---- fstest_raw_ask.c ---- */
/* Asks under a new number: the status; what came back is in *answer. */
int raw_ask(struct raw *raw, const struct raw_request *request, struct message *answer);
/* The same, and now and then twice: the second answer's status and the word'th word must be those
 * of the first. false: they weren't, or the status isn't as the verdict says. */
bool raw_ask_judged(struct raw *raw, const struct raw_request *request, unsigned word,
                    const struct verdict *verdict, struct message *answer);
/* Puts paths of the stage into a request to vfs; second: NULL. One request at a time. */
void raw_paths(struct raw *raw, struct raw_request *request, const char *first, const char *second);
/* A path of one or two short names. */
const char *raw_path_make(struct raw *raw, char path[8]);

/* ---- fstest_raw_files.c, fstest_raw_names.c: operations. false: one went wrong ---- */
bool raw_open(struct raw *raw);
bool raw_close(struct raw *raw);
bool raw_read(struct raw *raw);
bool raw_write(struct raw *raw);
bool raw_seek(struct raw *raw);
bool raw_truncate(struct raw *raw);
bool raw_sync(struct raw *raw);

bool raw_mkdir(struct raw *raw);
bool raw_remove(struct raw *raw);
bool raw_rename(struct raw *raw);
bool raw_link(struct raw *raw);
bool raw_stat(struct raw *raw);
bool raw_list(struct raw *raw);
bool raw_nonsense(struct raw *raw);
/* Finds out whose files the stage's are. */
bool raw_begin(struct raw *raw);

#endif
