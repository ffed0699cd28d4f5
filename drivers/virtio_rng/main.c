/*
 * The virtio entropy driver: random bytes for clients, and for the kernel at start and once a minute.
 * One buffer is in flight at a time; clients' requests wait in line, a long one goes to the end of the
 * line after each buffer. Nothing outlives the process: when it dies, its callers are told by the
 * kernel and ask the next instance.
 */
#include <libanole/anole.h>
#include <libvirtio/driver.h>
#include <proto/rng.h>
#include <string.h>

#define BUFFER_BYTES 1024u
#define WAITING_MAX 32u
#define WAITING_OF_ONE_MAX 4u /* a process has that many at most, each from another thread */
#define MIX_BYTES 32u
#define MIX_PERIOD_US 60000000u

struct waiting {
    struct ipc_delivery request;
    endpoint_t process;
    uint64_t done_bytes; /* of an RNG_READ */
};

static struct virtq queue;
static struct virtq_chain chains[1];
static struct dma_memory buffer;
static bool asked;      /* the buffer is the device's */
static bool mixing;     /* ... for the kernel */
static bool mix_wanted; /* the next time it is to be */
static uint64_t mix_ticks;
static struct waiting line[WAITING_MAX]; /* the first one is served */
static unsigned waiting_count;

static uint64_t bytes_wanted(const struct waiting *waiting)
{
    const uint64_t *word = waiting->request.message.word;
    return waiting->request.message.type == RNG_GET ? word[0] : word[2] - waiting->done_bytes;
}

/* Gives the device the buffer, if it hasn't got it and there is a use for it. */
static void ask(void)
{
    uint64_t wanted = mix_wanted ? MIX_BYTES : waiting_count > 0 ? bytes_wanted(&line[0]) : 0;
    if (asked || wanted == 0)
        return;
    mixing = mix_wanted;
    mix_wanted = false;
    struct virtq_segment segment = {
        .device_address = buffer.device_address,
        .len_bytes = wanted < BUFFER_BYTES ? (uint32_t)wanted : BUFFER_BYTES,
    };
    asked = virtio_driver_submit(&queue, &segment, 0, 1, 0) == 0;
}

static void mix(void)
{
    mix_wanted = true;
    mix_ticks = deadline_in_us(MIX_PERIOD_US);
    ask();
}

static uint64_t mix_due(void)
{
    return mix_ticks;
}

/* Moves len bytes to a client; 1: it wants more, else what it is to be told. */
static int deliver(struct waiting *waiting, uint32_t len)
{
    struct message *message = &waiting->request.message;
    if (len == 0)
        return -ANOLE_EIO;
    if (message->type == RNG_GET) {
        memset(message->word, 0, sizeof(message->word));
        message->word[0] = len;
        memcpy(&message->word[1], buffer.address, len);
        return 0;
    }
    int rc = kcall_copy(message->endpoint, message->word[0], message->word[1] + waiting->done_bytes,
                        buffer.address, len, COPY_TO_GRANT);
    waiting->done_bytes += len;
    return rc < 0 ? rc : bytes_wanted(waiting) > 0;
}

static void serve_first(uint32_t len)
{
    struct waiting first = line[0];
    memmove(&line[0], &line[1], --waiting_count * sizeof(line[0]));
    int status = deliver(&first, len);
    virtio_count(&virtio_driver_counters, len, status < 0);
    if (status > 0)
        line[waiting_count++] = first;
    else
        service_reply(&first.request, status);
}

/* The device has filled the buffer, as far as it says (virtio 1.4, 5.4.6). */
static void filled(struct virtq *used_queue, const struct virtq_used *used)
{
    uint64_t words[4];
    (void)used_queue;
    asked = false;
    if (!mixing)
        serve_first(used->len_bytes);
    else if (used->len_bytes == MIX_BYTES &&
             kcall_random_mix(memcpy(words, buffer.address, sizeof(words))) < 0)
        log_printf(LOG_WARNING, "virtio_rng: may not add to the kernel's random numbers");
    memset(buffer.address, 0, BUFFER_BYTES); /* nobody else ever gets these */
    ask();
}

/* Both requests: the caller is kept waiting. */
static int enqueue(struct ipc_delivery *request)
{
    struct waiting waiting = {.request = *request};
    uint64_t most = request->message.type == RNG_GET ? RNG_INLINE_MAX : RNG_READ_MAX;
    unsigned service_id, of_process = 0;
    if (bytes_wanted(&waiting) == 0 || bytes_wanted(&waiting) > most)
        return -ANOLE_EINVAL;
    int rc = kcall_endpoint_info(request->message.endpoint, &waiting.process, &service_id);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < waiting_count; i++)
        of_process += line[i].process == waiting.process;
    if (waiting_count == WAITING_MAX || of_process >= WAITING_OF_ONE_MAX)
        return -ANOLE_EBUSY;
    line[waiting_count++] = waiting;
    ask();
    return SERVICE_NO_REPLY;
}

static int set_up(struct virtio_device *entropy_device)
{
    (void)entropy_device; /* there is no configuration to read */
    int rc = virtio_driver_memory(BUFFER_BYTES, &buffer);
    return rc < 0 ? rc : virtio_driver_queue(&queue, 0, 1, chains);
}

int main(void)
{
    static const struct feature_rule rules[] = {VIRTIO_RULES_COMMON};
    static const struct service_entry entries[] = {{RNG_GET, enqueue}, {RNG_READ, enqueue}};
    static const struct virtio_driver rng_driver = {
        .name = "virtio_rng",
        .serves = "random",
        .device_id = VIRTIO_ID_RNG,
        .rules = rules,
        .rule_count = sizeof(rules) / sizeof(rules[0]),
        .patience_us = 2000000,
        .entries = entries,
        .entry_count = sizeof(entries) / sizeof(entries[0]),
        .probe = set_up,
        .started = mix,
        .used = filled,
        .due = mix_due,
        .act = mix,
    };
    virtio_driver_run(&rng_driver);
}
