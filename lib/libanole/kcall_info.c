/*
 * Kernel calls that tell about the system, and those of the kernel's log.
 */
#include <libanole/anole.h>

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    struct message message = {.word = {endpoint}};
    int error = kcall(KCALL_ENDPOINT_INFO, &message);

    if (!error) {
        *process = (endpoint_t)message.word[0];
        *service_id = (unsigned)message.word[1];
    }
    return error;
}

int kcall_system_info(struct system_info *info)
{
    struct message message = {.word = {(uintptr_t)info}};

    return kcall(KCALL_SYSTEM_INFO, &message);
}

int kcall_process_info(unsigned slot, struct process_info *info)
{
    struct message message = {.word = {slot, (uintptr_t)info}};

    return kcall(KCALL_PROCESS_INFO, &message);
}

int kcall_process_next(unsigned slot, struct process_info *info)
{
    struct message message = {.word = {slot, (uintptr_t)info, INFO_OR_NEXT}};

    return kcall(KCALL_PROCESS_INFO, &message);
}

int kcall_counters(endpoint_t endpoint, struct counters *counters)
{
    struct message message = {.word = {endpoint, (uintptr_t)counters}};

    return kcall(KCALL_COUNTERS, &message);
}

int kcall_random(uint64_t words[4])
{
    struct message message = {0};
    int error = kcall(KCALL_RANDOM, &message);

    for (unsigned i = 0; i < 4; i++) {
        words[i] = error ? 0 : message.word[i];
    }
    return error;
}

int kcall_random_mix(const uint64_t words[4])
{
    struct message message = {.word = {words[0], words[1], words[2], words[3]}};

    return kcall(KCALL_RANDOM_MIX, &message);
}

int kcall_log_write(enum log_level level, const char *text, size_t len)
{
    struct message message = {.word = {(uintptr_t)text, len, level}};

    return kcall(KCALL_LOG_WRITE, &message);
}

int kcall_log_read(uint64_t position, char *buffer, size_t len, uint64_t *next, size_t *count)
{
    struct message message = {.word = {position, (uintptr_t)buffer, len}};
    int error = kcall(KCALL_LOG_READ, &message);

    if (!error) {
        *next = message.word[0];
        *count = message.word[1];
    }
    return error;
}

int kcall_boot_arguments(char *buffer, size_t len, size_t *full_len)
{
    struct message message = {.word = {(uintptr_t)buffer, len}};
    int error = kcall(KCALL_BOOT_ARGUMENTS, &message);

    if (!error) {
        *full_len = message.word[0];
    }
    return error;
}
