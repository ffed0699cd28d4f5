/*
 * The shell's builtins and its help.
 */
#include "builtins.h"

#include "execute.h"
#include "script.h"

#include "../common/arguments.h"
#include "../common/files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run_help(struct shell *shell, unsigned argc, const char *const argv[]);
static int run_echo(struct shell *shell, unsigned argc, const char *const argv[]);
static int run_cd(struct shell *shell, unsigned argc, const char *const argv[]);
static int run_pwd(struct shell *shell, unsigned argc, const char *const argv[]);
static int run_true(struct shell *shell, unsigned argc, const char *const argv[]);
static int run_false(struct shell *shell, unsigned argc, const char *const argv[]);

static const struct builtin builtins[] = {
    {"help", "[COMMAND]", "this list, or one command of it", run_help},
    {"echo", "[-n] [WORD...]", "prints its arguments", run_echo},
    {"cd", "[DIRECTORY]", "changes the working directory, to / if none is given", run_cd},
    {"pwd", "", "the working directory", run_pwd},
    {"source", "FILE", "runs a script", run_source},
    {"sh", "FILE", "runs a script; the working directory stays", run_sh},
    {"exit", "[STATUS]", "ends a script", run_exit},
    {"true", "", "succeeds", run_true},
    {"false", "", "fails", run_false},
    {"ls", "[-l] [-a] [PATH...]", "the names in directories", NULL},
    {"cat", "[FILE...]", "writes files one after another", NULL},
    {"cp", "[-r] [-p] SOURCE... TARGET", "copies files; -r directories, -p with modes and times",
     NULL},
    {"mv", "SOURCE... TARGET", "renames, or moves to another mount", NULL},
    {"rm", "[-r] [-f] PATH...", "removes files; -r directories", NULL},
    {"mkdir", "[-p] DIRECTORY...", "makes directories", NULL},
    {"ln", "[-s] TARGET NAME", "makes another name, or a symbolic link", NULL},
    {"touch", "FILE...", "makes files, or sets their times to now", NULL},
    {"truncate", "-s BYTES FILE...", "makes files that long", NULL},
    {"stat", "PATH...", "all that is known of files", NULL},
    {"dd",
     "[if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc,fsync] [status=none]",
     "copies blocks of files", NULL},
    {"sha256sum", "[-c] [FILE...]", "digests of files; -c checks them", NULL},
    {"df", "[PATH...]", "room on what is mounted", NULL},
    {"mount", "[-r] [-t TYPE] SOURCE DIRECTORY", "mounts a disk, or shows what is mounted", NULL},
    {"umount", "DIRECTORY...", "ends mounts", NULL},
    {"sync", "[FILE...]", "makes durable what was written", NULL},
    {"service",
     "list | status NAME | start|stop|kill|restart|complain NAME | spare NAME on|off | log [NAME]",
     "shows and controls services", NULL},
    {"ps", "", "processes and what they use", NULL},
    {"lsdev", "[-v]", "devices; -v: all that is known of them", NULL},
    {"virtio", "dump NAME", "what a virtio driver and its device think of each other", NULL},
    {"dmesg", "[-l LEVEL]", "the kernel's log", NULL},
    {"wget", "[-q] [-t TRIES] [-O FILE] [--sha256] URL", "fetches a page", NULL},
    {"uptime", "", "time since the start, load and memory", NULL},
    {"date", "", "the wall-clock time (UTC)", NULL},
    {"sleep", "SECONDS", "waits", NULL},
    {"hexdump", "FILE|DEV [OFFSET [LEN]]", "bytes of a file or a disk", NULL},
    {"host", "NAME", "the addresses that belong to a name", NULL},
    {"httpd", "[-c CONNECTIONS] [-p PORT] [-r DIRECTORY] [-t SECONDS]", "a web server", NULL},
    {"ifconfig",
     "[NAME [up|down|dhcp|nodhcp|IP/BITS|gw IP|add IP6|del IP6|mtu BYTES|dns IP|none]...]",
     "shows and changes network interfaces", NULL},
    {"netstat", "[-l | -s]", "sockets; -l: listening ones; -s: counters", NULL},
    {"random", "[BYTES]", "bytes of the entropy device", NULL},
    {"nc", "[-46dlu] [-w SECONDS] [--send BYTES] [--seed N] [--sha256] [HOST] PORT",
     "moves data to and from a port", NULL},
    {"netbench", "-s | -c HOST [-u] [-t SECONDS] [--reverse | --both | --rr]",
     "measures the network; speaks iperf 2", NULL},
    {"ping", "[-o] [-c COUNT] [-i SECONDS] [-s BYTES] HOST", "asks a host for echoes", NULL},
    {"poweroff", "[STATUS]", "stops all services and the machine", NULL},
    {"reboot", "", "stops all services and starts anew", NULL},
    {"blktest", "DEV [--rw] [--seed N] [--group G] [--channel|--message]",
     "tests a block driver by request messages", NULL},
    {"nettest", "DRIVER [GROUP...]", "tests a network driver by request messages", NULL},
    {"socktest", "[GROUP...]", "tests the network server's sockets", NULL},
    {"filetest", "DIRECTORY [GROUP...]", "tests files in a directory", NULL},
    {"buffertest", "DEV --reads SECTOR --writes SECTOR --late-ms N",
     "tests that late answers touch nobody's memory", NULL},
    {"ipctest", "[GROUP...]", "tests the kernel's calls", NULL},
    {"handletest", "[GROUP...]", "tests grants, regions and all other handles", NULL},
    {"rngtest", "[GROUP...]", "tests the entropy driver", NULL},
    {"corotest", "", "tests coroutines on stacks of this machine", NULL},
    {"fstest", "[--dir DIR] [--seed N] [--ops N] [--big] [--shrink] [--only N,N-N...] [GROUP...]",
     "tests a file system", NULL},
    {"fptest", "", "tests that floating-point state is kept", NULL},
    {"malice", "[--attempts N] [--seed S] [--group G]", "attacks the kernel", NULL},
    {"faulttest", "SERVICE KIND|all|sweep [--rw]", "orders deaths and times the recoveries", NULL},
    {"together", "[--apart MS] PROGRAM [ARG...] [-- PROGRAM [ARG...]]...", "runs programs at once",
     NULL},
    {"killing",
     "[--least N] [--most N] SERVICE[:FAULT] MS [SERVICE[:FAULT] MS]... -- PROGRAM [ARG...]",
     "runs a program while services are killed, or commit faults", NULL},
    {"servfuzz", "[--seed N] [--requests N] [rs|devman|pm...]", "attacks the servers", NULL},
    {"ipcbench", "[ROUNDS]", "times system calls and messages", NULL},
    {"blkbench", "DEV", "times reads of a disk", NULL},
    {"filebench", "DIRECTORY DISK write|read|random|names|remove...", "times files", NULL},
    {"recoverybench", "SERVICE [--kills N] [--under-load DISK]", "times recoveries by phase", NULL},
    {"writebench", "DISK SERVICE", "writes, with and without deaths of the driver", NULL},
    {"boottime", "", "when each service was ready", NULL},
};

#define BUILTINS (sizeof(builtins) / sizeof(builtins[0]))

const struct builtin *builtin_find(const char *name)
{
    for (unsigned i = 0; i < BUILTINS; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return &builtins[i];
    }
    return NULL;
}

const char *builtin_name(void *context, unsigned n)
{
    (void)context;
    return n < BUILTINS ? builtins[n].name : NULL;
}

static int run_help(struct shell *shell, unsigned argc, const char *const argv[])
{
    (void)shell;
    if (argc > 2)
        return print_usage("help [COMMAND]");
    if (argc == 2) {
        const struct builtin *builtin = builtin_find(argv[1]);

        if (builtin == NULL) {
            printf("help: nothing is known of %s\n", argv[1]);
            return 1;
        }
        printf("%s %s\n    %s\n", builtin->name, builtin->usage, builtin->summary);
        return 0;
    }
    for (unsigned i = 0; i < BUILTINS; i++)
        printf("  %-14s %s\n", builtins[i].name, builtins[i].summary);
    printf("\n"
           "  a; b   a, then b          'x y'  \"x y\"  x\\ y   one word\n"
           "  a && b  b if a succeeded   $?              status of the last command\n"
           "  a || b  b if a failed      Ctrl-C          ends the running program\n"
           "  a <f >g >>h 2>&1           *  ?  [a-z]     names of files\n");
    return 0;
}

static int run_true(struct shell *shell, unsigned argc, const char *const argv[])
{
    (void)shell;
    (void)argc;
    (void)argv;
    return EXIT_SUCCESS;
}

static int run_false(struct shell *shell, unsigned argc, const char *const argv[])
{
    (void)shell;
    (void)argc;
    (void)argv;
    return EXIT_FAILURE;
}

static int run_echo(struct shell *shell, unsigned argc, const char *const argv[])
{
    unsigned first = argc > 1 && strcmp(argv[1], "-n") == 0 ? 2 : 1;

    (void)shell;
    for (unsigned i = first; i < argc; i++)
        printf("%s%s", i > first ? " " : "", argv[i]);
    if (first == 1)
        printf("\n");
    return EXIT_SUCCESS;
}

static int run_cd(struct shell *shell, unsigned argc, const char *const argv[])
{
    const char *directory = argc > 1 ? argv[1] : "/";

    (void)shell;
    if (argc > 2)
        return print_usage("cd [DIRECTORY]");
    if (chdir(directory) == 0)
        return EXIT_SUCCESS;
    complain("cd", directory);
    return EXIT_FAILURE;
}

static int run_pwd(struct shell *shell, unsigned argc, const char *const argv[])
{
    char *directory = malloc(PATH_MAX);
    bool known = directory != NULL && getcwd(directory, PATH_MAX) != NULL;

    (void)shell;
    (void)argc;
    (void)argv;
    if (known)
        printf("%s\n", directory);
    else
        complain("pwd", "working directory");
    free(directory);
    return known ? EXIT_SUCCESS : EXIT_FAILURE;
}
