/*
 * Patterns become names of files: see expand.h. A path is matched name by name: what is known of it so
 * far are the paths that exist and match its beginning.
 */
#include "expand.h"

#include "../common/files.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool has_pattern(const char *part)
{
    for (; *part != '\0'; part++) {
        if (strchr("*?[", *part) != NULL)
            return true;
        if (*part == '\\' && part[1] != '\0')
            part++;
    }
    return false;
}

/* Adds "path" + "name". */
static bool add_path(struct names *paths, const char *path, const char *name)
{
    size_t len = strlen(path), name_len = strlen(name);
    char *whole = malloc(len + name_len + 1);

    if (whole == NULL)
        return false;
    memcpy(whole, path, len);
    memcpy(whole + len, name, name_len + 1);
    bool added = names_add(paths, whole);
    free(whole);
    return added;
}

/* Adds the names below path ("" or ending with a slash) that match. */
static bool match_names(struct names *matches, const char *path, const char *pattern)
{
    struct names names;
    bool well = true;

    /* What can't be read matches nothing. */
    if (!names_read(&names, *path != '\0' ? path : "."))
        return true;
    for (size_t i = 0; i < names.count && well; i++) {
        if (fnmatch(pattern, names.list[i], FNM_PERIOD) == 0)
            well = add_path(matches, path, names.list[i]);
    }
    names_free(&names);
    return well;
}

/* Replaces the paths by what they and the next part of the pattern make; slashes: those that follow it,
 * so that only directories match. */
static bool extend(struct names *paths, char *part, const char *slashes)
{
    bool is_pattern = has_pattern(part), well = true;
    struct names extended = {0};

    if (!is_pattern)
        pattern_unquote(part);
    for (size_t i = 0; i < paths->count && well; i++)
        well = is_pattern ? match_names(&extended, paths->list[i], part)
                          : add_path(&extended, paths->list[i], part);
    names_free(paths);
    for (size_t i = 0; i < extended.count && well; i++) {
        struct stat status;
        const char *path = extended.list[i];
        bool there = *slashes != '\0'              ? *part == '\0' || is_directory(path)
                     : is_pattern || *part == '\0' ? true
                                                   : lstat(path, &status) == 0;

        if (there)
            well = add_path(paths, path, slashes);
    }
    names_free(&extended);
    return well;
}

/* Adds what the pattern, which is changed, matches. */
static bool expand(struct names *words, char *pattern)
{
    struct names paths = {0};
    bool well = names_add(&paths, "");

    while (*pattern != '\0' && well) {
        size_t len = strcspn(pattern, "/"), slashes_len = strspn(pattern + len, "/");
        char *part = strndup(pattern, len), *slashes = strndup(pattern + len, slashes_len);

        well = part != NULL && slashes != NULL && extend(&paths, part, slashes);
        free(part);
        free(slashes);
        pattern += len + slashes_len;
    }
    names_sort(&paths);
    for (size_t i = 0; i < paths.count && well; i++)
        well = names_add(words, paths.list[i]);
    names_free(&paths);
    return well;
}

bool expand_words(const struct command *command, struct names *words)
{
    bool well = true;

    *words = (struct names){0};
    for (unsigned i = 0; i < command->argc && well; i++) {
        if ((command->patterns >> i & 1) == 0) {
            well = names_add(words, command->argv[i]);
            continue;
        }
        size_t before = words->count;
        char *word = strdup(command->argv[i]);
        well = word != NULL && expand(words, word);
        if (well && words->count == before) {
            pattern_unquote(word);
            well = names_add(words, word);
        }
        free(word);
    }
    if (!well)
        names_free(words);
    return well;
}
