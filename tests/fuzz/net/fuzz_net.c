/*
 * The network driver and libnet's server between a device that says anything of frames, commands and
 * its configuration, and clients that ask for anything. Whatever they do: memory that isn't shared
 * isn't touched, statistics add up, and when the clients have died nothing of theirs is held. (Rings
 * that break their rules are fuzz_virtq's business.)
 */
#include "../input.h"

#include <libanole/service.h>
#include <string.h>
#include <tests/host/virtio/net_fixture.h>

#define STEPS 60u
#define STRANGER_BUFFER 4096u

static struct input input;
static unsigned char bytes[NIC_MODEL_FRAME];
static unsigned char stranger_buffer[STRANGER_BUFFER];
static handle_t stranger_grant;

/* Features in any combination; the basics more often than not. */
static uint64_t features(void)
{
    uint64_t set = input_word(&input) & (NET_USUAL | NET_OFFLOADS | BIT(VIRTIO_NET_F_MTU) |
                                         BIT(VIRTIO_NET_F_SPEED_DUPLEX) |
                                         BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_NET_F_MQ));
    return input_byte(&input) % 4 != 0 ? set | NET_USUAL : set;
}

static void deliver(void)
{
    unsigned char header[NIC_MODEL_HEADER];
    size_t len = input_below(&input, 3000);
    if (input_byte(&input) == 0)
        len = 60000;
    for (unsigned i = 0; i < NIC_MODEL_HEADER; i++)
        header[i] = input_byte(&input);
    for (unsigned i = 0; i < 20; i++)
        bytes[i] = input_byte(&input);
    if (input_byte(&input) % 2 != 0)
        memset(header, 0, sizeof(header));
    if (input_byte(&input) % 2 != 0)
        memcpy(bytes, nic.net.info.address, 6);
    (void)nic_model_deliver(&model, header, bytes, len);
    net_work();
}

/* A request of any kind, with words that are more or less right. */
static void ask(void)
{
    struct message message = {.endpoint = 0};
    uint32_t type = MESSAGE_TYPE(PROTO_NET, 1 + input_below(&input, 15));
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
        switch (input_below(&input, 4)) {
        case 0:
            message.word[i] = input_word(&input);
            break;
        case 1:
            message.word[i] = stranger_grant;
            break;
        case 2:
            message.word[i] = b.session;
            break;
        default:
            message.word[i] = input_below(&input, 3000);
            break;
        }
    }
    if (input_byte(&input) % 4 != 0)
        message.word[1] = b.session;
    (void)net_call_as(&b, type, &message);
    net_work();
}

static void ask_by_channel(void)
{
    uint32_t flags = input_byte(&input) % 4 == 0 ? input_byte(&input) : 0;
    uint32_t type = MESSAGE_TYPE(PROTO_NET, 1 + input_below(&input, 15));
    if (type == NET_RX_MODE)
        type = NET_TX;
    uint64_t word[3];
    for (unsigned i = 0; i < 3; i++)
        word[i] = input_byte(&input) % 4 == 0 ? input_word(&input) : input_below(&input, 65535);
    (void)client_put(&a, type, flags, word[0], NET_PIECE(word[1], input_below(&input, 2000)),
                     word[2]);
    client_go(&a);
}

static void misbehave(void)
{
    model.hold_sends = input_byte(&input) % 2 != 0;
    model.by_pair = input_below(&input, model.pairs);
    model.refuses = input_byte(&input) % 4 == 0;
    model.silent = input_byte(&input) % 32 == 0;
    model.num_buffers = input_byte(&input) % 16 == 0 ? (int)input_below(&input, 65536) : -1;
    for (unsigned i = 6; i < sizeof(model.config); i++)
        if (input_byte(&input) % 4 == 0)
            model.config[i] = input_byte(&input);
    vdev_config_changed(&model.device);
    net_work();
}

static void step(void)
{
    switch (input_below(&input, 8)) {
    case 0:
        if (a.last_id < 100000)
            (void)client_post(&a, 1 + input_below(&input, 8));
        break;
    case 1:
        ask();
        break;
    case 2:
        ask_by_channel();
        break;
    case 3:
        misbehave();
        break;
    case 4:
        net_pass(input_below(&input, 60000) * 5);
        break;
    case 5:
        (void)client_mode(&a, input_byte(&input) & 15u);
        net_work();
        break;
    default:
        deliver();
        break;
    }
    struct message answer;
    while (died == 0 && client_answer(&a, &answer) != 0)
        continue;
}

/* All clients die; the driver, if it lives, gives everything back. */
static void end(void)
{
    struct net_stats stats;
    net_statistics(&stats);
    model.hold_sends = model.silent = false;
    fake_process_die(CLIENT_A);
    fake_process_die(CLIENT_B);
    fake_kernel.service->notified(NOTIFY_BIT(1));
    net_work();
    net_pass(500000);
    if (died == 0)
        CHECK(fake_kernel_held() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    net_device(features());
    for (unsigned i = 0; i < sizeof(model.config); i++)
        if (input_byte(&input) % 8 == 0)
            model.config[i] = input_byte(&input);
    if (net_driver() < 0 || died != 0)
        return 0;
    stranger_grant = fake_grant(CLIENT_B, stranger_buffer, sizeof(stranger_buffer),
                                GRANT_READ | GRANT_WRITE);
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    client_open(&b, CLIENT_B);
    net_work();
    for (unsigned i = 0; i < STEPS && input.len > 0 && died == 0; i++)
        step();
    if (died == 0)
        end();
    return 0;
}
