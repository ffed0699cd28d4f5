/*
 * Intrusive doubly-linked lists with a head that is a node.
 */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include "types.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct list *position, struct list *node)
{
    node->prev = position->prev;
    node->next = position;
    position->prev->next = node;
    position->prev = node;
}

static inline void list_append(struct list *list, struct list *node)
{
    list_insert_before(list, node);
}

static inline void list_prepend(struct list *list, struct list *node)
{
    list_insert_before(list->next, node);
}

/* Leaves the node as an empty list, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
