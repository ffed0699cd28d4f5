/*
 * servfuzz: what its files share. The first process (servfuzz.c) judges; its children attack, each in one
 * way, and end with a status of their own.
 */
#ifndef SERVFUZZ_H
#define SERVFUZZ_H

#include "chance.h"
#include <libanole/anole.h>
#include <proto/rs.h>

#define PROGRAM "servfuzz"

/* A server that can be attacked. */
struct target {
    const char *name;
    uint32_t protocol; /* enum message_protocol */
    uint32_t types;    /* numbers of the protocol's requests are below that */
    uint32_t pool;     /* frames that it may keep for the next requests: stacks of coroutines */
};

/* 0, or 1 with a line on standard output: what a child's exit status says. */
#define ATTACK_FAILED 1
#define ATTACK_DONE 0

/* Sends so many random and nearly valid requests. Fails if the server dies of one, or does what this
 * program has no right to. (servfuzz_messages.c) */
int attack_messages(const struct target *target, uint64_t seed, uint64_t count);

/* ---- servfuzz_floods.c ---- */
/* Subscribes to names until RS refuses; then stays for a while. */
int attack_subscriptions(void);
/* Spawns itself until pm refuses, its children likewise; then all stay for a while. */
int attack_spawns(unsigned depth);
/* Has threads that wait for a program's end, and ends while pm holds them. */
int attack_held(bool killed);
/* Spawns programs that end at once, and never asks what became of them. */
int attack_results(void);
/* Lives for that many milliseconds. */
int nap(unsigned ms);

#endif
