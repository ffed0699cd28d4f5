/*
 * What the shell does itself, and one line of help for every program that it knows of.
 */
#ifndef SHELL_BUILTINS_H
#define SHELL_BUILTINS_H

struct shell;

struct builtin {
    const char *name;
    const char *usage;   /* arguments */
    const char *summary; /* what it does */
    /* NULL: it is a program */
    int (*run)(struct shell *shell, unsigned argc, const char *const argv[]);
};

/* NULL: unknown here, which doesn't mean that there is no such program. */
const struct builtin *builtin_find(const char *name);
/* The n-th name for completion; NULL behind the last one. */
const char *builtin_name(void *context, unsigned n);

#endif
