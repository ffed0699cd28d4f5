/*
 * handletest [GROUP...]: tests the kernel calls that work on handles and memory: right and wrong
 * arguments, lengths at every border, revocation and death at any moment, exhausted quotas, names that
 * run out, and all of it from several threads at once.
 *
 * Its class has a driver's kernel calls, but no device. Exit status: 0 if nothing failed.
 */
#include "handletest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_name[] = "handletest";

static const struct group groups[] = {
    {"grant-arguments", group_grant_arguments},
    {"grant-lengths", group_grant_lengths},
    {"copy-ranges", group_copy_ranges},
    {"batches", group_batches},
    {"map", group_map},
    {"unmap", group_unmap},
    {"areas", group_areas},
    {"region-lengths", group_region_lengths},
    {"region-maps", group_region_maps},
    {"region-deaths", group_region_deaths},
    {"region-shortage", group_region_shortage},
    {"region-holders", group_region_holders},
    {"doorbells", group_doorbells},
    {"watches", group_watches},
    {"close", group_close},
    {"dma-arguments", group_dma_arguments},
    {"dma-lengths", group_dma_lengths},
    {"dma-own", group_dma_own},
    {"dma-alloc", group_dma_alloc},
    {"dma-deaths", group_dma_deaths},
    {"revoke-copies", group_revoke_copies},
    {"revoke-dma", group_revoke_dma},
    {"frames", group_frames},
    {"handles", group_handles},
    {"threads", group_threads},
    {"pinned-frames", group_pinned_frames},
    {"races", group_races},
    {"load", group_load},
    {"handle-generations", group_handle_generations},
    {"endpoint-generations",
     group_endpoint_generations}, /* the last: nothing can be started then */
};

const uint64_t border_lengths[BORDER_LENGTHS] = {
    1,     PAGE_SIZE - 1, PAGE_SIZE,  PAGE_SIZE + 1,  16383,
    16384, 16385,         STEP_BYTES, STEP_BYTES - 1, STEP_BYTES + 1,
};

const uint64_t huge_lengths[HUGE_LENGTHS] = {
    USER_END + 1, (uint64_t)1 << 40, (uint64_t)1 << 63, ~(uint64_t)0 - PAGE_SIZE, ~(uint64_t)0,
};

uint64_t result[MESSAGE_WORDS];

int raw_kcall(uint32_t call, const uint64_t words[MESSAGE_WORDS])
{
    struct message message;

    memcpy(message.word, words, sizeof(message.word));
    int status = kcall(call, &message);
    memcpy(result, message.word, sizeof(result));
    return status;
}

unsigned char *map_memory(size_t len)
{
    void *address = NULL;

    if (!EXPECT(kcall_map(len, READ_WRITE, &address), 0)) {
        printf("%zu bytes can't be mapped\n", len);
        exit(1);
    }
    return address;
}

struct process_info own_info(void)
{
    struct process_info info = {0};

    EXPECT(kcall_process_info(endpoint_slot(startup_page()->self), &info), 0);
    return info;
}

uint64_t frames_left(void)
{
    struct process_info info = own_info();

    CHECK(info.frames <= info.max_frames);
    return info.max_frames - info.frames;
}

endpoint_t dead_child(void)
{
    endpoint_t child = child_start();

    child_end(child);
    return child;
}

int child_do(endpoint_t child, enum child_request type, uint64_t *word, uint64_t w1, uint64_t w2,
             uint64_t w3, uint64_t w4)
{
    struct message message = {.word = {*word, w1, w2, w3, w4}};
    int status = child_call(child, type, &message);

    *word = message.word[0];
    return status;
}

int main(int argc, char *argv[])
{
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
        .counts_frames = true,
    };

    return test_main(&program, argc, argv);
}
