/*
 * The process manager: programs. A program's id is the endpoint of its main thread.
 */
#ifndef PROTO_PM_H
#define PROTO_PM_H

#include <anole/message.h>

#define PM_ARGUMENTS_MAX 65536 /* bytes of a spawn's strings: STARTUP_STRINGS_MAX */

enum pm_request {
    PM_SPAWN = MESSAGE_TYPE(PROTO_PM, 1), /* w0 grant (read) of NUL-terminated argument strings, the
                                             first one names the program, w1 bytes, w2 PM_SPAWN_*,
                                             w3 tag, w4 how many of the strings, the last ones,
                                             are environment, w5 grant (read) of an executable
                                             file, w6 its bytes; 0: the program is in the boot
                                             image. One from a file has the rights of the default
                                             class -> w0 endpoint. EINVAL: it is none; ENOENT: no such program; EPERM:
                                             an operator's program, and the caller is none; ENOMEM:
                                             too many of the caller and its kin are running */
    PM_WAIT = MESSAGE_TYPE(PROTO_PM, 2),  /* w0 endpoint of my child: answered when it is dead -> w0
                                             enum death_cause, w1 detail (exit status), w2 pc of a
                                             fault or 0. Once only. ECANCELED: another thread of
                                             the caller's process waits for it since */
    PM_KILL = MESSAGE_TYPE(PROTO_PM, 3),  /* w0 endpoint: my child, or any for the operator */
    PM_FOREGROUND = MESSAGE_TYPE(PROTO_PM, 4), /* w0 endpoint of my child or ENDPOINT_NONE: whom
                                                  PM_INTERRUPT kills. Operator only */
    PM_INTERRUPT = MESSAGE_TYPE(PROTO_PM, 5),  /* of the console driver: Ctrl-C was typed -> w0 = 1
                                                 if a foreground program was killed, else 0 */
};

#define PM_SPAWN_FOREGROUND 1u /* and make it the foreground program */

/*
 * When pm dies, the programs run on, and its successor knows them. A call that failed with
 * EDEADENDPOINT is made again at the successor: PM_WAIT as it was; PM_SPAWN with the same tag, a number
 * other than 0 that no other child of the caller has: if there is a child with that tag, it is the
 * answer. libanole does both.
 */

#endif
