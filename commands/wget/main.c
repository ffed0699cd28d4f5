/*
 * wget [-q] [-t TRIES] [-O FILE] [--sha256] URL: fetches a page (HTTP/1.1) into a file: that of its
 * name in the URL, or FILE ("-": standard output).
 *
 *   -q        says nothing of progress
 *   -t        attempts without a byte between them, 5 unless said otherwise
 *   --sha256  keeps nothing unless -O is there, and says what the digest is
 *
 * A connection that breaks is made again, and goes on where it broke off if the server can do that and
 * the page is still the same. Exit status: 0 if all of it came.
 */
#include "wget.h"

#include "../common/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOVES_MAX 10u
#define PAUSE_US 1000000ul /* before another attempt */

struct options {
    const char *url, *file;
    uint64_t tries;
    bool quiet, digest;
};

static bool read_options(int argc, char *argv[], struct options *options)
{
    static const struct option longs[] = {{"sha256", no_argument, NULL, 'H'}, {0}};
    int option;

    *options = (struct options){.tries = 5};
    while ((option = getopt_long(argc, argv, "qt:O:", longs, NULL)) != -1) {
        if (option == 'q')
            options->quiet = true;
        else if (option == 'O')
            options->file = optarg;
        else if (option == 'H')
            options->digest = true;
        else if (option != 't' || !parse_number(optarg, 1000, &options->tries))
            return false;
    }
    options->url = argv[optind];
    return optind == argc - 1 && options->tries > 0;
}

/* What the URL calls it. */
static const char *file_of(const struct http_url *url)
{
    static char name[HTTP_PATH_MAX + 1];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(url->target, "?"), url->target);
    const char *last = strrchr(name, '/') + 1;
    return *last ? last : "index.html";
}

static bool gives_up(const char *what, const char *text)
{
    (void)fails(what, text);
    return false;
}

/* Goes on until it is done or hopeless. */
static bool fetch(struct download *download, uint64_t tries)
{
    unsigned moves = 0;
    uint64_t left = tries;

    for (;;) {
        uint64_t before = download->target.bytes;
        enum outcome outcome = exchange(download);
        if (outcome == OUTCOME_DONE || outcome == OUTCOME_FAILED)
            return outcome == OUTCOME_DONE;
        if (outcome == OUTCOME_MOVED) {
            if (moves++ == MOVES_MAX)
                return gives_up(download->url.host, "too many redirections");
            continue;
        }
        left = download->target.bytes > before ? tries : left - 1;
        if (left == 0)
            return gives_up(download->url.host, "no attempt is left");
        if (download->target.bytes > 0 && download->etag[0] != '"')
            return gives_up(download->url.host, "the connection broke, and it can't go on");
        if (download->target.bytes > 0)
            fprintf(stderr, "wget: the connection broke after %llu bytes\n",
                    (unsigned long long)download->target.bytes);
        sleep_us(PAUSE_US);
    }
}

static void tell(struct download *download, const struct options *options, uint64_t us)
{
    unsigned long long bytes = download->target.bytes;
    char hex[SHA256_TEXT];

    if (options->digest) {
        sha256_end(&download->target.sha, hex);
        fprintf(stderr, "received %llu bytes, sha256 %s\n", bytes, hex);
    }
    if (!options->quiet)
        fprintf(stderr, "%llu bytes in %llu.%03llu s\n", bytes, (unsigned long long)us / 1000000,
                (unsigned long long)us / 1000 % 1000);
}

int main(int argc, char *argv[])
{
    static struct download download = {.target.fd = -1};
    struct options options;
    uint64_t begin = ticks_now();

    if (!read_options(argc, argv, &options))
        return print_usage("wget [-q] [-t TRIES] [-O FILE] [--sha256] URL");
    if (!http_url_read(options.url, &download.url)) {
        (void)fails(options.url, "no http:// URL");
        return EXIT_USAGE;
    }
    download.quiet = options.quiet;
    download.told_ticks = begin;
    download.target.name = options.file     ? options.file
                           : options.digest ? NULL
                                            : file_of(&download.url);
    sha256_begin(&download.target.sha);
    bool well = fetch(&download, options.tries);
    if (!target_close(&download.target))
        well = gives_up(download.target.name, strerror(errno));
    if (well)
        tell(&download, &options, ticks_to_us(ticks_now() - begin));
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
