/*
 * The stage of fstest: see fstest_perform.h.
 */
#include "fstest_perform.h"

#include "../../commands/common/copy.h"
#include "../../commands/common/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool fail(struct stage *stage, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(stage->failure, sizeof(stage->failure), format, arguments);
    va_end(arguments);
    return false;
}

void may_fail(struct verdict *verdict, int error)
{
    if (error != 0 && verdict->count < sizeof(verdict->errors) / sizeof(verdict->errors[0]))
        verdict->errors[verdict->count++] = error;
    /* Links in a loop may make the path too long before there were too many of them. */
    if (error == ELOOP)
        may_fail(verdict, ENAMETOOLONG);
}

bool judge(struct stage *stage, const struct verdict *verdict, int64_t result)
{
    int error = errno;

    stage->done += result >= 0;
    if (verdict->count == 0)
        return result >= 0 || fail(stage, "failed: %s", strerror(error));
    if (result >= 0)
        return fail(stage, "succeeded, but had to fail: %s", strerror(verdict->errors[0]));
    for (unsigned i = 0; i < verdict->count; i++) {
        if (verdict->errors[i] == error)
            return true;
    }
    return fail(stage, "failed with %s, but had to with %s", strerror(error),
                strerror(verdict->errors[0]));
}

const char *stage_path(const struct stage *stage, const char *path)
{
    static char buffers[4][sizeof(stage->directory) + 4096];
    static unsigned turn;
    char *buffer = buffers[turn++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s/%s", stage->directory, path);
    return buffer;
}

bool stage_open(struct stage *stage, const char *outer)
{
    struct stat status;

    *stage = (struct stage){0};
    snprintf(stage->outer, sizeof(stage->outer), "%s", outer);
    snprintf(stage->directory, sizeof(stage->directory), "%s/root", stage->outer);
    stage->root = model_make();
    if (lstat(outer, &status) == 0 && !remove_tree("fstest", outer))
        return fail(stage, "%s is there and can't be removed", outer);
    if (mkdir(outer, 0755) != 0 || mkdir(stage->directory, 0755) != 0)
        return fail(stage, "mkdir %s: %s", outer, strerror(errno));
    return true;
}

void stage_close(struct stage *stage)
{
    for (unsigned i = 0; i < OPERATION_SLOTS; i++) {
        if (stage->slots[i].node != NULL) {
            close(stage->slots[i].fd);
            model_close(stage->slots[i].node);
        }
    }
    model_free(stage->root);
    remove_tree("fstest", stage->outer);
}

bool stage_perform(struct stage *stage, const struct operation *operation)
{
    return operation->kind <= OPERATION_FSYNC ? perform_on_slot(stage, operation)
                                              : perform_on_names(stage, operation);
}
