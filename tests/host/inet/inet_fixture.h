/*
 * The network server on the build machine: two interfaces (eth0 has 10.0.2.15/24, eth1 asks for an
 * address by DHCP) whose frames a test makes and gets, clients that call it, a clock that tests move.
 *
 * Frames are handed over in pieces of memory of exactly their length, so that a step too far is found.
 */
#ifndef TESTS_INET_FIXTURE_H
#define TESTS_INET_FIXTURE_H

#include <servers/inet/interface.h>

#define WIRE_FRAME_MAX 70000u
#define WIRE_KEPT 4096u /* frames that inet sent and nobody took yet */
#define OPERATOR 50u    /* client that may control services */
#define CLIENTS 64u

/* A frame that inet sent. */
struct wire_frame {
    uint8_t *data; /* the test's, to be freed */
    uint32_t len_bytes;
    uint32_t flags; /* NET_TX_* */
    uint64_t offload;
};

struct wire {
    struct net_info info; /* what the next driver says */
    bool holds;           /* frames that are sent stay unanswered */
    unsigned handed_out;  /* receive buffers that inet has */
    unsigned unanswered;  /* frames that it sent */
    unsigned part_bytes;  /* frames come in parts of so many bytes; 0: in one */
    struct wire_frame sent[WIRE_KEPT];
    unsigned first_sent, sent_count;
};
extern struct wire wires[2];

/* Starts the server; once. */
void inet_begin(void);
/* Lets it work until nothing is left to do. */
void inet_go(void);
/* Time passes, timers run. */
void inet_pass(uint64_t ms);

void wire_driver(unsigned wire, bool up);
void wire_link(unsigned wire, bool up);
/* A frame comes. False: it has no buffer for it, or hasn't taken the one before; the frame is lost. */
bool wire_deliver(unsigned wire, const void *frame, size_t len, uint32_t flags);
/* The oldest frame that was sent: to be freed. False: there is none. */
bool wire_take(unsigned wire, struct wire_frame *frame);
/* Forgets all that were sent. */
void wire_clear(unsigned wire);
/* Answers what was held. */
void wire_confirm(unsigned wire);

/* A client's request: status, or SERVICE_NO_REPLY while it waits; buffer is what its grants reach. */
int client_ask(unsigned client, uint32_t type, struct message *message);
/* The status of a client's request that waited; SERVICE_NO_REPLY: it still does. */
int client_answer(unsigned client, struct message *reply);
/* Whether it waits for an answer. */
bool client_waits(unsigned client);
/* Its whole process, with the client whose number differs in the last bit. */
void client_die(unsigned client);
extern uint8_t client_buffer[128 * 1024];

#endif
