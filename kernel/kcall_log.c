/*
 * Kernel calls of the log: writing into it, within shares, and reading it.
 */
#include "hart.h"
#include "kcall.h"
#include "kprintf.h"
#include "process.h"
#include "sched.h"
#include "vm.h"
#include <anole/kcall.h>

#define LOG_STAMP_BYTES 16u /* that the kernel puts before each line */

/* ---- shares ---- */

static uint64_t bytes_in_log(const char *text, size_t len)
{
    uint64_t bytes = len + LOG_STAMP_BYTES;

    for (size_t i = 0; i < len; i++)
        bytes += text[i] == '\n' ? LOG_STAMP_BYTES : 0;
    return bytes;
}

/* May so many bytes more be written now, `second` of them a second in the long run and `burst` at once?
 * Once refused, a process is heard again when half of a burst is paid for. */
static bool share_allows(struct log_share *share, uint64_t bytes, uint64_t burst, uint64_t second)
{
    const uint64_t most = ticks_per_second * burst / second;
    uint64_t now = this_hart()->now;
    uint64_t debt = share->paid_ticks > now ? share->paid_ticks - now : 0;

    debt += bytes * ticks_per_second / second;
    if (debt > (share->refused ? most / 2 : most)) {
        share->refused = true;
        return false;
    }
    share->refused = false;
    share->paid_ticks = now + debt;
    return true;
}

/*
 * Nobody who writes without end fills the log with that, or the console: what is too much for the
 * console is kept in the log under a level that isn't shown. Said once each. RS is not limited: it tells
 * about all others.
 */
static int limit(struct process *process, uint64_t bytes, enum log_level *level)
{
    bool silent = process->log_written.refused, hidden = process->log_shown.refused;

    if (process->kcalls & KCALL_BIT(LIVENESS))
        return 0;
    if (!share_allows(&process->log_written, bytes, LOG_BURST_BYTES, LOG_BYTES_PER_SECOND)) {
        if (!silent)
            kprintf(LOG_WARNING, "%s writes too much: refused for a while", process->name);
        return -ANOLE_EAGAIN;
    }
    if (*level <= LOG_WARNING && !share_allows(&process->log_shown, bytes, LOG_SHOWN_BURST_BYTES,
                                               LOG_SHOWN_BYTES_PER_SECOND)) {
        if (!hidden)
            kprintf(LOG_WARNING, "%s warns too much: not shown here for a while", process->name);
        *level = LOG_INFO;
    }
    return 0;
}

/* ---- the calls ---- */

/* address, len, level */
int kcall_log_write(struct thread *caller)
{
    uint64_t len = min_u64(kcall_arg(caller, 1), 512);
    enum log_level level = (enum log_level)kcall_arg(caller, 2);
    char text[512];
    int status;

    if (kcall_arg(caller, 2) > LOG_DEBUG)
        return -ANOLE_EINVAL;
    status = vm_read(caller->process, kcall_arg(caller, 0), text, len);
    if (!status)
        status = limit(caller->process, bytes_in_log(text, len), &level);
    if (!status)
        log_append(level, text, len);
    return status;
}

/* position, address, len -> next position, bytes */
int kcall_log_read(struct thread *caller)
{
    uint64_t position = kcall_arg(caller, 0);
    size_t len = min_u64(kcall_arg(caller, 2), STEP_COPY_BYTES);
    const char *text = log_peek(&position, &len);
    int status = vm_write(caller->process, kcall_arg(caller, 1), text, len);

    if (!status)
        log_taken(caller, position + len);
    kcall_result(0, position + len);
    kcall_result(1, len);
    return status;
}

/* -> position in the log from which the caller shows it */
int kcall_console_take(struct thread *caller)
{
    kcall_result(0, log_hand_over(caller));
    return 0;
}
