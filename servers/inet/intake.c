/*
 * When frames are taken in, and when those have the processor who read what is in them. This server runs
 * before the programs: were it to take in whatever comes, then under more of it than a program can read
 * the program wouldn't run at all, and all that was done for its datagrams were for nothing.
 *
 * So once a socket whose reader is at work has much unread, nothing is taken in until the reader has
 * caught up; meanwhile frames wait in the driver, and what finds no buffer there is dropped at no cost.
 * A pause ends after PAUSE_US at the latest, and then a whole round of frames comes before the next
 * one: a slow reader costs others that much. One that has read nothing by then makes no pause until it
 * reads again. What comes for a socket that is full is dropped before lwIP sees it (sieve.c).
 */
#include "interface.h"

#define PAUSE_US 10000u

static unsigned behind;      /* sockets whose readers are */
static uint64_t until;       /* when they were given up at the latest */
static unsigned owed_to_all; /* frames before the next pause */

bool intake_open(void)
{
    return behind == 0;
}

void intake_frame(void)
{
    owed_to_all -= owed_to_all > 0;
}

void intake_behind(struct socket *socket)
{
    if (socket->behind || !socket->reads || owed_to_all > 0)
        return;
    if (behind++ == 0)
        until = deadline_in_us(PAUSE_US);
    socket->behind = true;
}

void intake_caught_up(struct socket *socket)
{
    behind -= socket->behind;
    socket->behind = false;
}

uint64_t intake_deadline(void)
{
    return intake_open() ? DEADLINE_NEVER : until;
}

/* Who can't go on reading before frames that were sent are given back isn't waited for, either. */
void intake_check(void)
{
    if (intake_open() || (ticks_now() < until && !interfaces_full()))
        return;
    for (struct socket *socket = socket_next(NULL); socket; socket = socket_next(socket)) {
        if (!socket->behind)
            continue;
        socket->reads = false;
        intake_caught_up(socket);
    }
    owed_to_all = EVENTS_A_ROUND;
}
