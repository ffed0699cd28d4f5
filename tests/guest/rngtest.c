/*
 * rngtest [GROUP...]: the entropy driver as its clients see it: limits, numbers that look random,
 * many clients at once, and its death while they wait.
 */
#include "testkit.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <proto/rng.h>
#include <string.h>

const char test_name[] = "rngtest";

#define BIT_NAME 1
#define BYTES RNG_READ_MAX

static unsigned char bytes[BYTES];

static endpoint_t find(void)
{
    endpoint_t rng;
    int status = name_wait("random", &rng, BIT_NAME, deadline_in_us(PATIENCE_US));
    if (status == -ANOLE_ETIMEDOUT)
        skip("there is no entropy device");
    if (!EXPECT(status, 0))
        skip("no driver");
    return rng;
}

static int get(endpoint_t rng, uint64_t count, struct message *message)
{
    *message = (struct message){.word = {count}};
    return anole_call(rng, RNG_GET, message, deadline_in_us(PATIENCE_US));
}

static int read_to(endpoint_t rng, handle_t grant, uint64_t offset, uint64_t count)
{
    struct message message = {.word = {grant, offset, count}};
    return anole_call(rng, RNG_READ, &message, deadline_in_us(PATIENCE_US));
}

static void group_limits(void)
{
    endpoint_t rng = find();
    struct message message;
    handle_t grant, read_only;

    EXPECT(get(rng, 0, &message), -ANOLE_EINVAL);
    EXPECT(get(rng, RNG_INLINE_MAX + 1, &message), -ANOLE_EINVAL);
    EXPECT(get(rng, ~(uint64_t)0, &message), -ANOLE_EINVAL);
    for (unsigned count = 1; count <= RNG_INLINE_MAX; count++) {
        EXPECT(get(rng, count, &message), 0);
        CHECK(message.word[0] >= 1 && message.word[0] <= count);
        /* What wasn't asked for isn't told. */
        const char *end = (const char *)&message.word[1] + message.word[0];
        for (unsigned i = 0; i < RNG_INLINE_MAX - message.word[0]; i++)
            CHECK(end[i] == 0);
    }

    EXPECT(kcall_grant(rng, bytes, 5000, GRANT_WRITE, &grant), 0);
    EXPECT(kcall_grant(rng, bytes, 5000, GRANT_READ, &read_only), 0);
    EXPECT(read_to(rng, grant, 0, 0), -ANOLE_EINVAL);
    EXPECT(read_to(rng, grant, 0, RNG_READ_MAX + 1), -ANOLE_EINVAL);
    EXPECT(read_to(rng, grant, 1, 5000), -ANOLE_ERANGE);
    EXPECT(read_to(rng, grant, ~(uint64_t)0, 1), -ANOLE_ERANGE);
    CHECK(read_to(rng, read_only, 0, 16) < 0);
    CHECK(read_to(rng, 0, 0, 16) < 0);
    memset(bytes, 0, sizeof(bytes));
    EXPECT(read_to(rng, grant, 1000, 3000), 0);
    for (unsigned i = 0; i < 1000; i++)
        CHECK(bytes[i] == 0 && bytes[4000 + i] == 0);
    CHECK(memcmp(bytes + 1000, bytes + 2500, 1500) != 0);
    EXPECT(kcall_revoke(grant, -1), 0);
    EXPECT(kcall_revoke(read_only, -1), 0);
}

/* Each value of a byte is there about as often as it should, and no 16 bytes come twice. */
static void check_statistics(void)
{
    unsigned counts[256] = {0};
    uint64_t chi = 0;
    for (unsigned i = 0; i < BYTES; i++)
        counts[bytes[i]]++;
    for (unsigned i = 0; i < 256; i++) {
        int64_t difference = (int64_t)counts[i] - BYTES / 256;
        chi += (uint64_t)(difference * difference);
    }
    chi /= BYTES / 256;
    /* 255 degrees of freedom: less than once in a million runs outside of these. */
    check(chi > 155 && chi < 380, __LINE__, "chi square %lu", (unsigned long)chi);
    for (unsigned i = 0; i + 16 <= 4096; i += 16)
        for (unsigned k = i + 16; k + 16 <= BYTES; k += 16)
            if (memcmp(bytes + i, bytes + k, 16) == 0)
                check(false, __LINE__, "the same 16 bytes at %u and %u", i, k);
}

static void group_statistics(void)
{
    endpoint_t rng = find();
    handle_t grant;
    EXPECT(kcall_grant(rng, bytes, BYTES, GRANT_WRITE, &grant), 0);
    EXPECT(read_to(rng, grant, 0, BYTES), 0);
    EXPECT(kcall_revoke(grant, -1), 0);
    check_statistics();
}

/* ---- several at once ---- */

#define CALLERS 6u

/* Threads of one process: so many get their turn, the others are told to come later. */
static void group_clients(void)
{
    endpoint_t rng = find();
    static struct caller callers[CALLERS];
    handle_t grants[CALLERS];
    unsigned served = 0, busy = 0;
    for (unsigned i = 0; i < CALLERS; i++) {
        EXPECT(kcall_grant(rng, bytes + i * 10000, 10000, GRANT_WRITE, &grants[i]), 0);
        callers[i].message = (struct message){
            .endpoint = rng, .type = RNG_READ, .word = {grants[i], 0, 10000}};
        callers[i].deadline_ticks = deadline_in_us(PATIENCE_US);
        caller_start(&callers[i]);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        CHECK(caller_wait(&callers[i]));
        EXPECT(callers[i].status, 0);
        int status = message_status(&callers[i].message);
        served += status == 0;
        busy += status == -ANOLE_EBUSY;
        EXPECT(kcall_revoke(grants[i], -1), 0);
    }
    check(served >= 4 && served + busy == CALLERS, __LINE__, "%u served, %u told to wait", served,
          busy);
    struct message message;
    EXPECT(get(rng, 16, &message), 0);
}

/* It dies while it is asked, again and again; each time its callers are told, and find the next. */
static void group_deaths(void)
{
    enum { ROUNDS = 8 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        endpoint_t rng = find();
        handle_t grant;
        static struct caller caller;
        caller = (struct caller){.deadline_ticks = deadline_in_us(PATIENCE_US)};
        EXPECT(kcall_grant(rng, bytes, BYTES, GRANT_WRITE, &grant), 0);
        caller.message = (struct message){
            .endpoint = rng, .type = RNG_READ, .word = {grant, 0, BYTES}};
        caller_start(&caller);
        EXPECT(rs_control("virtio_rng", RS_KILL), 0);
        CHECK(caller_wait(&caller));
        CHECK(caller.status == -ANOLE_EDEADENDPOINT ||
              (caller.status == 0 && message_status(&caller.message) == 0));
        (void)kcall_revoke(grant, -1); /* it may have gone with its peer */
        struct message message;
        int status;
        do {
            status = get(find(), 16, &message);
        } while (status == -ANOLE_EDEADENDPOINT);
        EXPECT(status, 0);
    }
}

int main(int argc, char *argv[])
{
    static const struct group groups[] = {
        {"limits", group_limits},
        {"statistics", group_statistics},
        {"clients", group_clients},
        {"deaths", group_deaths},
    };
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
    };
    return test_main(&program, argc, argv);
}
