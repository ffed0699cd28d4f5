/*
 * The real-time clock. The driver also sets the wall-clock base of the info page at its start.
 */
#ifndef PROTO_RTC_H
#define PROTO_RTC_H

#include <anole/message.h>

enum rtc_request {
    RTC_GET = MESSAGE_TYPE(PROTO_RTC, 1), /* -> w0 nanoseconds since 1970 */
    RTC_SET = MESSAGE_TYPE(PROTO_RTC, 2), /* w0 nanoseconds since 1970; operator only */
};

#endif
