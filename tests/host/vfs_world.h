/*
 * vfs on the build machine, with the test as RS, as two file servers and as programs.
 */
#ifndef TESTS_VFS_WORLD_H
#define TESTS_VFS_WORLD_H

#include "virtio/fake_kernel.h"

#include "servers/vfs/vfs.h"

#define RS ((endpoint_t)0x401)
#define PROGRAM ((endpoint_t)0x601)
#define OTHER ((endpoint_t)0x701)
#define WORLD_KEPT_LEN 65536u
#define WORLD_DOORBELL 55u /* of each file server */

/* ---- file servers ---- */

/* Answers one request; the status. reply->word[6] is 0 before. */
typedef int (*answerer)(const struct message *request, struct fs_slot *slot, struct message *reply);

struct fake_server {
    const char *type, *service;
    endpoint_t process;
    struct channel channel;
    char *memory;
    struct fs_slot *slots;
    answerer answer; /* NULL: it says nothing */
    unsigned asked[64];
};

/* How often it was asked that. */
unsigned asked(const struct fake_server *server, uint32_t type);
/* The second one's answers: whatever it is asked about is a directory, and it notes what the last path was. */
int world_answer(const struct message *request, struct fs_slot *slot, struct message *reply);

struct vfs_world {
    /* The first one's root has a directory "d", node 10, and nothing else. */
    struct fake_server first, second;
    bool keeps, controls; /* RS has memory for vfs; the program may mount */
    unsigned complaints;
    endpoint_t complained_of;
    bool found_broken;   /* by the server whose channel was closed last */
    uint64_t mounted_on; /* what the first one was told of its directory */
    char last_path[FS_PATH_MAX];
    uint64_t last_origin, last_number, last_mount;
    char result[FS_PATH_MAX]; /* what the program got in memory of its own, and in the message */
    struct message answer;
};
extern struct vfs_world world;
extern char world_kept[WORLD_KEPT_LEN];

int world_setup(void **state);
int world_teardown(void **state);

/* It offers its type; vfs's status. */
int world_serve(struct fake_server *server);
/* Both do, with the second one mounted on the first one's directory. */
void world_both_serve(void);
void world_server_dies(struct fake_server *server);
/* vfs dies; the next instance has what RS kept. */
void world_restart(void);
/* All do what they can, until nobody can any more. */
void world_run(void);
/* Until vfs wakes by itself, which it must be about to; and what comes of that. */
void world_time_passes(void);

/* ---- programs ---- */

/* Asks; SERVICE_NO_REPLY: it waits. */
int world_send(endpoint_t process, uint32_t type, const char *path, const char *more, uint64_t w2,
               uint64_t number);
/* The same to the end. */
int world_call(uint32_t type, const char *path, const char *more, uint64_t w2);

#endif
