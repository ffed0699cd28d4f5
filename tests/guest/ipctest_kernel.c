/*
 * ipctest: rights, and what the kernel tells.
 */
#include "ipctest.h"

#include <stdio.h>
#include <string.h>

/* Words that no call takes for anything sensible. */
static int absurd_kcall(uint32_t call)
{
    struct message message;

    memset(&message, 0xff, sizeof(message));
    return kcall(call, &message);
}

/* Calls that only servers may make: refused, whatever the words say. */
static const uint32_t privileged[] = {
    KCALL_DMA_ALLOC,      KCALL_DMA_MAP,         KCALL_DMA_UNMAP,      KCALL_DMA_MAP_OWN,
    KCALL_WINDOW_MAP,     KCALL_IRQ_BIND,        KCALL_CONSOLE_TAKE,   KCALL_DEVICE_MAP,
    KCALL_QUARANTINE_END, KCALL_QUARANTINE_INFO, KCALL_WALL_CLOCK_SET, KCALL_PROCESS_CREATE,
    KCALL_PROCESS_MAP,    KCALL_PROCESS_WRITE,   KCALL_PROCESS_START,  KCALL_PROCESS_KILL,
    KCALL_PROCESS_BURY,   KCALL_DEATH_NEXT,      KCALL_DEATH_RECORD,   KCALL_PROCESS_RESOURCE,
    KCALL_PROCESS_READ,   KCALL_PROCESS_REGS,    KCALL_PROCESS_NOTIFY, KCALL_LIVENESS,
    KCALL_POWER,          KCALL_MSI_ALLOC,       KCALL_MSI_INFO,       KCALL_RANDOM_MIX,
};

/* Finds a process that mustn't be called by a program; nothing is delivered on the way. */
static bool find_forbidden(endpoint_t *endpoint)
{
    struct system_info system;
    struct process_info process;

    if (kcall_system_info(&system) != 0)
        return false;
    for (unsigned slot = 0; slot < system.process_slots; slot++) {
        if (kcall_process_info(slot, &process) != 0 || process.state != PROCESS_RUNNING)
            continue;
        struct message message = {.endpoint = process.endpoint, .type = UINT32_MAX};
        if (ipc_call(&message, DEADLINE_POLL) == -ANOLE_EPERM) {
            *endpoint = process.endpoint;
            return true;
        }
    }
    return false;
}

void group_rights(void)
{
    endpoint_t child = child_start(), forbidden = ENDPOINT_NONE;

    for (unsigned i = 0; i < sizeof(privileged) / sizeof(privileged[0]); i++) {
        struct message message = {.word = {privileged[i]}};

        check_status(absurd_kcall(privileged[i]), -ANOLE_EPERM, (int)privileged[i], "kernel call");
        EXPECT(child_call(child, CHILD_RIGHTS, &message), -ANOLE_EPERM);
    }
    child_end(child);

    /* What one may not call isn't reached, with any deadline. */
    if (CHECK(find_forbidden(&forbidden))) {
        struct message message = {.endpoint = forbidden, .type = UINT32_MAX};
        EXPECT(ipc_call(&message, DEADLINE_NEVER), -ANOLE_EPERM);
    }

    /* pm lets nobody kill or wait for what isn't its child. */
    enum death_cause cause;
    uint64_t detail;
    EXPECT(program_kill(startup_page()->rs), -ANOLE_EPERM);
    CHECK(program_wait(startup_page()->rs, &cause, &detail) < 0);
}

void group_information(void)
{
    endpoint_t self = startup_page()->self, process;
    const struct info_page *page = info_page();
    struct system_info system;
    struct process_info info;
    unsigned id, found = 0, seen = 0;

    CHECK(page->abi_version == ANOLE_ABI_VERSION);
    CHECK(page->page_size == PAGE_SIZE);
    CHECK(page->ticks_per_second > 0);
    EXPECT(kcall_system_info(&system), 0);
    CHECK(system.harts == page->harts && system.harts >= 1);
    CHECK(system.frames_free < system.frames_total);
    CHECK(system.processes >= 3 && system.threads >= system.processes);

    for (unsigned slot = 0; slot < system.process_slots; slot++) {
        int status = kcall_process_info(slot, &info);

        if (status != 0) {
            EXPECT(status, -ANOLE_ENOENT);
            continue;
        }
        seen++;
        CHECK(info.state != PROCESS_FREE && info.frames <= info.max_frames);
        if (info.endpoint == self) {
            found++;
            CHECK(info.state == PROCESS_RUNNING && info.main_state == THREAD_RUNNING);
            CHECK(strcmp(info.name, "ipctest") == 0);
            CHECK(info.threads == 1);
        }
    }
    CHECK(found == 1);
    CHECK(seen >= 3);
    EXPECT(kcall_process_info(system.process_slots, &info), -ANOLE_ENOENT);
    EXPECT(kcall_process_info(UINT32_MAX, &info), -ANOLE_ENOENT);

    EXPECT(kcall_endpoint_info(self, &process, &id), 0);
    CHECK(process == self);
    EXPECT(kcall_endpoint_info(ENDPOINT_SELF, &process, &id), 0);
    CHECK(process == self);
    EXPECT(kcall_endpoint_info(ENDPOINT_NONE, &process, &id), -ANOLE_EDEADENDPOINT);

    uint64_t first[4] = {0}, second[4] = {0};
    EXPECT(kcall_random(first), 0);
    EXPECT(kcall_random(second), 0);
    CHECK(memcmp(first, second, sizeof(first)) != 0);

    char text[8];
    size_t full = 0, again = 0;
    EXPECT(kcall_boot_arguments(text, 0, &full), 0);
    EXPECT(kcall_boot_arguments(text, sizeof(text), &again), 0);
    CHECK(full == again);
}

/* The counters are exact. */
void group_counters(void)
{
    enum { CALLS = 50 };
    endpoint_t self = startup_page()->self, child = child_start();
    struct counters before, after, harts;
    handle_t bell;

    EXPECT(kcall_counters(self, &before), 0);
    for (unsigned i = 0; i < CALLS; i++) {
        struct message message = {0};
        EXPECT(child_call(child, CHILD_ECHO, &message), 0);
    }
    EXPECT(kcall_counters(self, &after), 0);
    CHECK(after.messages - before.messages == CALLS);
    CHECK(after.system_calls - before.system_calls == CALLS + 1);
    CHECK(after.kernel_calls - before.kernel_calls == 1);
    CHECK(after.copied_bytes == before.copied_bytes);
    CHECK(after.traps - before.traps >= CALLS + 1);

    /* The answers are the child's. */
    struct message message = {0};
    EXPECT(kcall_counters(child, &before), 0);
    EXPECT(child_call(child, CHILD_ECHO, &message), 0);
    EXPECT(kcall_counters(child, &after), 0);
    CHECK(after.messages - before.messages == 1);

    EXPECT(kcall_doorbell(self, 1, &bell), 0);
    EXPECT(kcall_counters(self, &before), 0);
    EXPECT(ipc_notify(self, bell), 0);
    EXPECT(ipc_notify(self, bell), 0);
    EXPECT(kcall_counters(self, &after), 0);
    CHECK(after.notifications - before.notifications == 2);

    EXPECT(kcall_counters(ENDPOINT_KERNEL, &harts), 0);
    CHECK(harts.messages >= after.messages && harts.traps >= after.traps);
    EXPECT(kcall_counters(ENDPOINT_NONE, &harts), -ANOLE_ENOENT);
    child_end(child);
}

void group_log(void)
{
    static const char line[] = "ipctest writes this line";
    static char buffer[1024];
    struct system_info system;
    uint64_t position, next;
    size_t count = 0, len = 0;
    static char text[4096];

    EXPECT(kcall_system_info(&system), 0);
    EXPECT(kcall_log_write(LOG_INFO, line, sizeof(line) - 1), 0);
    for (position = system.log_end; len + sizeof(buffer) < sizeof(text); position = next) {
        if (!EXPECT(kcall_log_read(position, buffer, sizeof(buffer), &next, &count), 0) ||
            count == 0)
            break;
        CHECK(next >= position + count);
        memcpy(text + len, buffer, count);
        len += count;
    }
    text[len] = '\0';
    CHECK(strstr(text, line) != NULL);

    EXPECT(kcall_log_read(~0ul, buffer, sizeof(buffer), &next, &count), 0);
    CHECK(count == 0);
    EXPECT(kcall_log_read(0, buffer, sizeof(buffer), &next, &count), 0);
    CHECK(count > 0);
    EXPECT(kcall_log_write((enum log_level)99, line, 1), -ANOLE_EINVAL);
    EXPECT(kcall_log_write(LOG_INFO, NULL, 8), -ANOLE_EFAULT);
}

/* Every call that writes to or reads from memory survives any address. */
void group_addresses(void)
{
    static void *const wild[] = {
        NULL,
        (void *)8,
        (void *)(USER_MAP_END - PAGE_SIZE),
        (void *)(USER_END - 4),
        (void *)USER_END,
        (void *)0x8000000000000000ul,
        (void *)0xffffffc080200000ul,
        (void *)~0ul,
        (void *)USER_INFO_PAGE, /* read-only */
    };

    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        bool read_only = wild[i] == (void *)USER_INFO_PAGE;
        uint64_t next;
        size_t count;

        EXPECT(kcall_system_info(wild[i]), -ANOLE_EFAULT);
        EXPECT(kcall_counters(ENDPOINT_KERNEL, wild[i]), -ANOLE_EFAULT);
        EXPECT(kcall_log_read(0, wild[i], 64, &next, &count), -ANOLE_EFAULT);
        if (!read_only)
            EXPECT(kcall_log_write(LOG_DEBUG, wild[i], 64), -ANOLE_EFAULT);
    }
}
