/*
 * Operations done at once on the file system and on the model, and compared.
 */
#ifndef FSTEST_PERFORM_H
#define FSTEST_PERFORM_H

#include "fstest_model.h"
#include "fstest_operation.h"

#include <stdarg.h>

#define FAILURE_TEXT 512

/* A file that is open, in both worlds. */
struct slot {
    struct node *node; /* NULL: nothing is open */
    int fd, flags;
    int64_t position;
};

struct stage {
    char outer[256];     /* a directory of our own */
    char directory[264]; /* the tree in it: its top's ".." is nobody else's either */
    struct node *root;
    struct slot slots[OPERATION_SLOTS];
    uint64_t done;              /* operations that weren't refused */
    char failure[FAILURE_TEXT]; /* what was wrong */
};

/* An empty tree. false: failure says why not. */
bool stage_open(struct stage *stage, const char *outer);
/* Closes what is open and removes the tree, in both worlds. */
void stage_close(struct stage *stage);

/* false: the file system did something else than it ought to: stage->failure says what. */
bool stage_perform(struct stage *stage, const struct operation *operation);
/* Compares all there is. */
bool stage_verify(struct stage *stage);

/* ---- shared by the files of this part ---- */
/* What an operation may fail with; it must, if there is any. */
struct verdict {
    int errors[8];
    unsigned count;
};
void may_fail(struct verdict *verdict, int error); /* 0: nothing */
/* Whether result (negative: errno) is as the verdict says. */
bool judge(struct stage *stage, const struct verdict *verdict, int64_t result);
/* Says what is wrong: false. */
__attribute__((format(printf, 2, 3))) bool fail(struct stage *stage, const char *format, ...);
/* The path in the file system; one of four buffers that are used in turn. */
const char *stage_path(const struct stage *stage, const char *path);

bool perform_on_slot(struct stage *stage, const struct operation *operation);
bool perform_on_names(struct stage *stage, const struct operation *operation);

struct stat;
bool check_status(struct stage *stage, const struct node *node, const struct stat *status);
bool check_bytes(struct stage *stage, const struct node *file, int fd);
bool check_list(struct stage *stage, const struct node *directory, const char *path);

#endif
