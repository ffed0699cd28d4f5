/*
 * sha256sum [-c] [FILE...]: SHA-256 of files, "-" or none: standard input. -c: the files hold such
 * lines, which are checked. Lines are those of the program of this name elsewhere: the digest, two
 * spaces, the name; a name with a newline or a backslash is written with escapes behind a "\".
 */
#include "common/arguments.h"
#include "common/files.h"
#include "common/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <libsha256/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DIGEST_LEN (SHA256_TEXT - 1)
#define SEPARATOR_LEN 2u

static bool digest_fd(int fd, char hex[SHA256_TEXT])
{
    static uint8_t buffer[COPY_BYTES];
    struct sha256 sha;
    ssize_t count;

    sha256_begin(&sha);
    while ((count = read(fd, buffer, sizeof(buffer))) > 0)
        sha256_add(&sha, buffer, (size_t)count);
    sha256_end(&sha, hex);
    return count == 0;
}

static bool digest_file(const char *name, char hex[SHA256_TEXT])
{
    if (strcmp(name, "-") == 0)
        return digest_fd(STDIN_FILENO, hex) || complain("sha256sum", "standard input");
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return complain("sha256sum", name);
    bool well = digest_fd(fd, hex) || complain("sha256sum", name);
    close(fd);
    return well;
}

static bool print_digest(const char *name)
{
    char hex[SHA256_TEXT];

    if (!digest_file(name, hex))
        return false;
    printf("%s%s  ", strpbrk(name, "\\\n\r") != NULL ? "\\" : "", hex);
    for (; *name != '\0'; name++) {
        if (*name == '\\' || *name == '\n' || *name == '\r')
            printf("\\%c", *name == '\n' ? 'n' : *name == '\r' ? 'r' : '\\');
        else
            putchar(*name);
    }
    putchar('\n');
    return true;
}

/* Undoes the escapes, in place. false: one is unknown. */
static bool unescape(char *name)
{
    char *to = name;

    for (; *name != '\0'; name++) {
        if (*name != '\\') {
            *to++ = *name;
            continue;
        }
        name++;
        if (*name != 'n' && *name != 'r' && *name != '\\')
            return false;
        *to++ = *name == 'n' ? '\n' : *name == 'r' ? '\r' : '\\';
    }
    *to = '\0';
    return true;
}

/* Splits a line, which is changed. false: it is none of ours. */
static bool parse_line(char *line, const char **digest, const char **name)
{
    bool escaped = line[0] == '\\';

    line += escaped;
    if (strspn(line, "0123456789abcdefABCDEF") != DIGEST_LEN || line[DIGEST_LEN] != ' ' ||
        (line[DIGEST_LEN + 1] != ' ' && line[DIGEST_LEN + 1] != '*'))
        return false;
    line[DIGEST_LEN] = '\0';
    *digest = line;
    *name = line + DIGEST_LEN + SEPARATOR_LEN;
    return **name != '\0' && (!escaped || unescape(line + DIGEST_LEN + SEPARATOR_LEN));
}

static bool check_line(char *line)
{
    const char *digest, *name;
    char hex[SHA256_TEXT];

    if (!parse_line(line, &digest, &name))
        return complain_text("sha256sum", line, "not a digest and a name");
    bool well = digest_file(name, hex);
    if (well)
        well = strcasecmp(hex, digest) == 0;
    printf("%s: %s\n", name, well ? "OK" : "FAILED");
    return well;
}

static bool check_stream(FILE *list, const char *name)
{
    struct line line = {0};
    bool well = true;

    while (line_read(&line, list))
        well = check_line(line.text) && well;
    line_free(&line);
    return (feof(list) || complain("sha256sum", name)) && well;
}

static bool check_list(const char *name)
{
    if (strcmp(name, "-") == 0)
        return check_stream(stdin, "standard input");
    FILE *list = fopen(name, "r");
    if (list == NULL)
        return complain("sha256sum", name);
    bool well = check_stream(list, name);
    fclose(list);
    return well;
}

int main(int argc, char *argv[])
{
    bool (*act)(const char *) = print_digest;
    bool well = true;
    int option;

    while ((option = getopt(argc, argv, "c")) != -1) {
        if (option == '?')
            return print_usage("sha256sum [-c] [FILE...]");
        act = check_list;
    }
    if (optind == argc)
        well = act("-");
    for (int i = optind; i < argc; i++)
        well = act(argv[i]) && well;
    return finish_output("sha256sum", well ? EXIT_SUCCESS : EXIT_FAILURE);
}
