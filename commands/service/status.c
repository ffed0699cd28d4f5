/*
 * service status: what RS thinks of one service and why, and what the kernel knows of its process.
 */
#include "orders.h"

#include "../common/processes.h"

#include <libanole/anole.h>
#include <libconfig/config.h>
#include <librs/rs_client.h>
#include <stdio.h>

static unsigned long kib_of_frames(uint64_t frames)
{
    return (unsigned long)(frames * PAGE_SIZE / 1024);
}

static unsigned long ms_of_ticks(uint64_t ticks)
{
    return (unsigned long)(ticks_to_us(ticks) / 1000);
}

static void print_timer(const struct rs_status *status, const char *then)
{
    if (status->timer_ms != UINT32_MAX)
        printf("; in %u ms %s", status->timer_ms, then);
    printf("\n");
}

/* Why it is in its state, and what ends that. */
static void print_why(const struct rs_status *status)
{
    const struct rs_service_info *info = &status->info;

    printf("  why          ");
    switch (info->state) {
    case RS_STATE_WAITING_DEVICE:
        printf("no device that it drives is there\n");
        break;
    case RS_STATE_WAITING_START:
        printf("services that it is to start after aren't up yet\n");
        break;
    case RS_STATE_STARTING:
        printf("it was started and hasn't said that it is ready");
        print_timer(status, "RS kills it");
        break;
    case RS_STATE_UP:
        printf("it said that it is ready, %lu ms ago\n",
               ms_of_ticks(ticks_now() - info->up_since_ticks));
        break;
    case RS_STATE_DYING:
        printf("it was told to stop, or its process isn't dead yet");
        print_timer(status, "RS kills it");
        break;
    case RS_STATE_RESET:
        printf("its device is being reset");
        print_timer(status, "RS takes devman for hanging");
        break;
    case RS_STATE_BACKOFF:
        printf("%u deaths count, the last one: %s", status->death_count,
               death_cause_text(info->last_cause));
        print_timer(status, "it is started again");
        break;
    case RS_STATE_STOPPED:
        printf("by order, or it had nothing more to do (last death: %s)\n",
               death_cause_text(info->last_cause));
        break;
    case RS_STATE_FAILED:
        printf("given up: %u deaths counted, the last one: %s\n", status->death_count,
               death_cause_text(info->last_cause));
        break;
    case RS_STATE_DEVICE_FAILED:
        printf("its device didn't come out of reset\n");
        break;
    default:
        printf("?\n");
        break;
    }
}

static void print_restart_on(uint32_t causes)
{
    printf("  restarts     %s", causes == 0 ? "after no death" : "after");
    for (unsigned cause = 0; cause < CONFIG_CAUSES; cause++) {
        if (causes >> cause & 1)
            printf(" %s", config_cause_word(cause));
    }
    printf("\n");
}

static void print_limit(const struct rs_status *status)
{
    if (status->limit == CONFIG_NO_LIMIT) {
        printf("  limit        none\n");
        return;
    }
    printf("  limit        given up at %u deaths within %u ms, then: %s", status->limit,
           status->window_ms, config_given_up_word(status->given_up));
    if (status->given_up == CONFIG_GIVEN_UP_PROGRAM)
        printf(" %.15s%s", status->fallback, status->fell_back ? " (it runs already)" : "");
    printf("\n");
}

static void print_policy(const struct rs_status *status)
{
    print_restart_on(status->restart_on);
    printf("  backoff      %u at once within %u ms, then %u ms doubling to %u ms; forgotten after "
           "%u ms\n",
           status->at_once, status->window_ms, status->backoff_ms, status->backoff_max_ms,
           status->quiet_ms);
    print_limit(status);
    printf("  deaths       %u, of which %u count", status->deaths, status->death_count);
    for (unsigned i = 0; i < status->death_count && i < RS_STATUS_DEATHS; i++)
        printf("%s%u", i == 0 ? " (ms ago: " : ", ", status->death_age_ms[i]);
    printf("%s\n", status->death_count > 0 ? ")" : "");
    if (status->stop_wanted)
        printf("  next death   was ordered and is its end\n");
    else if (status->ordered)
        printf("  next death   was ordered and counts for nothing\n");
    else if (status->gives_up_next)
        printf("  next death   it would be given up\n");
    else
        printf("  next death   it would be started again after %u ms\n", status->info.backoff_ms);
}

static void print_spare(const struct rs_status *status)
{
    printf("  hot spare    ");
    if (status->info.spare == RS_SPARE_READY)
        printf("ready, endpoint %u/%u; ", endpoint_slot(status->spare),
               endpoint_generation(status->spare));
    else
        printf("%s; ", status->info.spare == RS_SPARE_WANTED ? "not made yet" : "none wanted");
    printf("%u of %u restarts woke one\n", status->spares_woken, status->info.restarts);
}

static void print_bound(const char *what, uint32_t ms)
{
    if (ms == 0)
        printf("%s unbounded", what);
    else
        printf("%s %u ms", what, ms);
}

static void print_liveness(const struct rs_status *status)
{
    printf("  bounds      ");
    print_bound(" run", status->spin_ms);
    print_bound(", caller", status->caller_ms);
    print_bound(", answer", status->answer_ms);
    print_bound(", start", status->ready_ms);
    print_bound(", stop", status->stop_ms);
    printf("\n");
    if (!status->looked)
        return;
    printf("  liveness     %u ms ago: %s, ran %u ms since its last wait, ", status->looked_ago_ms,
           status->busy ? "busy" : "waiting", status->cpu_ms);
    if (status->caller_age_ms != 0)
        printf("oldest caller waits for %u ms", status->caller_age_ms);
    else
        printf("nobody waits for it");
    printf("%s\n", status->pinged ? ", owes the answer to a ping" : "");
}

static void print_complaints(const struct rs_status *status)
{
    printf("  complaints   %u\n", status->complaints);
    for (unsigned i = 0; i < status->complaint_count && i < RS_STATUS_COMPLAINTS; i++) {
        const struct rs_complaint_info *complaint = &status->complaint[i];
        uint64_t ms = ms_of_ticks(complaint->time_ticks);

        printf("    of           %u/%u (%.15s) at %lu.%03lu s about %u/%u: %s%s\n",
               endpoint_slot(complaint->process), endpoint_generation(complaint->process),
               complaint->who, (unsigned long)(ms / 1000), (unsigned long)(ms % 1000),
               endpoint_slot(complaint->about), endpoint_generation(complaint->about),
               rs_complaint_text(complaint->kind),
               complaint->counts ? ", has the right to be believed" : "");
    }
}

static void print_process(const struct process_info *process)
{
    printf("  memory       %lu KiB of at most %lu, %lu KiB pinned for devices\n",
           kib_of_frames(process->frames), kib_of_frames(process->max_frames),
           kib_of_frames(process->pinned_frames));
    printf("  handles      %u of at most %u\n", process->handles, process->max_handles);
    printf("  threads      %u, priority %u\n", process->threads, process->priority);
    printf("  cpu          %lu ms\n", ms_of_ticks(process->cpu_ticks));
}

static void print_kernel_facts(endpoint_t endpoint)
{
    struct processes processes;
    const struct process_info *process;

    if (endpoint == ENDPOINT_NONE || processes_read(&processes) != 0)
        return;
    process = processes_find(&processes, endpoint);
    if (process != NULL)
        print_process(process);
    processes_free(&processes);
}

int service_status(const char *name)
{
    static struct rs_status told;
    const struct rs_service_info *info = &told.info;
    int status = rs_status(name, &told);

    if (status != 0) {
        fprintf(stderr, "service: %s: %s\n", name,
                status == -ANOLE_ENOENT ? "no such service" : anole_error_text(status));
        return 1;
    }
    printf("%.15s: %s\n", info->name, rs_state_text(info->state));
    print_why(&told);
    printf("  program      %.15s, service id %u\n", info->program, info->service_id);
    if (info->device[0] != '\0')
        printf("  device       %.31s\n", info->device);
    if (info->endpoint != ENDPOINT_NONE)
        printf("  endpoint     %u/%u, restarted %u times\n", endpoint_slot(info->endpoint),
               endpoint_generation(info->endpoint), info->restarts);
    print_policy(&told);
    print_spare(&told);
    print_liveness(&told);
    print_complaints(&told);
    service_print_death(name);
    print_kernel_facts(info->endpoint);
    return 0;
}
