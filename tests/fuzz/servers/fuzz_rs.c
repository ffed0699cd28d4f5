/*
 * RS under anything that anyone may send it: programs, services that lie, a devman that tells nonsense,
 * deaths and time between them, memory that runs out. After each step what RS knows must agree with
 * itself and with the kernel's processes; none may be lost.
 */
#include "../input.h"
#include "../require.h"
#include "rs_inside.h"
#include <proto/common.h>
#include <string.h>
#include <tests/host/fake_kernel.h>
#include <tests/host/rs_system.h>

#define STEPS 400u
#define CLIENTS 24u /* programs and threads at a time */

/* ---- what must be true ---- */

static void services_check(void)
{
    for (unsigned i = 0; i < rs.service_count; i++) {
        const struct rs_service *service = &rs.services[i];
        const struct fake_process *process = fake_find(service->endpoint);
        if (service_is_rs(service)) {
            continue;
        }
        REQUIRE(!service_is_live(service) || service->endpoint != ENDPOINT_NONE);
        REQUIRE(service->endpoint == ENDPOINT_NONE || (process && process->state != PROCESS_FREE));
        REQUIRE(!service->device || service->device->service == service);
        for (unsigned j = 0; j < i; j++) {
            REQUIRE(service->endpoint == ENDPOINT_NONE ||
                    rs.services[j].endpoint != service->endpoint);
        }
    }
}

/* Every process that RS made is some service's, and nobody keeps the memory of one that is none. */
static void processes_check(void)
{
    for (unsigned i = 0; i < fake.count; i++) {
        const struct fake_process *process = &fake.processes[i];
        bool known = process->state == PROCESS_FREE || process->creator != FAKE_RS ||
                     process->service_id == ID_PROGRAM;
        for (unsigned j = 0; j < rs.service_count && !known; j++) {
            const struct rs_service *service = &rs.services[j];
            known = service->endpoint == process->endpoint ||
                    service->corpse == process->endpoint || service->spare == process->endpoint;
        }
        REQUIRE(known);
    }
}

static void names_check(void)
{
    REQUIRE(rs.name_count <= RS_NAMES && rs.subscription_count <= RS_SUBSCRIPTIONS);
    for (unsigned i = 0; i < rs.name_count; i++) {
        const struct rs_name *name = &rs.names[i];
        REQUIRE(name->endpoint == ENDPOINT_NONE || service_is_live(name->owner) ||
                service_is_rs(name->owner));
        for (unsigned j = 0; j < i; j++) {
            REQUIRE(memcmp(rs.names[j].name, name->name, RS_NAME_LEN) != 0);
        }
    }
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        unsigned same = 0;
        for (unsigned j = 0; j < rs.subscription_count; j++) {
            same += rs.subscriptions[j].thread != ENDPOINT_NONE &&
                            rs.subscriptions[j].process == rs.subscriptions[i].process
                        ? 1u
                        : 0u;
        }
        REQUIRE(same <= RS_SUBSCRIPTIONS_EACH);
    }
}

/* ---- what is sent ---- */

static struct fake_process *process_any(struct input *input)
{
    return &fake.processes[input_below(input, fake.count)];
}

static void name_put(struct input *input, uint64_t words[2])
{
    static const char *const known[] = {"rs",  "devman", "pm",    "disk",   "disk.1",
                                        "vda", "vdb",    "shell", "nobody", ""};
    uint32_t choice = input_below(input, 12);
    if (choice < sizeof(known) / sizeof(known[0])) {
        rs_name_pack(words, known[choice]);
    } else {
        words[0] = input_word(input);
        words[1] = choice == 10 ? 0 : input_word(input);
    }
}

static uint64_t word_any(struct input *input)
{
    switch (input_below(input, 4)) {
    case 0:
        return input_word(input);
    case 1:
        return process_any(input)->endpoint;
    case 2:
        return input_byte(input);
    default:
        return input_below(input, 6);
    }
}

/* What RS finds behind the grant: a disk, now and then with a few bytes of it changed. */
static void device_put(struct input *input, struct message *message)
{
    uint32_t number = input_below(input, 70);
    struct rs_device_told told = device_told(number, 0x10000000u + number * PAGE_SIZE);
    message->word[0] = 1 + input_below(input, 8);
    memcpy(fake.granted, &told, sizeof(told));
    fake.granted_len = sizeof(told);
    for (unsigned i = input_below(input, 4); i > 0; i--) {
        fake.granted[input_below(input, sizeof(told))] = input_byte(input);
    }
}

static bool begins_with_name(uint32_t type)
{
    return type == RS_PUBLISH || type == RS_LOOKUP || type == RS_SUBSCRIBE ||
           type == RS_UNSUBSCRIBE || type == RS_RECORD || type == RS_STATUS || type == RS_CONTROL ||
           type == RS_INJECT;
}

static void message_send(struct input *input)
{
    static const uint32_t others[] = {0, COMMON_PING, MESSAGE_TYPE(PROTO_BLK, 3)};
    struct message message = {.endpoint = process_any(input)->endpoint};
    uint32_t choice = input_below(input, 45);
    message.type = choice >= 42 ? others[choice - 42] : MESSAGE_TYPE(PROTO_RS, choice);
    for (unsigned i = 0; i < 4; i++) {
        message.word[i] = word_any(input);
    }
    if (message.type == RS_DEVICE) {
        device_put(input, &message);
    } else if (begins_with_name(message.type)) {
        name_put(input, message.word);
    }
    int status = inside_handle(&message);
    REQUIRE(status <= 0);
}

/* ---- what happens ---- */

static struct fake_process *live_any(struct input *input)
{
    struct fake_process *process = process_any(input);
    return process->state == PROCESS_RUNNING && process->started ? process : NULL;
}

static void client_add(struct input *input)
{
    unsigned clients = 0;
    for (unsigned i = 0; i < fake.count; i++) {
        clients += fake.processes[i].service_id == ID_PROGRAM &&
                           fake.processes[i].state != PROCESS_FREE
                       ? 1u
                       : 0u;
    }
    const struct fake_process *pm = fake_named("pm");
    if (clients < CLIENTS && fake_room() && pm) {
        struct fake_process *client = fake_add("client", ID_PROGRAM);
        client->creator = input_below(input, 2) ? pm->endpoint : FAKE_RS;
    }
}

static void die(struct input *input)
{
    static const enum death_cause causes[] = {DEATH_EXIT, DEATH_PANIC, DEATH_DEVICE_RESET,
                                              DEATH_LOAD_FAULT, DEATH_KILLED};
    struct fake_process *process = live_any(input);
    if (process) {
        fake_kill(process, causes[input_below(input, 5)], input_byte(input));
    }
    inside_work();
}

/* A service or devman does what it should. */
static void behave(const struct fake_process *process, bool reset_fails)
{
    struct message message = {.endpoint = process->endpoint, .type = RS_READY};
    (void)inside_handle(&message);
    message = (struct message){.endpoint = process->endpoint, .type = RS_RESET_FETCH};
    if (inside_handle(&message) == 0) {
        message.endpoint = process->endpoint;
        message.type = RS_RESET_DONE;
        message.word[1] = reset_fails ? (uint64_t)-ANOLE_EIO : 0;
        (void)inside_handle(&message);
    }
}

static void time_pass(struct input *input)
{
    fake.now += input_below(input, 60000) * (uint64_t)FAKE_TICKS_PER_MS / 10;
    for (unsigned i = 0; i < fake.count; i++) {
        fake.processes[i].liveness.last_wait_ticks = fake.now;
    }
    inside_work();
}

/* Somebody subscribes to more names than he may. */
static void subscribe_all(struct input *input)
{
    const struct fake_process *process = live_any(input);
    for (unsigned i = 0; process && i < RS_SUBSCRIPTIONS_EACH + 4; i++) {
        struct message message = {
            .endpoint = process->endpoint, .type = RS_SUBSCRIBE, .word = {'a' + i, 0, 1}};
        (void)inside_handle(&message);
    }
}

static void hang(struct input *input)
{
    struct fake_process *process = live_any(input);
    if (process) {
        process->liveness.cpu_since_wait_ticks = input_word(input);
        process->liveness.oldest_caller_ticks = input_below(input, 2) ? fake.now : 0;
        process->liveness.state = input_byte(input);
    }
}

static void step(struct input *input)
{
    const struct fake_process *process;
    switch (input_below(input, 17)) {
    case 0:
        die(input);
        break;
    case 16:
        subscribe_all(input);
        break;
    case 1:
        time_pass(input);
        break;
    case 2:
        client_add(input);
        break;
    case 3:
        hang(input);
        break;
    case 4:
        fake.create_error = input_below(input, 3) == 0 ? -ANOLE_ENOMEM : 0;
        break;
    case 5:
    case 6:
    case 7:
        process = live_any(input);
        if (process) {
            behave(process, input_below(input, 8) == 7);
        }
        break;
    default:
        message_send(input);
        break;
    }
}

/* A dead service's memory may hold anything. */
static int corpse_read(uint32_t call, struct message *message)
{
    uint64_t noise = fake.now;
    uint8_t *local = (uint8_t *)(uintptr_t)message->word[2];
    if (call != KCALL_PROCESS_READ) {
        return -ANOLE_ENOSYS;
    }
    for (uint64_t i = 0; i < message->word[3]; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        local[i] = (uint8_t)(noise >> 56);
    }
    return 0;
}

/* Everybody does what he should, until the shell is up with its disk. */
static void boot(void)
{
    struct input nothing = {NULL, 0};
    struct message message = {0};
    services_init();
    inside_work();
    message.endpoint = fake_named("devman")->endpoint;
    message.type = RS_DEVICE;
    device_put(&nothing, &message);
    (void)inside_handle(&message);
    message = (struct message){.endpoint = message.endpoint, .type = RS_DEVICES_DONE};
    (void)inside_handle(&message);
    for (unsigned i = 0; i < 3 * fake.count; i++) {
        behave(&fake.processes[i % fake.count], false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input = {data, len};
    fake_reset();
    inside_reset();
    rs_system();
    disk_config->hot_spare = input_below(&input, 2);
    if (setjmp(fake.power_off)) {
        return 0; /* it stopped the machine, as it was told */
    }
    shell_config->rights.may_control = input_below(&input, 4) != 0;
    shell_config->rights.may_complain = true;
    disk_config->rights.may_complain = true;
    fake.kcall = corpse_read;
    boot();
    for (unsigned i = 0; i < STEPS && input.len > 0; i++) {
        step(&input);
        services_check();
        processes_check();
        names_check();
    }
    return 0;
}
