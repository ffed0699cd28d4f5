/*
 * Random bytes, as a device has them. The name is "random". Programs that want good numbers rather
 * than this device's take the kernel's (KCALL_RANDOM), which these are mixed into.
 *
 * Errors of both requests: EINVAL: a length of 0 or too long; EBUSY: the client has too many requests
 * waiting, or all clients together have: later; EIO: the device gave nothing.
 */
#ifndef PROTO_RNG_H
#define PROTO_RNG_H

#include <anole/message.h>

#define RNG_INLINE_MAX 48u
#define RNG_READ_MAX 65536u

enum rng_request {
    RNG_GET = MESSAGE_TYPE(PROTO_RNG, 1),  /* w0 bytes wanted -> w0 bytes, at least 1, w1-6 */
    RNG_READ = MESSAGE_TYPE(PROTO_RNG, 2), /* w0 grant (write), w1 offset, w2 bytes: all of them.
                                              Errors of KCALL_COPY, too */
};

#endif
