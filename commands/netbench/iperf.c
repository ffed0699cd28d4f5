#include "iperf.h"

#include <string.h>

/* Flags in the header's first word. */
#define FLAG_VERSION_1 0x80000000u /* the client listens, for a test in the other direction */
#define FLAG_EXTENDED 0x40000000u
#define FLAG_NUMBERS_64 0x08000000u
#define FLAG_VERSION_2 0x04000000u
#define FLAG_EXCHANGE 0x00800000u
#define FLAG_HAS_LENGTH 0x00010000u
#define FLAG_NOW 0x00000001u
#define LENGTH_MASK 0x000001feu
#define LENGTH_SHIFT 1

/* Flags in the extension. */
#define UPPER_PER_DATAGRAM 0x0080u
#define UPPER_REVERSE 0x0400u
#define UPPER_BOTH_WAYS 0x0800u

#define BASE_BYTES 24u /* of a header without its extension */
#define EXCHANGE_QUICK_ACK 0x80000000u
#define ACK_TYPE 2u
#define VERSION_UPPER 0x00020001u
#define VERSION_LOWER 0x00080003u
#define RATE_HIGH_SHIFT 8
#define HUNDREDTH_US 10000u
#define US_PER_SECOND 1000000u

/* Offsets, in bytes. */
enum {
    AT_FLAGS = 0,
    AT_THREADS = 4,
    AT_PORT = 8,
    AT_BLOCK = 12,
    AT_AMOUNT = 20,
    AT_UPPER = 32,
    AT_VERSION = 36,
    AT_RATE_LOW = 48,
    AT_RATE_HIGH = 52,
    EXCHANGE_AT_BYTES = 4,
    EXCHANGE_AT_NUMBER = 8,
    EXCHANGE_AT_FLAGS = 12,
    EXCHANGE_AT_SENT = 20,
    EXCHANGE_AT_RECEIVED = 28,
    EXCHANGE_AT_RETURNED = 36,
    DATAGRAM_AT_NUMBER = 0,
    DATAGRAM_AT_TIME = 4,
    DATAGRAM_AT_NUMBER_HIGH = 12,
    REPORT_AT_BYTES = 20, /* the upper half first */
    REPORT_AT_DURATION = 28,
    REPORT_AT_LOST = 36,
    REPORT_AT_ORDER = 40,
    REPORT_AT_DATAGRAMS = 44,
    REPORT_AT_JITTER = 48,
    REPORT_END = 56,
};

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap32(value);
}

static void put32(uint8_t *bytes, uint64_t value)
{
    uint32_t swapped = __builtin_bswap32((uint32_t)value);

    memcpy(bytes, &swapped, sizeof(swapped));
}

/* Seconds, and microseconds behind them. */
static uint64_t get_time(const uint8_t *bytes)
{
    return (uint64_t)get32(bytes) * US_PER_SECOND + get32(bytes + 4);
}

static void put_time(uint8_t *bytes, uint64_t us)
{
    put32(bytes, us / US_PER_SECOND);
    put32(bytes + 4, us % US_PER_SECOND);
}

/* ---- streams ---- */

size_t iperf_header_bytes(const uint8_t flags[IPERF_FLAGS_BYTES])
{
    uint32_t word = get32(flags);
    size_t least = (word & FLAG_EXTENDED) ? IPERF_HEADER_MAX : BASE_BYTES;

    if (word & FLAG_EXCHANGE)
        return IPERF_EXCHANGE_MIN;
    if ((word & (FLAG_VERSION_1 | FLAG_EXTENDED)) == 0)
        return IPERF_FLAGS_BYTES;
    if (word & FLAG_HAS_LENGTH) {
        size_t said = (word & LENGTH_MASK) >> LENGTH_SHIFT;
        return said < BASE_BYTES ? BASE_BYTES : said < least ? said : least;
    }
    return least;
}

static void read_amount(const uint8_t *bytes, struct iperf_test *test)
{
    int32_t amount = (int32_t)get32(bytes + AT_AMOUNT);

    /* Hundredths of seconds are negative. */
    if (amount < 0)
        test->duration_us = (uint64_t) - (int64_t)amount * HUNDREDTH_US;
    else
        test->bytes = (uint64_t)amount;
}

static void read_extension(const uint8_t *bytes, struct iperf_test *test)
{
    uint32_t upper = get32(bytes + AT_UPPER) >> 16;

    if (upper & UPPER_BOTH_WAYS)
        test->kind = IPERF_BOTH_WAYS;
    else if (upper & UPPER_REVERSE)
        test->kind = IPERF_FROM_SERVER;
    if (upper & UPPER_PER_DATAGRAM)
        return; /* a rate of datagrams, whose size isn't said */
    test->rate_bits = get32(bytes + AT_RATE_LOW) |
                      (uint64_t)(get32(bytes + AT_RATE_HIGH) >> RATE_HIGH_SHIFT) << 32;
}

void iperf_read_header(const uint8_t *bytes, size_t len, struct iperf_test *test)
{
    uint32_t flags = get32(bytes);

    *test = (struct iperf_test){.kind = IPERF_TO_SERVER};
    if (flags & FLAG_EXCHANGE) {
        test->kind = IPERF_EXCHANGE;
        if (len >= EXCHANGE_AT_NUMBER)
            test->block_bytes = get32(bytes + EXCHANGE_AT_BYTES);
        return;
    }
    if (len < BASE_BYTES)
        return;
    if (flags & FLAG_VERSION_1) {
        test->back = (flags & FLAG_NOW) ? IPERF_BACK_NOW : IPERF_BACK_AFTER;
        test->back_port = (uint16_t)get32(bytes + AT_PORT);
    }
    test->block_bytes = get32(bytes + AT_BLOCK);
    test->wants_ack = (flags & FLAG_EXTENDED) && !(flags & FLAG_VERSION_2);
    read_amount(bytes, test);
    if ((flags & FLAG_EXTENDED) && len >= IPERF_HEADER_MAX)
        read_extension(bytes, test);
}

void iperf_write_header(uint8_t bytes[IPERF_HEADER_MAX], const struct iperf_test *test)
{
    bool to_server = test->kind == IPERF_TO_SERVER;
    uint32_t upper = test->kind == IPERF_FROM_SERVER ? UPPER_REVERSE
                     : to_server                     ? 0
                                                     : UPPER_BOTH_WAYS;

    memset(bytes, 0, IPERF_HEADER_MAX);
    put32(bytes + AT_FLAGS, FLAG_EXTENDED | (to_server ? 0 : FLAG_VERSION_2) | FLAG_HAS_LENGTH |
                                IPERF_HEADER_MAX << LENGTH_SHIFT);
    put32(bytes + AT_THREADS, 1);
    put32(bytes + AT_BLOCK, test->block_bytes);
    put32(bytes + AT_AMOUNT, test->duration_us > 0
                                 ? (uint64_t) - (int64_t)(test->duration_us / HUNDREDTH_US)
                                 : test->bytes);
    put32(bytes + AT_UPPER, upper << 16);
    put32(bytes + AT_VERSION, VERSION_UPPER);
    put32(bytes + AT_VERSION + 4, VERSION_LOWER);
    put32(bytes + AT_RATE_LOW, test->rate_bits);
    put32(bytes + AT_RATE_HIGH, test->rate_bits >> 32 << RATE_HIGH_SHIFT);
}

void iperf_write_ack(uint8_t bytes[IPERF_ACK_BYTES])
{
    memset(bytes, 0, IPERF_ACK_BYTES);
    put32(bytes, ACK_TYPE);
    put32(bytes + 4, IPERF_ACK_BYTES);
    put32(bytes + 12, VERSION_UPPER);
    put32(bytes + 16, VERSION_LOWER);
}

/* ---- exchanges ---- */

void iperf_write_exchange(uint8_t *bytes, size_t len, uint32_t number, uint64_t now_us)
{
    memset(bytes, 0, IPERF_EXCHANGE_MIN);
    put32(bytes, FLAG_EXCHANGE);
    put32(bytes + EXCHANGE_AT_BYTES, len);
    put32(bytes + EXCHANGE_AT_NUMBER, number);
    put32(bytes + EXCHANGE_AT_FLAGS, EXCHANGE_QUICK_ACK);
    put_time(bytes + EXCHANGE_AT_SENT, now_us);
}

uint32_t iperf_exchange_number(const uint8_t bytes[IPERF_EXCHANGE_MIN])
{
    return get32(bytes + EXCHANGE_AT_NUMBER);
}

void iperf_stamp_exchange(uint8_t bytes[IPERF_EXCHANGE_MIN], uint64_t received_us, uint64_t sent_us)
{
    put_time(bytes + EXCHANGE_AT_RECEIVED, received_us);
    put_time(bytes + EXCHANGE_AT_RETURNED, sent_us);
}

/* ---- datagrams ---- */

bool iperf_read_datagram(const uint8_t *bytes, size_t len, struct iperf_datagram *datagram)
{
    const uint8_t *header = bytes + IPERF_DATAGRAM_HEADER;

    if (len < IPERF_DATAGRAM_MIN)
        return false;
    int32_t number = (int32_t)get32(bytes + DATAGRAM_AT_NUMBER);
    *datagram = (struct iperf_datagram){
        .number = (uint64_t)(number < 0 ? -(int64_t)number : number),
        .last = number < 0,
        .sent_us = get_time(bytes + DATAGRAM_AT_TIME),
    };
    if (len < IPERF_DATAGRAM_HEADER + IPERF_FLAGS_BYTES)
        return true;
    uint32_t flags = get32(header);
    size_t header_bytes = iperf_header_bytes(header);
    datagram->is_report = number == 0 && (flags & FLAG_VERSION_1) != 0 && len >= REPORT_END;
    datagram->has_test = header_bytes > IPERF_FLAGS_BYTES &&
                         len >= IPERF_DATAGRAM_HEADER + header_bytes;
    if (datagram->has_test)
        iperf_read_header(header, header_bytes, &datagram->test);
    return true;
}

void iperf_write_datagram(uint8_t *bytes, size_t len, const struct iperf_datagram *datagram)
{
    uint8_t *header = bytes + IPERF_DATAGRAM_HEADER;
    int64_t number = datagram->last ? -(int64_t)datagram->number : (int64_t)datagram->number;

    put32(bytes + DATAGRAM_AT_NUMBER, (uint64_t)number);
    put_time(bytes + DATAGRAM_AT_TIME, datagram->sent_us);
    if (len < IPERF_DATAGRAM_HEADER)
        return;
    put32(bytes + DATAGRAM_AT_NUMBER_HIGH, (uint64_t)number >> 32);
    if (!datagram->has_test)
        return;
    if (datagram->test.kind == IPERF_EXCHANGE) {
        if (len >= IPERF_DATAGRAM_HEADER + IPERF_EXCHANGE_MIN)
            iperf_write_exchange(header, len, (uint32_t)datagram->number, datagram->sent_us);
    } else if (len >= IPERF_DATAGRAM_HEADER + IPERF_HEADER_MAX) {
        iperf_write_header(header, &datagram->test);
        /* Here the length is that of all headers. */
        put32(header, (get32(header) & ~LENGTH_MASK) | FLAG_NUMBERS_64 |
                          (IPERF_DATAGRAM_HEADER + IPERF_HEADER_MAX) << LENGTH_SHIFT);
    }
}

void iperf_write_report(uint8_t bytes[IPERF_REPORT_BYTES], const struct iperf_report *report)
{
    memset(bytes, 0, IPERF_REPORT_BYTES);
    put32(bytes + IPERF_DATAGRAM_HEADER, FLAG_VERSION_1 | FLAG_NUMBERS_64);
    put32(bytes + REPORT_AT_BYTES, report->bytes >> 32);
    put32(bytes + REPORT_AT_BYTES + 4, report->bytes);
    put_time(bytes + REPORT_AT_DURATION, report->duration_us);
    put32(bytes + REPORT_AT_LOST, report->lost);
    put32(bytes + REPORT_AT_ORDER, report->out_of_order);
    put32(bytes + REPORT_AT_DATAGRAMS, report->datagrams);
    put_time(bytes + REPORT_AT_JITTER, report->jitter_us);
}

bool iperf_read_report(const uint8_t *bytes, size_t len, struct iperf_report *report)
{
    if (len < REPORT_END)
        return false;
    *report = (struct iperf_report){
        .bytes = (uint64_t)get32(bytes + REPORT_AT_BYTES) << 32 |
                 get32(bytes + REPORT_AT_BYTES + 4),
        .duration_us = get_time(bytes + REPORT_AT_DURATION),
        .lost = get32(bytes + REPORT_AT_LOST),
        .out_of_order = get32(bytes + REPORT_AT_ORDER),
        .datagrams = get32(bytes + REPORT_AT_DATAGRAMS),
        .jitter_us = get_time(bytes + REPORT_AT_JITTER),
    };
    return true;
}
