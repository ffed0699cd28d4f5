/*
 * A file server on the build machine: libfs and its file systems over a fake kernel, with the test as
 * vfs and as programs.
 */
#ifndef TESTS_LIBFS_WORLD_H
#define TESTS_LIBFS_WORLD_H

#include "virtio/fake_kernel.h"

#include <libfs/server.h>
#include <proto/fs.h>

#define VFS ((endpoint_t)0x501)
#define ALICE ((endpoint_t)0x601)
#define BOB ((endpoint_t)0x701)
#define FIRST_BIT 3u

#define RW (FS_O_READ | FS_O_WRITE)
#define HERE FS_HERE
#define DIRECTORY FS_MODE(FS_TYPE_DIRECTORY, 0755)

/* A server with those types, served by vfs; kept as it is in world_kept. */
void world_start(const struct fs_ops *const *types);
/* The server dies, and its next instance finds what is kept. libfs's own memory begins anew. */
int world_restart(void);
/* vfs dies; its next instance serves again. */
void world_vfs_restart(void);
/* vfs breaks the channel: by what it claims to have sent, or to have taken. How often it was asked for
 * one so far. */
void world_break_sent(void);
void world_break_taken(void);
unsigned world_served(void);
void world_end(void);
extern _Alignas(8) char world_kept[FS_KEPT_LEN];

/* ---- as vfs ---- */
struct path_call {
    uint32_t mount;
    uint64_t node, flags, word6;
    const void *text, *second;
    size_t text_len, second_len; /* 0: of a string */
    endpoint_t origin;
    uint64_t number;
};
/* Puts it into the channel without waiting for the answer; the slot. */
unsigned path_send(uint32_t type, const struct path_call *call);
/* The next answer, or false. */
bool path_answer(struct message *reply);
/* Both; the status. world_slot is the slot as answered. */
int path_call(uint32_t type, const struct path_call *call, struct message *reply);
extern struct fs_slot *world_slot;
uint64_t world_number(void); /* never used before */

/* Short ones, on mount 1 by path from the root. */
extern uint64_t world_root;
int world_mount(uint32_t number, const char *source, uint64_t flags, uint64_t *root);
int64_t world_open(endpoint_t process, const char *path, uint64_t flags);
/* The same, which must succeed: the file. */
uint64_t world_opened(endpoint_t process, const char *path, uint64_t flags);
int world_make(const char *path, uint32_t mode, const char *target);
int world_remove(const char *path, bool directory);
int world_stat(const char *path, uint64_t flags, struct fs_stat *stat);

/* ---- as programs ---- */
/* The status; the message as answered is in world_reply. SERVICE_NO_REPLY: it waits. */
int file_call(endpoint_t process, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3,
              uint64_t w4);
/* The same with an operation's number. */
int file_call_numbered(endpoint_t process, uint32_t type, uint64_t number, const uint64_t word[5]);
extern struct message world_reply;
int64_t world_read(endpoint_t process, uint64_t file, void *buffer, size_t len, uint64_t position);
int64_t world_write(endpoint_t process, uint64_t file, const void *data, size_t len,
                    uint64_t position);

#endif
