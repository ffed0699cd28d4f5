/*
 * servfuzz: requests that nobody should send. Their type is one of the server's, mostly; their words
 * are names that exist, endpoints that live, grants that are right, too short, of the wrong direction,
 * revoked or never made, doorbells, small numbers, and noise.
 */
#include "servfuzz.h"
#include <proto/common.h>
#include <proto/devman.h>
#include <proto/pm.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 8192ul
#define GRANTS 6u
#define LONGEST_US 3000u /* that it waits for an answer */

struct attacker {
    struct chance chance;
    const struct target *target;
    endpoint_t server;
    handle_t grants[GRANTS];
    handle_t doorbell;
    uint64_t answered;
};

static _Alignas(PAGE_SIZE) char buffer[BUFFER_BYTES];

/* ---- what words are made of ---- */

static void grants_make(struct attacker *attacker)
{
    static const char spawned[] = PROGRAM "\0--attack\0nap\0"
                                          "20\0";
    endpoint_t server = attacker->server;
    handle_t *grants = attacker->grants;

    memcpy(buffer, spawned, sizeof(spawned));
    (void)kcall_grant(server, buffer, sizeof(spawned) - 1, GRANT_READ, &grants[0]);
    (void)kcall_grant(server, buffer, BUFFER_BYTES, GRANT_READ | GRANT_WRITE, &grants[1]);
    (void)kcall_grant(server, buffer + 7, 3, GRANT_WRITE, &grants[2]);
    (void)kcall_grant(server, (void *)USER_MAP_BASE, BUFFER_BYTES, GRANT_WRITE, &grants[3]);
    (void)kcall_grant(startup_page()->self, buffer, BUFFER_BYTES, GRANT_WRITE, &grants[4]);
    (void)kcall_grant(server, buffer, BUFFER_BYTES, GRANT_WRITE, &grants[5]);
    (void)kcall_revoke(grants[5], -1);
    (void)kcall_doorbell(server, 3, &attacker->doorbell);
}

static endpoint_t endpoint_any(struct chance *chance)
{
    struct process_info info;
    unsigned slot = (unsigned)chance_below(chance, 64);

    if (kcall_process_info(slot, &info) == 0)
        return info.endpoint;
    return (endpoint_t)chance_next(chance);
}

static uint64_t word_any(struct attacker *attacker)
{
    struct chance *chance = &attacker->chance;

    switch (chance_below(chance, 8)) {
    case 0:
        return chance_next(chance);
    case 1:
        return chance_magnitude(chance);
    case 2:
    case 3:
        return attacker->grants[chance_below(chance, GRANTS)];
    case 4:
        return attacker->doorbell;
    case 5:
        return endpoint_any(chance);
    default:
        return chance_below(chance, 16);
    }
}

static void name_put(struct chance *chance, uint64_t words[2])
{
    static const char *const names[] = {"rs",    "devman", "pm",      "uart16550", "console",
                                        "shell", "vda",    "nothing", "a name",    "virtio_blk"};
    uint64_t choice = chance_below(chance, sizeof(names) / sizeof(names[0]) + 1);

    if (choice < sizeof(names) / sizeof(names[0])) {
        rs_name_pack(words, names[choice]);
    } else {
        words[0] = chance_next(chance);
        words[1] = chance_next(chance);
    }
}

static void message_make(struct attacker *attacker, struct message *message)
{
    struct chance *chance = &attacker->chance;
    const struct target *target = attacker->target;

    *message = (struct message){.endpoint = attacker->server};
    if (chance_one_in(chance, 16))
        message->type = (uint32_t)chance_magnitude(chance);
    else
        message->type = MESSAGE_TYPE(target->protocol, chance_below(chance, target->types));
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        message->word[i] = word_any(attacker);
    if (target->protocol == PROTO_RS && chance_one_in(chance, 2))
        name_put(chance, message->word);
    if (message->type == PM_SPAWN && !chance_one_in(chance, 4)) {
        message->word[0] = attacker->grants[chance_below(chance, 2)];
        message->word[1] = chance_below(chance, 40);
        message->word[2] = 0;
        message->word[3] = chance_below(chance, 4);
    }
}

/* ---- what must never be granted to a program without rights ---- */

static bool is_forbidden(const struct target *target, uint32_t type)
{
    static const uint32_t forbidden[] = {
        RS_READY,        RS_PUBLISH,    RS_PONG,        RS_INJECT_FETCH, RS_INJECT_COMMITTED,
        RS_KEEP,         RS_KEPT,       RS_KEPT_REGION, RS_CONTROL,      RS_INJECT,
        RS_SHUTDOWN,     RS_DEVICE,     RS_DEVICE_GONE, RS_RESET_DONE,   RS_RESET_FETCH,
        RS_DEVICES_DONE, PM_FOREGROUND, PM_INTERRUPT,
    };

    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (forbidden[i] == type && type >> 8 == target->protocol)
            return true;
    }
    return false;
}

/* Sends one. False: it should have ended otherwise. */
static bool request_make(struct attacker *attacker, uint64_t number)
{
    struct chance *chance = &attacker->chance;
    struct message message;
    uint64_t deadline = DEADLINE_POLL;

    message_make(attacker, &message);
    const struct message request = message;
    if (!chance_one_in(chance, 8))
        deadline = deadline_in_us(chance_below(chance, LONGEST_US));
    int status = ipc_call(&message, deadline);
    bool delivered = status == 0;
    attacker->answered += delivered ? 1 : 0;
    status = delivered ? message_status(&message) : status;
    if ((!delivered && status == -ANOLE_ETIMEDOUT) ||
        (delivered && status <= 0 &&
         (!is_forbidden(attacker->target, request.type) || status == -ANOLE_EPERM)))
        return true;
    printf("FAIL %s: request %lu, type 0x%x, words %lx %lx %lx %lx: %s\n", attacker->target->name,
           (unsigned long)number, (unsigned)request.type, (unsigned long)request.word[0],
           (unsigned long)request.word[1], (unsigned long)request.word[2],
           (unsigned long)request.word[3],
           status == 0 ? "it was granted" : anole_error_text(status));
    return false;
}

int attack_messages(const struct target *target, uint64_t seed, uint64_t count)
{
    struct attacker attacker = {.chance = chance_make(seed, target->protocol), .target = target};
    int status = name_lookup(target->name, &attacker.server);

    if (status != 0) {
        printf("FAIL %s: it isn't there: %s\n", target->name, anole_error_text(status));
        return ATTACK_FAILED;
    }
    grants_make(&attacker);
    for (uint64_t i = 0; i < count; i++) {
        if (!request_make(&attacker, i))
            return ATTACK_FAILED;
    }
    if (count > 0 && attacker.answered == 0) {
        printf("FAIL %s: it answered none of %lu requests\n", target->name, (unsigned long)count);
        return ATTACK_FAILED;
    }
    return ATTACK_DONE;
}
