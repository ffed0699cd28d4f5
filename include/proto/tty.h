/*
 * Consoles. Raw bytes both ways; line editing is the shell's. The name is "console".
 */
#ifndef PROTO_TTY_H
#define PROTO_TTY_H

#include <anole/message.h>

#define TTY_INLINE_MAX 48 /* bytes in words 1..6 of TTY_PUT and of TTY_READ's reply */
#define TTY_WRITE_MAX 65536

enum tty_request {
    TTY_PUT = MESSAGE_TYPE(PROTO_TTY, 1),   /* w0 length <= 48, w1-6 bytes: answered when queued */
    TTY_WRITE = MESSAGE_TYPE(PROTO_TTY, 2), /* w0 id, w1 grant (read), w2 offset, w3 length <=
                                               TTY_WRITE_MAX: answered when all is queued */
    TTY_READ = MESSAGE_TYPE(PROTO_TTY, 3),  /* w0 at most that many bytes -> w0 count >= 1,
                                               w1-6 bytes; answered when there is input; EBUSY:
                                               another thread of the process is reading */
    TTY_DRAIN = MESSAGE_TYPE(PROTO_TTY, 4), /* answered when all that was queued has been sent */
    TTY_STATS = MESSAGE_TYPE(PROTO_TTY, 5), /* -> w0 sent, w1 received, w2 lost, w3 interrupts */
};

#endif
