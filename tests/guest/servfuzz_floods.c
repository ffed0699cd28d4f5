/*
 * servfuzz: programs that take all they can get: subscriptions, children, results that nobody fetches,
 * threads that pm holds.
 */
#include "servfuzz.h"
#include <proto/pm.h>
#include <stdio.h>
#include <string.h>

#define MOST 4096u /* more than any share; who gets that far isn't bounded */
#define STAY_US 100000u
#define HOLDERS 5u
#define HOLDER_STACK 16384u

int nap(unsigned ms)
{
    sleep_us(1000ul * ms);
    return ATTACK_DONE;
}

static int failed(const char *what, int status)
{
    printf("FAIL %s: %s\n", what, anole_error_text(status));
    return ATTACK_FAILED;
}

int attack_subscriptions(void)
{
    handle_t doorbell;
    unsigned made = 0;
    int status = kcall_doorbell(startup_page()->rs, 3, &doorbell);

    while (status == 0 && made < MOST) {
        struct message message = {.word = {0, 0, doorbell}};

        rs_name_pack(message.word, "flood");
        message.word[1] = 'A' + made % 26 +
                          ('A' + made / 26 % 26) * 256; /* a string that goes on */
        memcpy((char *)message.word + 5, "...", 3);
        status = anole_call(startup_page()->rs, RS_SUBSCRIBE, &message, DEADLINE_NEVER);
        made += status == 0 ? 1u : 0u;
    }
    if (status != -ANOLE_ENOSPC)
        return failed("a flood of subscriptions isn't refused", status);
    sleep_us(STAY_US);
    return ATTACK_DONE;
}

int attack_spawns(unsigned depth)
{
    char argument[12];
    const char *const argv[] = {PROGRAM, "--attack", "spawns", argument, NULL};
    endpoint_t child;
    unsigned made = 0;
    int status = depth == 0 ? -ANOLE_ENOMEM : 0;

    snprintf(argument, sizeof(argument), "%u", depth - 1);
    while (status == 0 && made < MOST) {
        status = program_spawn(argv, false, &child);
        made += status == 0 ? 1u : 0u;
    }
    if (status != -ANOLE_ENOMEM)
        return failed("a flood of programs isn't refused", status);
    sleep_us(STAY_US);
    return ATTACK_DONE;
}

int attack_results(void)
{
    const char *const argv[] = {PROGRAM, "--attack", "nap", "0", NULL};
    endpoint_t child;

    for (unsigned i = 0; i < 100; i++) {
        int status = program_spawn(argv, false, &child);
        if (status == -ANOLE_ENOMEM) {
            sleep_us(1000); /* they aren't dead yet */
        } else if (status != 0) {
            return failed("a program can't be started", status);
        }
    }
    return ATTACK_DONE;
}

static void hold(void *argument)
{
    struct message message = {.word = {*(const endpoint_t *)argument}};

    /* pm answers this when another thread asks, or not before all of this is over. */
    (void)anole_call(startup_page()->pm, PM_WAIT, &message, DEADLINE_NEVER);
    kcall_thread_exit();
}

int attack_held(bool killed)
{
    static const char *const argv[] = {PROGRAM, "--attack", "nap", "10000", NULL};
    static endpoint_t child;
    int status = program_spawn(argv, false, &child);

    for (unsigned i = 0; status == 0 && i < HOLDERS; i++) {
        endpoint_t thread;
        status = thread_start(hold, &child, HOLDER_STACK, 0, &thread);
    }
    if (status != 0)
        return failed("nobody to be held", status);
    sleep_us(5000);
    if (killed)
        __builtin_trap(); /* all threads in pm's hands */
    return ATTACK_DONE;
}
