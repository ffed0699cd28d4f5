/*
 * Inside the network server's fuzzer: steps out of its input.
 */
#ifndef TESTS_FUZZ_INET_H
#define TESTS_FUZZ_INET_H

#include "../input.h"

#include <tests/host/inet/inet_peer.h>

extern struct input input;

/* ---- packets.c: frames that come ---- */
void packet_raw(void);
void packet_ip(void);
void packet_ip6(void);
void packet_arp(void);
void packet_fragment(void);
void packet_fragment6(void);
/* A segment of one of the peer's connections, more or less as it should be. */
void packet_segment(void);
void packet_connect(void);
/* An answer to what inet asked: by DNS, by DHCP. */
void packet_answer(void);
/* Takes note of what inet sent. */
void packets_look(void);

/* ---- requests.c: what clients ask for ---- */
void request_any(void);
void request_resolve_name(void);
void requests_begin(void);

#define FUZZ_CLIENTS 2u

#endif
