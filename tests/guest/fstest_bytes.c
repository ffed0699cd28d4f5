/*
 * The bytes of the model's files, in pages; what has no page is zeroes.
 */
#include "fstest_model.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

struct page {
    uint64_t index;
    uint8_t bytes[PAGE_BYTES];
};

/* The place of the first page whose index isn't less. */
static size_t page_place(const struct node *file, uint64_t index)
{
    size_t low = 0, high = file->page_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (file->pages[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct page *page_find(const struct node *file, uint64_t index)
{
    size_t place = page_place(file, index);
    bool found = place < file->page_count && file->pages[place]->index == index;

    return found ? file->pages[place] : NULL;
}

static struct page *page_make(struct node *file, uint64_t index)
{
    struct page *page = page_find(file, index);

    if (page != NULL)
        return page;
    if (file->page_count == file->page_room) {
        file->page_room = file->page_room * 2 + 4;
        file->pages = must_allocate(file->pages, file->page_room * sizeof(struct page *));
    }
    struct page **place = &file->pages[page_place(file, index)];
    memmove(place + 1, place,
            (size_t)(&file->pages[file->page_count] - place) * sizeof(struct page *));
    file->page_count++;
    page = *place = must_allocate(NULL, sizeof(*page));
    memset(page, 0, sizeof(*page));
    page->index = index;
    return page;
}

/* How many of len bytes at position lie in its page. */
static size_t piece(uint64_t position, size_t len)
{
    size_t left = PAGE_BYTES - (size_t)(position % PAGE_BYTES);

    return len < left ? len : left;
}

void model_write(struct node *file, uint64_t position, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t count = piece(position, len);
        struct page *page = page_make(file, position / PAGE_BYTES);

        memcpy(page->bytes + position % PAGE_BYTES, bytes, count);
        position += count;
        bytes += count;
        len -= count;
        file->size = position > file->size ? position : file->size;
    }
}

void model_read(const struct node *file, uint64_t position, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t count = piece(position, len);
        const struct page *page = page_find(file, position / PAGE_BYTES);

        if (page != NULL)
            memcpy(bytes, page->bytes + position % PAGE_BYTES, count);
        else
            memset(bytes, 0, count);
        position += count;
        bytes += count;
        len -= count;
    }
}

uint64_t model_next_page(const struct node *file, uint64_t position)
{
    size_t place = page_place(file, position / PAGE_BYTES);

    return place < file->page_count ? file->pages[place]->index * PAGE_BYTES : UINT64_MAX;
}

void model_truncate(struct node *file, uint64_t size)
{
    struct page *last = page_find(file, size / PAGE_BYTES);
    size_t left = page_place(file, (size + PAGE_BYTES - 1) / PAGE_BYTES);

    while (file->page_count > left)
        free(file->pages[--file->page_count]);
    if (last != NULL && size % PAGE_BYTES != 0)
        memset(last->bytes + size % PAGE_BYTES, 0, PAGE_BYTES - size % PAGE_BYTES);
    file->size = size;
}
