/*
 * Mounts. Making and ending them is for operators' programs.
 */
#ifndef LIBANOLE_SYS_MOUNT_H
#define LIBANOLE_SYS_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#define MS_RDONLY 1ul

/* source: "/dev/vda1", "vda1" or NULL. type: NULL: whatever it is. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
int umount(const char *target);

struct mount_entry {
    char path[112];
    char type[16];
    char source[16];
    bool read_only;
};
/* How many there are; the first `room` of them are filled in. -1 with errno. */
int mount_entries(struct mount_entry *entries, size_t room);

#endif
