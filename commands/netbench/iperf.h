/*
 * What iperf 2 and its servers say to each other (version 2.1.8; numbers in network byte order).
 *
 * A TCP stream may begin with a header; without the flags that announce one it is data from its first
 * byte on. Every datagram begins with a number, which is negative in the last one, and the time when it
 * was sent; a header may stand behind them. The server answers the last datagram with a report.
 *
 * Exchanges (iperf's "bounce-back") are blocks with a header of their own, sent back as they came, but
 * for two times. For datagrams iperf has none: here the same flag in the same place asks for it.
 *
 * Whatever the peer sends is only read here; what it means for buffers and time is bounded by who uses
 * it.
 */
#ifndef NETBENCH_IPERF_H
#define NETBENCH_IPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPERF_PORT "5001"
#define IPERF_FLAGS_BYTES 4u   /* that say whether there is a header, and how long it is */
#define IPERF_HEADER_MAX 60u   /* as far as it is read; what follows counts as data */
#define IPERF_ACK_BYTES 28u    /* what the server answers to some headers */
#define IPERF_EXCHANGE_MIN 48u /* with all times, and how long to wait before answering */
#define IPERF_DATAGRAM_MIN 12u
#define IPERF_DATAGRAM_HEADER 16u /* the part before what streams have, too */
#define IPERF_REPORT_BYTES 128u

enum iperf_kind {
    IPERF_TO_SERVER,
    IPERF_FROM_SERVER,
    IPERF_BOTH_WAYS, /* at once, on the same connection */
    IPERF_EXCHANGE,
};

enum iperf_back {
    IPERF_NO_BACK,
    IPERF_BACK_NOW,   /* a second test, from server to client, on a connection of its own */
    IPERF_BACK_AFTER, /* the same when the first one is over */
};

struct iperf_test {
    enum iperf_kind kind;
    bool wants_ack;
    enum iperf_back back;
    uint16_t back_port;
    uint32_t block_bytes; /* to be written at a time, or of an exchange; 0: not said */
    uint64_t duration_us; /* of what the server sends; 0: not said */
    uint64_t bytes;       /* likewise */
    uint64_t rate_bits;   /* a second; 0: as fast as can be */
};

/* Bytes of the header that begins with those: at least IPERF_FLAGS_BYTES, at most IPERF_HEADER_MAX. Of
 * plain data there is no more to be read. */
size_t iperf_header_bytes(const uint8_t flags[IPERF_FLAGS_BYTES]);
/* Reads a header of that length. */
void iperf_read_header(const uint8_t *bytes, size_t len, struct iperf_test *test);
void iperf_write_header(uint8_t bytes[IPERF_HEADER_MAX], const struct iperf_test *test);
void iperf_write_ack(uint8_t bytes[IPERF_ACK_BYTES]);

/* A block that asks to be sent back. bytes: at least IPERF_EXCHANGE_MIN. */
void iperf_write_exchange(uint8_t *bytes, size_t len, uint32_t number, uint64_t now_us);
uint32_t iperf_exchange_number(const uint8_t bytes[IPERF_EXCHANGE_MIN]);
/* The server's part. */
void iperf_stamp_exchange(uint8_t bytes[IPERF_EXCHANGE_MIN], uint64_t received_us,
                          uint64_t sent_us);

struct iperf_datagram {
    uint64_t number; /* from 0 or 1 on */
    bool last;
    uint64_t sent_us; /* by the sender's clock */
    bool has_test;    /* it says what the client wants */
    struct iperf_test test;
    bool is_report;
};

struct iperf_report {
    uint64_t bytes, duration_us, lost, out_of_order, datagrams, jitter_us;
};

/* False: it is shorter than any datagram of iperf. */
bool iperf_read_datagram(const uint8_t *bytes, size_t len, struct iperf_datagram *datagram);
/* As much of it as fits: len is at least IPERF_DATAGRAM_MIN. */
void iperf_write_datagram(uint8_t *bytes, size_t len, const struct iperf_datagram *datagram);
void iperf_write_report(uint8_t bytes[IPERF_REPORT_BYTES], const struct iperf_report *report);
/* bytes: of a datagram that is a report. False: it is cut. */
bool iperf_read_report(const uint8_t *bytes, size_t len, struct iperf_report *report);

#endif
