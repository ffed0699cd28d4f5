/*
 * The files of RS whose statics are to be set back, or called, are compiled as part of this one.
 */
int rs_main(void);
#define main rs_main
#include <servers/rs/main.c>
#undef main
#include <servers/rs/complaint.c>
#include <servers/rs/log.c>
#include <servers/rs/record.c>
#include <servers/rs/shutdown.c>
#include <servers/rs/watch.c>

#include "rs_inside.h"

void inside_reset(void)
{
    memset(&rs, 0, sizeof(rs));
    memset(complainers, 0, sizeof(complainers));
    memset(entries, 0, sizeof(entries));
    next_sequence = 1;
    memset(kept, 0, sizeof(kept));
    next_rank = 1;
    begun = false;
    round_due = 0;
}

void inside_work(void)
{
    deaths_collect();
    work();
}

int inside_handle(struct message *message)
{
    int status = handle(message);
    inside_work();
    return status;
}
