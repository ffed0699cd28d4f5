/*
 * service status: the last death of a service, from the kernel's record and from the ring of messages
 * that RS read out of the corpse.
 */
#include "orders.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

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

void service_print_death(const char *name)
{
    static struct rs_death death;
    const struct death_record *record = &death.record;

    if (rs_last_death(name, &death) != 0)
        return;
    uint64_t us = ticks_to_us(record->time_ticks);
    printf("  last death   number %u, at %lu.%06lu s, endpoint %u/%u: %s (0x%lx)\n", death.number,
           (unsigned long)(us / 1000000), (unsigned long)(us % 1000000),
           endpoint_slot(death.endpoint), endpoint_generation(death.endpoint),
           death_cause_text(record->cause), (unsigned long)record->detail);
    printf("    at           0x%lx in %.15s", (unsigned long)record->pc, death.program);
    for (unsigned i = 0; i < DEATH_BACKTRACE && record->backtrace[i] != 0; i++)
        printf("%s0x%lx", i == 0 ? ", called from " : " ", (unsigned long)record->backtrace[i]);
    printf("\n");
    for (unsigned i = 0; i < death.message_count && i < RS_DEATH_MESSAGES; i++)
        print_message(&death.message[i]);
}
