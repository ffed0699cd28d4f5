/*
 * Texts that grow while they are made.
 */
#include "httpd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX (256u * 1024u)

static bool page_grow(struct page *page, size_t more)
{
    size_t room = page->room ? page->room : 1024;

    while (room - page->len <= more)
        room *= 2;
    char *grown = room <= PAGE_MAX ? realloc(page->text, room) : NULL;
    if (!grown) {
        page->failed = true;
        return false;
    }
    page->text = grown;
    page->room = room;
    return true;
}

void page_add(struct page *page, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (page->failed || len < 0 || !page_grow(page, (size_t)len))
        return;
    va_start(arguments, format);
    (void)vsnprintf(page->text + page->len, page->room - page->len, format, arguments);
    va_end(arguments);
    page->len += (size_t)len;
}

void page_add_html(struct page *page, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>&\"'", *text))
            page_add(page, "&#%d;", *text);
        else
            page_add(page, "%c", *text);
    }
}

void page_add_path(struct page *page, const char *text)
{
    for (; *text; text++) {
        char c = *text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/", c);
        page_add(page, plain ? "%c" : "%%%02X", (unsigned char)c);
    }
}

void page_drop(struct page *page)
{
    free(page->text);
    *page = (struct page){0};
}

static bool made_read(const struct document *document, uint64_t offset, void *buffer, size_t len)
{
    memcpy(buffer, document->text + offset, len);
    return true;
}

static void made_close(struct document *document)
{
    free((void *)(uintptr_t)document->text);
}

unsigned page_done(struct page *page, const char *type, struct document *document)
{
    if (page->failed) {
        page_drop(page);
        return 503;
    }
    *document = (struct document){.type = type,
                                  .size = page->len,
                                  .read = made_read,
                                  .close = made_close,
                                  .text = page->text};
    return 200;
}
