/*
 * handletest: what its files share, and its groups of tests.
 */
#ifndef HANDLETEST_H
#define HANDLETEST_H

#include "testkit.h"

#define READ_WRITE (PROT_READ_BIT | PROT_WRITE_BIT)
#define STEP_BYTES (64 * PAGE_SIZE) /* what the kernel maps or pins at a time */

/* Lengths at and around every border: of a page, of a step of a copy, of a step of pages. */
#define BORDER_LENGTHS 10u
extern const uint64_t border_lengths[BORDER_LENGTHS];
/* Lengths that no object can have. */
#define HUGE_LENGTHS 5u
extern const uint64_t huge_lengths[HUGE_LENGTHS];

/* A kernel call with whole words, which the wrappers of libanole would cut: its status. What it gave is
 * in `result`, of the main thread's last one. */
extern uint64_t result[MESSAGE_WORDS];
int raw_kcall(uint32_t call, const uint64_t words[MESSAGE_WORDS]);
#define RAW(call, ...) raw_kcall(KCALL_##call, (const uint64_t[MESSAGE_WORDS]){__VA_ARGS__})

/* Memory of this process, or the group fails. */
unsigned char *map_memory(size_t len);
/* What the kernel says of this process. */
struct process_info own_info(void);
/* Frames that this process may still have. */
uint64_t frames_left(void);
/* A child that is dead and buried. */
endpoint_t dead_child(void);
/* Has the child do it; the first word of what it answered is in *word. */
int child_do(endpoint_t child, enum child_request type, uint64_t *word, uint64_t w1, uint64_t w2,
             uint64_t w3, uint64_t w4);

/* handletest_grants.c */
void group_grant_arguments(void);
void group_grant_lengths(void);
void group_copy_ranges(void);
void group_batches(void);
/* handletest_memory.c */
void group_map(void);
void group_unmap(void);
void group_areas(void);
/* handletest_regions.c */
void group_region_lengths(void);
void group_region_maps(void);
void group_region_deaths(void);
void group_region_shortage(void);
void group_region_holders(void);
/* handletest_bells.c */
void group_doorbells(void);
void group_watches(void);
void group_close(void);
/* handletest_dma.c */
void group_dma_arguments(void);
void group_dma_lengths(void);
void group_dma_own(void);
void group_dma_alloc(void);
void group_dma_deaths(void);
/* handletest_revoke.c */
void group_revoke_copies(void);
void group_revoke_dma(void);
/* handletest_quota.c */
void group_frames(void);
void group_handles(void);
void group_threads(void);
void group_pinned_frames(void);
/* handletest_harts.c */
void group_races(void);
void group_load(void);
/* handletest_names.c */
void group_handle_generations(void);
void group_endpoint_generations(void);

#endif
