/*
 * filetest DIRECTORY [GROUP...]: files as programs see them, through the C library and below it. Each
 * group makes its own directory in DIRECTORY and removes it; what it finds must be as POSIX has it.
 */
#include "filetest.h"

#include <dirent.h>

const char test_name[] = "filetest";

/* Removes what is in the working directory, and what is in that. */
static void empty(void)
{
    DIR *directory = opendir(".");
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type == DT_DIR && chdir(entry->d_name) == 0) {
            empty();
            CHECK(chdir("..") == 0);
        }
        CHECK(remove(entry->d_name) == 0);
    }
    if (directory)
        CHECK(closedir(directory) == 0);
}

void enter(const char *group)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/filetest-%s", test_subject, group);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        printf("%s: %s\n", path, strerror(errno));
    if (CHECK(chdir(path) == 0))
        empty();
}

void make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
}

bool content_is(const char *path, const char *text)
{
    char buffer[256] = {0};
    int fd = open(path, O_RDONLY);
    ssize_t len = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);

    if (fd >= 0)
        close(fd);
    return len == (ssize_t)strlen(text) && strcmp(buffer, text) == 0;
}

int main(int argc, char *argv[])
{
    static const struct group groups[] = {
        {"data", group_data},
        {"append", group_append},
        {"holes", group_holes},
        {"access", group_access},
        {"stdio", group_stdio},
        {"names", group_names},
        {"rename", group_rename},
        {"links", group_links},
        {"directory", group_directory},
        {"attributes", group_attributes},
        {"working-directory", group_working_directory},
        {"descriptors", group_descriptors},
        {"inherit", group_inherit},
        {"poll", group_poll},
        {"raw-files", group_raw_files},
        {"raw-paths", group_raw_paths},
        {"raw-devices", group_raw_devices},
        {"floods", group_floods},
        {"once", group_once},
    };
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
        .subject_name = "DIRECTORY",
    };

    if (argc == 2 && strcmp(argv[1], "--inherited") == 0)
        return inherited_main();
    return test_main(&program, argc, argv);
}
