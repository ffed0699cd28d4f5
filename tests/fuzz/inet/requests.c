#include "fuzz_inet.h"

#include <string.h>

/* Sockets that a client has, or had. */
static struct {
    uint64_t socket[8];
    unsigned count;
} clients[FUZZ_CLIENTS];

/* Some that peers can reach: TCP at 80, UDP at 53. */
void requests_begin(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct sock_address any = {.family = SOCK_INET, .port = i == 0 ? 80 : 53};
        struct message message = {
            .word = {SOCK_INET, i == 0 ? SOCK_TYPE_STREAM : SOCK_TYPE_DATAGRAM}};
        clients[i] = (__typeof__(clients[i])){0};
        (void)client_ask(2 * i, SOCK_SOCKET, &message);
        uint64_t socket = clients[i].socket[clients[i].count++] = message.word[0];
        message = (struct message){.word = {socket}};
        memcpy(&message.word[1], &any, sizeof(any));
        (void)client_ask(2 * i, SOCK_BIND, &message);
        message = (struct message){.word = {socket, 5}};
        (void)client_ask(2 * i, SOCK_LISTEN, &message);
    }
}

static struct sock_address address(void)
{
    static const uint8_t hosts[][4] = {
        {10, 0, 2, 2}, {10, 0, 2, 15}, {127, 0, 0, 1}, {0, 0, 0, 0}, {224, 0, 0, 1}};
    static const uint8_t link_local[16] = {0xfe, 0x80, [15] = 2};
    struct sock_address to = {.family = SOCK_INET, .port = (uint16_t)input_below(&input, 120)};

    if (input_byte(&input) % 8 == 0) {
        to.family = SOCK_INET6;
        to.scope = input_below(&input, 4);
        memcpy(to.ip, link_local, sizeof(to.ip));
    } else {
        memcpy(to.ip, hosts[input_below(&input, 5)], 4);
    }
    return to;
}

static void fill(struct message *message, uint32_t type, uint64_t socket)
{
    struct sock_address to = address();
    unsigned at = type == SOCK_SENDTO ? 3 : 1;
    uint64_t len = input_below(&input, 3000);

    *message = (struct message){.word = {socket, 1, 0, len}};
    if (type == SOCK_SENDTO || type == SOCK_RECVFROM)
        message->word[2] = len << 32;
    if (type == SOCK_BIND || type == SOCK_CONNECT || type == SOCK_SENDTO)
        memcpy(&message->word[at], &to, sizeof(to));
    if (type == SOCK_SHUTDOWN || type == SOCK_LISTEN || type == SOCK_OPTION_GET ||
        type == SOCK_OPTION_SET || type == SOCK_NAME || type == SOCK_POLL) {
        message->word[1] = input_below(&input, 14);
        message->word[2] = input_below(&input, 3);
    }
    if (input_byte(&input) % 4 == 0)
        message->word[6] = deadline_in_us(input_below(&input, 50) * 10000ul);
    if (input_byte(&input) % 32 == 0)
        message->word[input_below(&input, MESSAGE_WORDS)] = input_word(&input);
}

void request_any(void)
{
    unsigned number = input_byte(&input) % FUZZ_CLIENTS;
    __typeof__(&clients[0]) client = &clients[number];
    uint32_t type = MESSAGE_TYPE(PROTO_SOCK, 1 + input_below(&input, 15));
    uint64_t socket = client->count > 0 ? client->socket[input_below(&input, client->count)] : 0;
    struct message message, reply;

    /* A thread that waits can't ask: the next request is the other thread's, if it isn't waiting. */
    unsigned thread = 2 * number;
    if (client_waits(thread))
        thread++;
    if (client_waits(thread))
        return;
    if (type == SOCK_SOCKET)
        message = (struct message){
            .word = {input_byte(&input) % 4 ? SOCK_INET : SOCK_INET6, 1 + input_below(&input, 3)}};
    else
        fill(&message, type, socket);
    int status = client_ask(thread, type, &message);
    if (status == 0 && (type == SOCK_SOCKET || type == SOCK_ACCEPT))
        client->socket[client->count < 8 ? client->count++ : input_below(&input, 8)] = message
                                                                                           .word[0];
    inet_go();
    (void)client_answer(thread, &reply);
}

void request_resolve_name(void)
{
    struct message message = {.word = {0, 1, 0, 4, SOCK_INET}};
    unsigned thread = 2 * (input_byte(&input) % FUZZ_CLIENTS);

    if (client_waits(thread))
        return;
    memcpy(client_buffer, "a.bc", 4);
    client_buffer[0] = (uint8_t)('a' + input_below(&input, 26));
    if (input_byte(&input) % 8 == 0)
        client_buffer[2] = input_byte(&input);
    if (input_byte(&input) % 4 == 0)
        message.word[4] = SOCK_INET6;
    message.word[6] = deadline_in_us(3000000);
    (void)client_ask(thread, SOCK_RESOLVE, &message);
    inet_go();
}
