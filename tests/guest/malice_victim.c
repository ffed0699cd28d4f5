/*
 * malice: the victim: another process with memory granted, a region offered, a doorbell made and a
 * caller kept waiting, all for the first process and nobody else.
 */
#include "malice.h"

#include <stdio.h>
#include <stdlib.h>

#define PATTERN 77
#define PATTERN_BYTES 0x10000u
#define BELL_BIT 9

static struct caller held = {.deadline_ticks = DEADLINE_NEVER};
static unsigned char copy[PATTERN_BYTES];

/* A request of the owner's: ends the program if the victim refuses it. */
static uint64_t ask(endpoint_t victim, enum child_request type, uint64_t w0, uint64_t w1,
                    uint64_t w2)
{
    struct message message = {.word = {w0, w1, w2}};
    int status = child_call(victim, type, &message);

    if (status != 0) {
        printf("FAIL the victim can't be had: %s\n", anole_error_text(status));
        exit(1);
    }
    return message.word[0];
}

void victim_start(struct victim *victim)
{
    endpoint_t child = child_start();

    victim->owner = startup_page()->self;
    victim->endpoint = child;
    victim->grant = ask(child, CHILD_GRANT, PATTERN_BYTES, GRANT_READ, PATTERN);
    victim->offer = ask(child, CHILD_REGION, PATTERN_BYTES, PROT_READ_BIT, PATTERN + 1);
    victim->bell = ask(child, CHILD_DOORBELL, BELL_BIT, 0, 0);
    held.message = (struct message){.endpoint = child, .type = CHILD_HOLD, .word = {PATTERN}};
    caller_start(&held);
    victim->held = held.thread;
}

static bool claim(bool ok, const char *what)
{
    if (!ok)
        printf("FAIL the victim: %s\n", what);
    return ok;
}

bool victim_is_unharmed(const struct victim *victim)
{
    struct message message = {.word = {PATTERN}};
    void *region = NULL;
    bool ok = claim(child_call(victim->endpoint, CHILD_ECHO, &message) == 0 &&
                        message.word[0] == PATTERN + 1,
                    "doesn't answer");

    message = (struct message){0};
    ok &= claim(child_call(victim->endpoint, CHILD_RUNG, &message) == 0 && message.word[0] == 0,
                "a bit rang that nobody may ring");
    ok &= claim(
        kcall_copy(victim->endpoint, victim->grant, 0, copy, PATTERN_BYTES, COPY_FROM_GRANT) == 0 &&
            pattern_check(copy, PATTERN_BYTES, PATTERN),
        "its memory was changed");
    if (claim(kcall_region_map(victim->endpoint, victim->offer, 0, PATTERN_BYTES, PROT_READ_BIT,
                               &region) == 0,
              "its region is gone")) {
        ok &= claim(pattern_check(region, PATTERN_BYTES, PATTERN + 1), "its region was changed");
        ok &= claim(kcall_unmap(region, PATTERN_BYTES) == 0, "its region can't be unmapped");
    } else {
        ok = false;
    }
    return ok & claim(!atomic_load(&held.done), "its held caller was answered");
}

bool victim_end(const struct victim *victim)
{
    struct message message = {.word = {1}};
    bool ok = claim(
        child_call(victim->endpoint, CHILD_RELEASE, &message) == 0 && caller_wait(&held) &&
            held.status == 0 && message_status(&held.message) == 0 &&
            held.message.endpoint == victim->endpoint && held.message.word[0] == PATTERN,
        "its held caller got another answer");

    return claim(child_end(victim->endpoint), "didn't end as told") && ok;
}

void victim_to_arguments(const struct victim *victim, char text[VICTIM_WORDS][24])
{
    const uint64_t words[VICTIM_WORDS] = {victim->owner, victim->endpoint, victim->held,
                                          victim->grant, victim->offer,    victim->bell};

    for (unsigned i = 0; i < VICTIM_WORDS; i++)
        snprintf(text[i], sizeof(text[i]), "%lu", (unsigned long)words[i]);
}

void victim_from_arguments(struct victim *victim, char *const argument[VICTIM_WORDS])
{
    victim->owner = (endpoint_t)strtoul(argument[0], NULL, 10);
    victim->endpoint = (endpoint_t)strtoul(argument[1], NULL, 10);
    victim->held = (endpoint_t)strtoul(argument[2], NULL, 10);
    victim->grant = strtoul(argument[3], NULL, 10);
    victim->offer = strtoul(argument[4], NULL, 10);
    victim->bell = strtoul(argument[5], NULL, 10);
}
