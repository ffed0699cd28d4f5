/*
 * Memory as a device sees it: ranges of device addresses that are known, each with its rights.
 * Device addresses are never the driver's pointers, so that mixing them up is seen.
 */
#ifndef TESTS_VIRTIO_FAKE_MEMORY_H
#define TESTS_VIRTIO_FAKE_MEMORY_H

#include "check.h"

#define FAKE_READ 1u
#define FAKE_WRITE 2u

/* Forgets all ranges, frees what fake_memory_alloc made. */
void fake_memory_reset(void);
/* Zeroed memory of exactly that length, page-aligned for the device, readable and writable. */
void *fake_memory_alloc(size_t len, uint64_t *device_address);
/* Makes memory known at a device address; the access is what the device may do. */
void fake_memory_add(uint64_t device_address, void *memory, size_t len, unsigned access);
void fake_memory_remove(uint64_t device_address);
/* A fresh device address, page-aligned, neighbour of no other. */
uint64_t fake_memory_address(size_t len);
/* What the device reaches there; NULL if it may not. */
void *fake_memory_find(uint64_t device_address, size_t len, unsigned access);
/* The same; fails the test if it may not. */
void *fake_memory_at(uint64_t device_address, size_t len, unsigned access);
/* The device's accesses to numbers there. */
uint16_t fake_memory_get16(uint64_t device_address);
void fake_memory_put16(uint64_t device_address, uint16_t value);
void fake_memory_put32(uint64_t device_address, uint32_t value);

#endif
