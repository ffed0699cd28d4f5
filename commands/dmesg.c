/*
 * dmesg: the kernel's log. Its lines are "L ssss.uuuuuu text" with L the digit of enum log_level.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <string.h>

/* A line being put together from the pieces that are read. */
struct log_line {
    char text[512];
    size_t len;
};

static void print_line(const struct log_line *line, uint64_t max_level)
{
    const char *text = line->text;

    /* The oldest line may have lost its beginning to newer ones. */
    if (line->len < 2 || text[0] < '0' || text[0] > '9' || text[1] != ' ')
        return;
    if ((uint64_t)(text[0] - '0') > max_level)
        return;
    const char *time = text + 2;
    size_t time_len = strspn(time, " ");
    time_len += strcspn(time + time_len, " ");
    printf("[%.*s]%s\n", (int)time_len, time, time + time_len);
}

static void add_text(struct log_line *line, const char *text, size_t len, uint64_t max_level)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            line->text[line->len] = '\0';
            print_line(line, max_level);
            line->len = 0;
        } else if (line->len < sizeof(line->text) - 1) {
            line->text[line->len++] = text[i];
        }
    }
}

int main(int argc, char *argv[])
{
    static char buffer[2048];
    static struct log_line line;
    uint64_t max_level = LOG_DEBUG, position = 0;
    struct system_info system;
    size_t count;

    if (argc != 1 &&
        (argc != 3 || strcmp(argv[1], "-l") != 0 || !parse_number(argv[2], LOG_DEBUG, &max_level)))
        return print_usage("dmesg [-l LEVEL]    0 errors, 1 warnings, 2 information, 3 all");

    /* What is logged from now on isn't waited for, or the log would never end. */
    int status = kcall_system_info(&system);
    while (status == 0 && position < system.log_end) {
        status = kcall_log_read(position, buffer, sizeof(buffer), &position, &count);
        if (status != 0 || count == 0)
            break;
        add_text(&line, buffer, count, max_level);
    }
    if (status != 0) {
        fprintf(stderr, "dmesg: the log can't be read: %s\n", anole_error_text(status));
        return 1;
    }
    return 0;
}
