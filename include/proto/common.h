/*
 * What every service answers; libanole's service loop does it.
 */
#ifndef PROTO_COMMON_H
#define PROTO_COMMON_H

#include <anole/message.h>

enum common_request {
    COMMON_PING = MESSAGE_TYPE(PROTO_COMMON, 1), /* -> 0: the loop is alive */
};

#endif
