/*
 * What the programs that work on files have in common: complaints, paths, whole writes.
 */
#ifndef COMMANDS_FILES_H
#define COMMANDS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A piece that is read and written at a time. */
#define COPY_BYTES 131072u

/* Prints "program: what: the text of errno"; false, for `return complain(...)`. */
bool complain(const char *program, const char *what);
/* The same with a text of one's own instead of errno's. */
bool complain_text(const char *program, const char *what, const char *text);
/* Flushes what was printed. An exit status: `status`, or EXIT_FAILURE and a complaint if that fails. */
int finish_output(const char *program, int status);

/* "directory/name", from malloc; NULL with errno ENOMEM. */
char *path_join(const char *directory, const char *name);
/* The last name of a path and its length, without slashes behind it; "/" for the root. */
const char *path_last(const char *path, size_t *len);
/* Where something goes: into target if it is a directory, else to target itself. From malloc. */
char *path_into(const char *target, const char *source);
bool is_directory(const char *path);
bool is_same_file(const struct stat *one, const struct stat *other);

/* false, with errno set: not all was written. */
bool write_all(int fd, const void *bytes, size_t len);

#endif
