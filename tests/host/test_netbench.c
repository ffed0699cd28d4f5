/*
 * commands/netbench: headers as iperf 2.1.8 really sends them, what they lead to, what is written back,
 * and headers that nobody should send; flows of datagrams with losses and repetitions.
 */
#include "commands/netbench/flow.h"
#include "commands/netbench/iperf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 15u /* of a header */

/* Headers of `iperf -c HOST -t 1` with these options, caught on the wire. */
static const struct {
    const char *options;
    uint32_t words[WORDS];
    struct iperf_test test;
} caught[] = {
    {"",
     {0x40010078, 1, 15002, 0, 0, 0xffffff9c, 0, 0, 0, 0x00020001, 0x00080003},
     {.kind = IPERF_TO_SERVER, .wants_ack = true, .duration_us = 1000000}},
    {"-R",
     {0x44010078, 1, 15002, 0, 0, 0xffffff9c, 0, 0, 0x04000000, 0x00020001, 0x00080003},
     {.kind = IPERF_FROM_SERVER, .duration_us = 1000000}},
    {"--full-duplex",
     {0x44010078, 1, 15002, 0, 0, 0xffffff9c, 0, 0, 0x08000000, 0x00020001, 0x00080003},
     {.kind = IPERF_BOTH_WAYS, .duration_us = 1000000}},
    {"-d",
     {0xc0010079, 1, 15001, 0, 0, 0xffffff9c, 0, 0, 0, 0x00020001, 0x00080003},
     {.kind = IPERF_TO_SERVER,
      .wants_ack = true,
      .back = IPERF_BACK_NOW,
      .back_port = 15001,
      .duration_us = 1000000}},
    /* Of version 2.0.5, whose header is short. */
    {"-r",
     {0x80000000, 1, 5001, 0, 0, 0xffffff9c},
     {.kind = IPERF_TO_SERVER,
      .back = IPERF_BACK_AFTER,
      .back_port = 5001,
      .duration_us = 1000000}},
    {"--bounceback -l 100",
     {0x00800000, 100, 1, 0x80005a5a, 0, 0x6b01d0cc, 0x000b9672},
     {.kind = IPERF_EXCHANGE, .block_bytes = 100}},
    /* Data from its first byte on. */
    {"", {0x30313233, 0x34353637, 0x38393031}, {.kind = IPERF_TO_SERVER}},
    {"", {0}, {.kind = IPERF_TO_SERVER}},
};

static void to_wire(uint8_t bytes[IPERF_HEADER_MAX], const uint32_t words[WORDS])
{
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t swapped = __builtin_bswap32(words[i]);
        memcpy(bytes + i * sizeof(swapped), &swapped, sizeof(swapped));
    }
}

static void check_same(const struct iperf_test *found, const struct iperf_test *expected)
{
    assert_int_equal(found->kind, expected->kind);
    assert_int_equal(found->wants_ack, expected->wants_ack);
    assert_int_equal(found->back, expected->back);
    assert_int_equal(found->back_port, expected->back_port);
    assert_int_equal(found->block_bytes, expected->block_bytes);
    assert_int_equal(found->duration_us, expected->duration_us);
    assert_int_equal(found->bytes, expected->bytes);
    assert_int_equal(found->rate_bits, expected->rate_bits);
}

static void test_caught_headers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
        uint8_t bytes[IPERF_HEADER_MAX];
        struct iperf_test test;
        to_wire(bytes, caught[i].words);
        size_t len = iperf_header_bytes(bytes);
        assert_in_range(len, IPERF_FLAGS_BYTES, IPERF_HEADER_MAX);
        iperf_read_header(bytes, len, &test);
        check_same(&test, &caught[i].test);
    }
}

/* What this side says is read as what was meant. */
static void test_own_headers(void **state)
{
    static const struct iperf_test tests[] = {
        {.kind = IPERF_TO_SERVER, .wants_ack = true, .duration_us = 3000000, .block_bytes = 65536},
        {.kind = IPERF_FROM_SERVER, .duration_us = 10000, .rate_bits = 123456789},
        {.kind = IPERF_BOTH_WAYS, .bytes = 1 << 20, .rate_bits = 100000000000},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        uint8_t bytes[IPERF_HEADER_MAX];
        struct iperf_test test;
        iperf_write_header(bytes, &tests[i]);
        assert_int_equal(iperf_header_bytes(bytes), IPERF_HEADER_MAX);
        iperf_read_header(bytes, sizeof(bytes), &test);
        check_same(&test, &tests[i]);
    }
}

/* Whatever the flags and lengths say, nothing is read beyond what is there (in a heap block of just
 * that length), and the length asked for stays in bounds. */
static void test_any_header(void **state)
{
    (void)state;
    srandom(1);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t flags[IPERF_FLAGS_BYTES];
        struct iperf_test test;
        for (unsigned j = 0; j < sizeof(flags); j++)
            flags[j] = (uint8_t)random();
        size_t len = iperf_header_bytes(flags);
        assert_in_range(len, IPERF_FLAGS_BYTES, IPERF_HEADER_MAX);
        uint8_t *bytes = malloc(len);
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)random();
        memcpy(bytes, flags, sizeof(flags));
        iperf_read_header(bytes, len, &test);
        assert_in_range(test.kind, IPERF_TO_SERVER, IPERF_EXCHANGE);
        free(bytes);
    }
}

static void test_any_datagram(void **state)
{
    (void)state;
    srandom(2);
    for (unsigned i = 0; i < 200000; i++) {
        size_t len = (size_t)random() % 140;
        uint8_t *bytes = malloc(len + 1);
        struct iperf_datagram datagram;
        struct iperf_report report;
        for (size_t j = 0; j < len; j++)
            bytes[j] = (random() & 3) ? (uint8_t)random() : 0;
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, bytes, len);
        bool read = iperf_read_datagram(exact, len, &datagram);
        assert_int_equal(read, len >= IPERF_DATAGRAM_MIN);
        if (read && datagram.is_report)
            assert_true(iperf_read_report(exact, len, &report));
        free(exact);
        free(bytes);
    }
}

static void test_datagrams(void **state)
{
    uint8_t bytes[200];
    struct iperf_datagram found,
        datagram = {
            .number = 77,
            .sent_us = 1234567890123,
            .has_test = true,
            .test = {.kind = IPERF_FROM_SERVER, .duration_us = 2000000, .rate_bits = 5000000},
        };

    (void)state;
    iperf_write_datagram(bytes, sizeof(bytes), &datagram);
    assert_true(iperf_read_datagram(bytes, sizeof(bytes), &found));
    assert_int_equal(found.number, 77);
    assert_int_equal(found.sent_us, datagram.sent_us);
    assert_false(found.last);
    assert_false(found.is_report);
    assert_true(found.has_test);
    check_same(&found.test, &datagram.test);

    /* Cut before its header is complete it is a datagram all the same. */
    assert_true(iperf_read_datagram(bytes, 40, &found));
    assert_false(found.has_test);

    datagram.last = true;
    iperf_write_datagram(bytes, IPERF_DATAGRAM_MIN, &datagram);
    assert_true(iperf_read_datagram(bytes, IPERF_DATAGRAM_MIN, &found));
    assert_true(found.last && found.number == 77);

    datagram.test.kind = IPERF_EXCHANGE;
    iperf_write_datagram(bytes, sizeof(bytes), &datagram);
    assert_true(iperf_read_datagram(bytes, sizeof(bytes), &found));
    assert_true(found.has_test && found.test.kind == IPERF_EXCHANGE);
}

/* As an iperf 2.1.8 server wrote it, at the end of `iperf -c HOST -u -b 1m -t 1`. */
static const uint32_t caught_report[] = {
    0, 0, 0, 0, 0x88000000, 0, 0x0001ff0e, 1, 0x5adc, 0, 0, 89, 0, 11,
};

static void test_reports(void **state)
{
    uint8_t bytes[IPERF_REPORT_BYTES] = {0};
    struct iperf_datagram datagram;
    struct iperf_report found, report = {
                                   .bytes = 5ul << 32 | 7,
                                   .duration_us = 2345678,
                                   .lost = 3,
                                   .out_of_order = 4,
                                   .datagrams = 100,
                                   .jitter_us = 1500000,
                               };

    (void)state;
    for (unsigned i = 0; i < sizeof(caught_report) / sizeof(caught_report[0]); i++) {
        uint32_t swapped = __builtin_bswap32(caught_report[i]);
        memcpy(bytes + i * sizeof(swapped), &swapped, sizeof(swapped));
    }
    assert_true(iperf_read_datagram(bytes, sizeof(bytes), &datagram) && datagram.is_report);
    assert_true(iperf_read_report(bytes, sizeof(bytes), &found));
    assert_int_equal(found.bytes, 130830);
    assert_int_equal(found.duration_us, 1023260);
    assert_int_equal(found.datagrams, 89);
    assert_int_equal(found.lost, 0);
    assert_int_equal(found.jitter_us, 11);

    iperf_write_report(bytes, &report);
    assert_true(iperf_read_datagram(bytes, sizeof(bytes), &datagram) && datagram.is_report);
    assert_true(iperf_read_report(bytes, sizeof(bytes), &found));
    assert_memory_equal(&found, &report, sizeof(report));
    assert_false(iperf_read_report(bytes, 55, &found));
}

static void take(struct flow *flow, uint64_t number, uint64_t now_us, uint64_t transit_us)
{
    flow_take(flow, &(struct iperf_datagram){.number = number, .sent_us = now_us - transit_us}, 100,
              now_us);
}

static void test_flow(void **state)
{
    static const uint64_t numbers[] = {1, 2, 3, 6, 5, 7, 7, 10};
    struct iperf_report report;
    struct flow flow = {0};

    (void)state;
    flow_report(&flow, &report);
    assert_int_equal(report.datagrams, 0);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        take(&flow, numbers[i], 1000 + i * 10, 500);
    flow_report(&flow, &report);
    assert_int_equal(report.datagrams, 10);
    assert_int_equal(report.lost, 2); /* 4, 8 and 9 are missing, but 7 came twice */
    assert_int_equal(report.out_of_order, 2);
    assert_int_equal(report.bytes, 800);
    assert_int_equal(report.duration_us, 70);
    assert_int_equal(report.jitter_us, 0);
}

/* A transit time that goes up and down by 160 us comes to a jitter of that, slowly (RFC 1889, A.8);
 * clocks that differ by years don't matter. */
static void test_jitter(void **state)
{
    struct iperf_report report;
    struct flow flow = {0};
    uint64_t now = 1000000;

    (void)state;
    for (unsigned i = 1; i <= 1000; i++)
        take(&flow, i, now += 1000, 100000000000000ul + (i % 2) * 160);
    flow_report(&flow, &report);
    assert_in_range(report.jitter_us, 158, 161);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caught_headers), cmocka_unit_test(test_own_headers),
        cmocka_unit_test(test_any_header),     cmocka_unit_test(test_any_datagram),
        cmocka_unit_test(test_datagrams),      cmocka_unit_test(test_reports),
        cmocka_unit_test(test_flow),           cmocka_unit_test(test_jitter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
