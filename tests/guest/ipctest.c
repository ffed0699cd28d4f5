/*
 * ipctest [GROUP...]: tests the system calls and the kernel calls of ordinary processes: right and
 * wrong uses, each error, deadlines, deaths, doorbells, memory, rights, threads.
 *
 * Without arguments it runs every group in a process of its own and adds the results up. Exit
 * status: 0 if nothing failed.
 */
#include "ipctest.h"

const char test_name[] = "ipctest";

static const struct group groups[] = {
    {"messages", group_messages},
    {"destinations", group_destinations},
    {"deadlines", group_deadlines},
    {"replies", group_replies},
    {"order", group_order},
    {"deadlock", group_deadlock},
    {"server-death", group_server_death},
    {"client-death", group_client_death},
    {"watch", group_watch},
    {"endpoints", group_endpoints},
    {"doorbells", group_doorbells},
    {"masks", group_masks},
    {"fairness", group_fairness},
    {"alarms", group_alarms},
    {"map", group_map},
    {"regions", group_regions},
    {"region-peers", group_region_peers},
    {"grants", group_grants},
    {"copies", group_copies},
    {"batches", group_batches},
    {"rights", group_rights},
    {"information", group_information},
    {"counters", group_counters},
    {"log", group_log},
    {"addresses", group_addresses},
    {"threads", group_threads},
    {"harts", group_harts},
    {"load", group_load},
};

int main(int argc, char *argv[])
{
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
    };

    return test_main(&program, argc, argv);
}
