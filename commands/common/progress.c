/*
 * How far a long piece of work has come: see progress.h.
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define FIRST_MS 1000
#define AGAIN_MS 500
#define LINE 16

int64_t clock_ms(void)
{
    struct timeval now;

    if (gettimeofday(&now, NULL) != 0)
        return -1;
    return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

char *bytes_text(char *buffer, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0, rest = 0;

    while (bytes >= 1024) {
        rest = (unsigned)(bytes % 1024);
        bytes /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(buffer, LINE, "%" PRIu64 " B", bytes);
    else
        snprintf(buffer, LINE, "%" PRIu64 ".%u %s", bytes, rest * 10 / 1024, units[unit]);
    return buffer;
}

uint64_t bytes_rate(uint64_t bytes, int64_t ms)
{
    uint64_t time_ms = ms > 0 ? (uint64_t)ms : 1;

    return bytes / time_ms * 1000 + bytes % time_ms * 1000 / time_ms;
}

void progress_begin(struct progress *progress, const char *name, uint64_t total)
{
    *progress = (struct progress){.name = name, .total = total, .started_ms = clock_ms()};
    progress->shown_ms = progress->started_ms + FIRST_MS - AGAIN_MS;
    progress->on = progress->started_ms >= 0 && isatty(STDERR_FILENO);
}

static void show(struct progress *progress, int64_t now_ms)
{
    char done[LINE], total[LINE], rate[LINE];

    bytes_text(done, progress->done);
    bytes_text(rate, bytes_rate(progress->done, now_ms - progress->started_ms));
    fprintf(stderr, "\r\033[K%s: %s", progress->name, done);
    if (progress->total > 0)
        fprintf(stderr, " of %s", bytes_text(total, progress->total));
    fprintf(stderr, ", %s/s", rate);
    fflush(stderr);
    progress->shown_ms = now_ms;
    progress->shown = true;
}

void progress_add(struct progress *progress, uint64_t bytes)
{
    progress->done += bytes;
    if (!progress->on)
        return;
    int64_t now_ms = clock_ms();
    if (now_ms - progress->shown_ms >= AGAIN_MS)
        show(progress, now_ms);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->shown = false;
}
