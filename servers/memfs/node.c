/*
 * The table of nodes. A number is an index and a generation, so that one of a file that is gone never
 * means another.
 */
#include "mem.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 65536u

static struct mem_node **nodes;
static uint32_t node_count, node_room, nodes_used;
static struct mem_node *free_nodes;

int64_t mem_now(void)
{
    uint64_t start_ns = info_page()->wall_clock_ns;

    return (int64_t)(start_ns + ticks_to_us(ticks_now()) * 1000);
}

void node_changed(struct mem_node *node)
{
    node->modified = node->changed = mem_now();
}

uint64_t nodes_left(void)
{
    return NODES_MAX - nodes_used;
}

struct mem_node *node_of(struct mem *mem, uint64_t number)
{
    uint64_t index = number & UINT32_MAX;
    struct mem_node *node = index < node_count ? nodes[index] : NULL;

    return node && node->mem == mem && node->number == number ? node : NULL;
}

static bool nodes_grow(void)
{
    uint32_t wanted = node_room == 0 ? 256 : node_room * 2;
    struct mem_node **grown = realloc(nodes, wanted * sizeof(void *));

    if (grown) {
        nodes = grown;
        node_room = wanted;
    }
    return grown != NULL;
}

/* One that was never used; numbers begin at 1. */
static struct mem_node *node_new(void)
{
    if (node_count == NODES_MAX || (node_count == node_room && !nodes_grow()))
        return NULL;
    struct mem_node *node = calloc(1, sizeof(*node));
    if (node) {
        node->number = node_count | (uint64_t)1 << 32;
        nodes[node_count++] = node;
    }
    return node;
}

struct mem_node *node_make(struct mem *mem, uint32_t mode)
{
    struct mem_node *node = free_nodes;
    int64_t now = mem_now();

    if (node)
        free_nodes = node->next;
    else
        node = node_new();
    if (!node)
        return NULL;
    *node = (struct mem_node){
        .number = node->number,
        .mem = mem,
        .mode = mode,
        .accessed = now,
        .modified = now,
        .changed = now,
        .next = mem->nodes,
    };
    if (mem->nodes)
        mem->nodes->previous = node;
    mem->nodes = node;
    mem->node_count++;
    nodes_used++;
    return node;
}

void node_free(struct mem_node *node)
{
    if (FS_MODE_TYPE(node->mode) == FS_TYPE_FILE)
        (void)bytes_resize(&node->bytes, 0); /* to nothing it never fails */
    else if (FS_MODE_TYPE(node->mode) == FS_TYPE_LINK)
        free(node->link.text);
    if (node->previous)
        node->previous->next = node->next;
    else
        node->mem->nodes = node->next;
    if (node->next)
        node->next->previous = node->previous;
    node->mem->node_count--;
    node->mem = NULL;
    node->number += (uint64_t)1 << 32;
    node->next = free_nodes;
    free_nodes = node;
    nodes_used--;
}

void node_look(struct mem_node *node)
{
    if (node->links == 0 && node->opens == 0)
        node_free(node);
}
