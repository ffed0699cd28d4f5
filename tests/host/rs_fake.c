/*
 * RS over the fake kernel, see rs_fake.h.
 */
#include "rs_fake.h"

struct rs rs;

void fake_die(struct fake_process *process, enum death_cause cause, uint64_t detail)
{
    fake_kill(process, cause, detail);
    deaths_collect();
    start_ready();
}

void fake_wait_ms(uint64_t ms)
{
    uint64_t until = fake.now + ms * FAKE_TICKS_PER_MS;
    while (watch_deadline() <= until) {
        fake.now = watch_deadline() > fake.now ? watch_deadline() : fake.now;
        watch_run();
        deaths_collect();
        start_ready();
    }
    fake.now = until;
}
