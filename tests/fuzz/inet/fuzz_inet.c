/*
 * The network server, lwIP in it, between a wire that brings anything and clients that ask for anything:
 * single frames, and sequences within live connections. Whatever they do, no step leads out of a
 * frame's memory, no assertion is hit, buffers that the devices receive into stay there for the most
 * part, and when clients have died, time has passed and interfaces were taken down, nothing is held.
 */
#include "fuzz_inet.h"

#include "../require.h"

#include <lwip/priv/memp_priv.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>

#define STEPS 100u
#define LONG_MS 65000u   /* until fragments are forgotten */
#define KEPT_AT_ONCE 64u /* buffers of one frame more */

struct input input;

static void drivers(void)
{
    unsigned wire = input_byte(&input) % 2;

    switch (input_below(&input, 5)) {
    case 0:
        wires[wire].info.flags = NET_INFO_TX_CSUM | (input_byte(&input) % 8u << 1);
        wires[wire].info.tx_pieces_max = 20;
        wires[wire].info.tx_segments_max_bytes = input_byte(&input) * 256u;
        wire_driver(wire, false);
        wire_driver(wire, true);
        break;
    case 1:
        wire_link(wire, false);
        break;
    case 2:
        wire_link(wire, true);
        break;
    case 3:
        wires[wire].holds = !wires[wire].holds;
        inet_go();
        break;
    default:
        wires[wire].part_bytes = input_below(&input, 3) * 20;
        break;
    }
}

static void step(void)
{
    static void (*const steps[])(void) = {
        packet_raw,       packet_ip,      packet_ip6,     packet_arp,     packet_fragment,
        packet_fragment6, packet_segment, packet_segment, packet_segment, packet_connect,
        packet_answer,    request_any,    request_any,    request_any,    request_resolve_name,
    };
    unsigned which = input_below(&input, 18);

    if (which < sizeof(steps) / sizeof(steps[0]))
        steps[which]();
    else if (which == 17)
        drivers();
    else
        inet_pass(input_below(&input, 64) * 10);
    packets_look();
    REQUIRE(wires[0].handed_out + wires[1].handed_out <= RX_BUFFERS / 2 + KEPT_AT_ONCE);
}

static void set_up(const char *name, bool up)
{
    struct message message = {.word = {[5] = INET_UP, [6] = up}};

    rs_name_pack(message.word, name);
    REQUIRE(client_ask(OPERATOR, INET_SET, &message) == 0);
}

/* Everything ends that has an end. */
static void end(void)
{
    for (unsigned i = 0; i < FUZZ_CLIENTS; i++)
        client_die(2 * i);
    for (unsigned i = 0; i < 2; i++) {
        wires[i].holds = false;
        wires[i].part_bytes = 0;
        wire_link(i, true);
    }
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    set_up("eth0", false);
    set_up("eth1", false);
    inet_pass(LONG_MS);
}

static void nothing_is_held(void)
{
    static const memp_t pools[] = {
        MEMP_TCP_PCB,       MEMP_TCP_PCB_LISTEN, MEMP_TCP_SEG,   MEMP_PBUF,
        MEMP_PBUF_POOL,     MEMP_REASSDATA,      MEMP_FRAG_PBUF, MEMP_ARP_QUEUE,
        MEMP_IP6_REASSDATA, MEMP_ND6_QUEUE,      MEMP_RAW_PCB,
    };

    for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
        REQUIRE(lwip_stats.memp[pools[i]]->used == 0);
    REQUIRE(!socket_next(NULL));
    for (unsigned i = 0; i < 2; i++)
        REQUIRE(wires[i].handed_out == 0 && wires[i].unanswered == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool begun;

    if (!begun)
        inet_begin();
    begun = true;
    input = (struct input){data, len};
    set_up("eth0", true);
    set_up("eth1", true);
    inet_pass(1500); /* addresses are asked for */
    peer_introduce();
    requests_begin();
    packets_look();
    for (unsigned i = 0; i < STEPS && input.len > 0; i++)
        step();
    end();
    wire_clear(0);
    wire_clear(1);
    nothing_is_held();
    return 0;
}
