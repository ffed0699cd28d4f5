/*
 * The kept memory of a block cache. See cache_kept.h for its layout and for what order stores have.
 */
#include "cache_kept.h"

#include <anole/error.h>
#include <anole/layout.h>
#include <string.h>

#define MAGIC 0x3163616368653245ul /* "E2cache1" */
#define SLOTS_LEAST 32u
#define ENTRIES_SHARE 4u /* a transaction may have a quarter of all slots */

/* A word: check, state, block. */
#define WORD_DIRTY ((uint64_t)1 << 48)
#define WORD_CHECK_SHIFT 52
#define WORD_BLOCK(word) ((word) & (KEPT_BLOCKS_MAX - 1))

/* Tests look at the memory after every store. */
#ifndef KEPT_STORED
#define KEPT_STORED() ((void)0)
#endif

static void kept_store(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
    KEPT_STORED();
}

/* ---- checks: against accidents, not against malice ---- */

static uint64_t mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9e3779b97f4a7c15ul;
    return sum ^ sum >> 29;
}

static uint64_t mix_all(uint64_t sum, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum = mix(sum, values[i]);
    }
    return sum;
}

#define WORDS_BEFORE(type, field) (offsetof(type, field) / sizeof(uint64_t))

static uint64_t header_check(const struct kept_header *header)
{
    uint64_t words[WORDS_BEFORE(struct kept_header, check)];

    memcpy(words, header, sizeof(words));
    return mix_all(MAGIC, words + 1, WORDS_BEFORE(struct kept_header, check) - 1);
}

static uint64_t record_check(const struct kept *kept)
{
    uint64_t sum = mix_all(MAGIC, &kept->record->sequence, WORDS_BEFORE(struct kept_record, check));

    for (uint64_t i = 0; i < kept->record->count; i++) {
        const struct kept_entry *entry = &kept->entries[i];

        sum = mix(mix(sum, entry->block), (uint64_t)entry->slot << 32 | entry->old_slot);
    }
    return sum;
}

static uint64_t result_check(const struct kept_result *result)
{
    return mix_all(MAGIC, &result->sequence, WORDS_BEFORE(struct kept_result, check));
}

static uint64_t word_of(uint32_t slot, uint64_t block)
{
    uint64_t word = WORD_DIRTY | block;

    return word | mix(slot, word) >> WORD_CHECK_SHIFT << WORD_CHECK_SHIFT;
}

/* ---- layout ---- */

static size_t page_round(size_t len)
{
    return (len + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
}

static size_t control_len(uint32_t slot_count)
{
    return page_round(sizeof(struct kept_header) + sizeof(struct kept_record) +
                      slot_count * sizeof(uint64_t) +
                      slot_count / ENTRIES_SHARE * sizeof(struct kept_entry) +
                      (size_t)KEPT_BANKS * KEPT_BANK_RESULTS * sizeof(struct kept_result));
}

/* As many slots as there is room for, in whole pages. */
static uint32_t slots_that_fit(size_t len, uint32_t block_size)
{
    uint32_t unit = block_size < PAGE_SIZE ? (uint32_t)PAGE_SIZE / block_size : 1;
    uint64_t count = len / block_size;

    count = count < KEPT_NO_SLOT ? count / unit * unit : 0;
    while (count > 0 && control_len((uint32_t)count) + count * block_size > len) {
        count -= unit;
    }
    return (uint32_t)count;
}

static bool is_block_size(uint32_t block_size)
{
    return block_size >= 1024 && block_size <= 65536 && (block_size & (block_size - 1)) == 0;
}

static int layout(struct kept *kept, uint8_t *memory, size_t len, uint32_t block_size)
{
    uint32_t count = is_block_size(block_size) ? slots_that_fit(len, block_size) : 0;

    if (count < SLOTS_LEAST || (uintptr_t)memory % PAGE_SIZE != 0) {
        return -ANOLE_EINVAL;
    }
    uint8_t *at = memory + sizeof(struct kept_header);
    *kept = (struct kept){
        .header = (struct kept_header *)(void *)memory,
        .record = (struct kept_record *)(void *)at,
        .block_size = block_size,
        .slot_count = count,
        .entries_max = count / ENTRIES_SHARE,
        .slots = memory + page_round(len - PAGE_SIZE + 1) - (size_t)count * block_size,
    };
    at += sizeof(struct kept_record);
    kept->words = (uint64_t *)(void *)at;
    at += count * sizeof(uint64_t);
    kept->entries = (struct kept_entry *)(void *)at;
    at += kept->entries_max * sizeof(struct kept_entry);
    kept->results = (struct kept_result *)(void *)at;
    return 0;
}

/* ---- create, open, close ---- */

int kept_create(struct kept *kept, void *memory, size_t len, const char *disk, uint32_t block_size)
{
    int error = layout(kept, memory, len, block_size);

    if (error) {
        return error;
    }
    kept_store(&kept->header->magic, 0);
    memset(memory, 0, (size_t)(kept->slots - (uint8_t *)memory));
    kept->header->memory_len = len;
    kept->header->block_size = block_size;
    kept->header->slot_count = kept->slot_count;
    kept->header->entries_max = kept->entries_max;
    strncpy(kept->header->disk, disk, sizeof(kept->header->disk) - 1);
    kept_store(&kept->header->check, header_check(kept->header));
    kept_store(&kept->header->magic, MAGIC);
    return 0;
}

uint32_t kept_found(const void *memory, size_t len, const char *disk)
{
    const struct kept_header *header = memory;
    bool found = len >= PAGE_SIZE && header->magic == MAGIC &&
                 header->check == header_check(header) && header->memory_len == len &&
                 strncmp(header->disk, disk, sizeof(header->disk)) == 0;

    return found && is_block_size(header->block_size) ? header->block_size : 0;
}

void kept_close(struct kept *kept)
{
    kept_store(&kept->header->magic, 0);
}

/* ---- words ---- */

bool kept_dirty(const struct kept *kept, uint32_t slot, uint64_t *block)
{
    *block = WORD_BLOCK(kept->words[slot]);
    return kept->words[slot] != 0;
}

void kept_set_dirty(struct kept *kept, uint32_t slot, uint64_t block)
{
    kept_store(&kept->words[slot], word_of(slot, block));
}

void kept_set_free(struct kept *kept, uint32_t slot)
{
    kept_store(&kept->words[slot], 0);
}

static bool word_is_valid(const struct kept *kept, uint32_t slot)
{
    uint64_t word = kept->words[slot];

    return word == 0 || word == word_of(slot, WORD_BLOCK(word));
}

/* ---- results ---- */

static unsigned bank_of(uint64_t origin)
{
    return (unsigned)(mix(MAGIC, origin) % KEPT_BANKS);
}

static bool result_is_valid(const struct kept_result *result)
{
    return result->sequence != 0 && result->check == result_check(result);
}

static const struct kept_result *result_find(const struct kept *kept, struct fs_operation operation)
{
    const struct kept_result *bank = kept->results + bank_of(operation.origin) * KEPT_BANK_RESULTS;

    for (unsigned i = 0; i < KEPT_BANK_RESULTS; i++) {
        if (bank[i].origin == operation.origin && bank[i].number == operation.number &&
            result_is_valid(&bank[i])) {
            return &bank[i];
        }
    }
    return NULL;
}

bool kept_result(const struct kept *kept, struct fs_operation operation, int *result,
                 uint64_t *value)
{
    const struct kept_result *found = operation.origin != 0 ? result_find(kept, operation) : NULL;

    if (found) {
        *result = (int)(int64_t)found->result;
        *value = found->value;
    }
    return found != NULL;
}

/* Where the next result of each bank goes: behind the newest. One whose storing was interrupted
 * has no valid check and counts as none; its place is that very one. */
static void banks_begin(struct kept *kept)
{
    for (unsigned bank = 0; bank < KEPT_BANKS; bank++) {
        const struct kept_result *results = kept->results + bank * KEPT_BANK_RESULTS;
        uint64_t newest = 0;

        kept->next[bank] = 0;
        for (uint16_t i = 0; i < KEPT_BANK_RESULTS; i++) {
            if (result_is_valid(&results[i]) && results[i].sequence > newest) {
                newest = results[i].sequence;
                kept->next[bank] = (uint16_t)((i + 1) % KEPT_BANK_RESULTS);
            }
        }
    }
}

static void result_file(struct kept *kept)
{
    const struct kept_record *record = kept->record;
    unsigned bank = bank_of(record->origin);
    struct kept_result *place = kept->results + bank * KEPT_BANK_RESULTS + kept->next[bank];
    struct kept_result new = {.sequence = record->sequence,
                              .origin = record->origin,
                              .number = record->number,
                              .value = record->value,
                              .result = record->result};

    kept_store(&place->check, ~place->check); /* from here on it is nobody's */
    kept_store(&place->sequence, new.sequence);
    kept_store(&place->origin, new.origin);
    kept_store(&place->number, new.number);
    kept_store(&place->value, new.value);
    kept_store(&place->result, new.result);
    kept_store(&place->check, result_check(&new));
    kept->next[bank] = (uint16_t)((kept->next[bank] + 1) % KEPT_BANK_RESULTS);
}

/* ---- transactions ---- */

void kept_commit(struct kept *kept, struct fs_operation operation, int result, uint64_t value,
                 uint32_t count)
{
    struct kept_record *record = kept->record;
    uint64_t sequence = record->applied + 1;

    kept_store(&record->sequence, sequence);
    kept_store(&record->origin, operation.origin);
    kept_store(&record->number, operation.number);
    kept_store(&record->value, value);
    kept_store(&record->result, (uint64_t)(int64_t)result);
    kept_store(&record->count, count);
    kept_store(&record->check, record_check(kept));
    kept_store(&record->committed,
               sequence); /* before it: nothing has happened; after it: all has */
}

/* Every step may be done again: the redo of the next instance goes through all of them. */
static void apply(struct kept *kept, bool redo)
{
    struct fs_operation operation = {kept->record->origin, kept->record->number};

    for (uint64_t i = 0; i < kept->record->count; i++) {
        const struct kept_entry *entry = &kept->entries[i];

        if (entry->old_slot != KEPT_NO_SLOT) {
            kept_set_free(kept, entry->old_slot);
        }
        kept_set_dirty(kept, entry->slot, entry->block);
    }
    if (operation.origin != 0 && (!redo || !result_find(kept, operation))) {
        result_file(kept);
    }
    kept_store(&kept->record->applied, kept->record->sequence);
}

void kept_apply(struct kept *kept)
{
    apply(kept, false);
}

/* May the slot be what the entry says, before, during or after kept_apply? */
static bool entry_is_valid(const struct kept *kept, const struct kept_entry *entry)
{
    if (entry->block >= KEPT_BLOCKS_MAX || entry->slot >= kept->slot_count ||
        (entry->old_slot >= kept->slot_count && entry->old_slot != KEPT_NO_SLOT) ||
        entry->old_slot == entry->slot) {
        return false;
    }
    uint64_t word = kept->words[entry->slot];
    uint64_t old = entry->old_slot != KEPT_NO_SLOT ? kept->words[entry->old_slot] : 0;
    return (word == 0 || WORD_BLOCK(word) == entry->block) &&
           (old == 0 || WORD_BLOCK(old) == entry->block);
}

static bool record_is_valid(const struct kept *kept)
{
    const struct kept_record *record = kept->record;

    if (record->committed == record->applied) {
        return true; /* whatever else is there is not, or no longer, a transaction */
    }
    if (record->committed != record->applied + 1 || record->sequence != record->committed ||
        record->count > kept->entries_max || record->check != record_check(kept)) {
        return false;
    }
    for (uint64_t i = 0; i < record->count; i++) {
        if (!entry_is_valid(kept, &kept->entries[i])) {
            return false;
        }
    }
    return true;
}

int kept_open(struct kept *kept, void *memory, size_t len, const char *disk)
{
    uint32_t block_size = kept_found(memory, len, disk);

    if (block_size == 0) {
        return -ANOLE_ENOENT;
    }
    if (layout(kept, memory, len, block_size) != 0 ||
        kept->header->slot_count != kept->slot_count ||
        kept->header->entries_max != kept->entries_max || !record_is_valid(kept)) {
        return -ANOLE_EPROTO;
    }
    for (uint32_t slot = 0; slot < kept->slot_count; slot++) {
        if (!word_is_valid(kept, slot)) {
            return -ANOLE_EPROTO;
        }
    }
    banks_begin(kept);
    if (kept->record->committed != kept->record->applied) {
        apply(kept, true);
        kept->redone = true;
    }
    return 0;
}
