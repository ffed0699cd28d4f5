/*
 * What remains of a service's deaths, from the kernel's records and from the ring of messages that RS
 * read out of the corpses. tools/symbolize puts names to the addresses of such output.
 */
#include "orders.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

#define REGISTERS_A_LINE 4u

static void print_message(const struct rs_death_message *message)
{
    if (message->source == ENDPOINT_KERNEL)
        printf("    took         notifications 0x%lx\n", (unsigned long)message->word[0]);
    else
        printf("    took         type 0x%04x from %u/%u: 0x%lx 0x%lx 0x%lx\n", message->type,
               endpoint_slot(message->source), endpoint_generation(message->source),
               (unsigned long)message->word[0], (unsigned long)message->word[1],
               (unsigned long)message->word[2]);
}

static void print_cause(const struct rs_death *death)
{
    const struct death_record *record = &death->record;
    uint64_t us = ticks_to_us(record->time_ticks);

    printf("number %u, at %lu.%06lu s, endpoint %u/%u: %s (0x%lx)\n", death->number,
           (unsigned long)(us / 1000000), (unsigned long)(us % 1000000),
           endpoint_slot(death->endpoint), endpoint_generation(death->endpoint),
           death_cause_text(record->cause), (unsigned long)record->detail);
}

/* Where it was, and who had called that. */
static void print_backtrace(const struct rs_death *death)
{
    const struct death_record *record = &death->record;

    printf("    backtrace    %.15s: 0x%lx", death->program, (unsigned long)record->pc);
    for (unsigned i = 0; i < DEATH_BACKTRACE && record->backtrace[i] != 0; i++)
        printf(" 0x%lx", (unsigned long)record->backtrace[i]);
    printf("\n");
}

static void print_registers(const struct death_record *record)
{
    static const char *const names[31] = {
        "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0", "a1",
        "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5", "s6",
        "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };

    for (unsigned i = 0; i < 31; i++) {
        if (i % REGISTERS_A_LINE == 0)
            printf("    registers   ");
        printf(" %3s %016lx", names[i], (unsigned long)record->regs[i]);
        if (i % REGISTERS_A_LINE == REGISTERS_A_LINE - 1 || i == 30)
            printf("\n");
    }
}

static void print_messages(const struct rs_death *death)
{
    for (unsigned i = 0; i < death->message_count && i < RS_DEATH_MESSAGES; i++)
        print_message(&death->message[i]);
}

void service_print_death(const char *name)
{
    static struct rs_death death;
    unsigned kept;

    if (rs_record(name, 0, &death, &kept) != 0)
        return;
    printf("  last death   ");
    print_cause(&death);
    print_backtrace(&death);
    print_messages(&death);
}

void service_print_records(const char *name)
{
    static struct rs_death death;
    unsigned kept = 1;

    (void)rs_record(name, 0, &death, &kept);
    while (kept-- > 0) {
        unsigned now;

        if (rs_record(name, kept, &death, &now) != 0)
            continue; /* another death has driven it out */
        printf("death ");
        print_cause(&death);
        print_backtrace(&death);
        print_registers(&death.record);
        print_messages(&death);
    }
}
