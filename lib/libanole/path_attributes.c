/*
 * The functions that change what is stored about files. By descriptor, the file server is asked itself.
 */
#include <fcntl.h>
#include <libanole/descriptor.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

static int set_attributes(const char *path, uint64_t follow, struct fs_attributes *attributes)
{
    struct message message = {.word = {[2] = follow}};

    return errno_result(
        vfs_call_path(VFS_ATTRIBUTES, path, attributes, sizeof(*attributes), GRANT_READ, &message));
}

int chmod(const char *path, mode_t mode)
{
    struct fs_attributes attributes = {.set = FS_SET_MODE, .mode = mode & 07777};

    return set_attributes(path, FS_FOLLOW, &attributes);
}

/* -1 leaves one as it is. */
static int set_owner(const char *path, uint64_t follow, uid_t user, gid_t group)
{
    struct fs_attributes attributes = {.set = FS_SET_OWNER, .user = user, .group = group};
    struct stat found;

    if ((follow ? stat(path, &found) : lstat(path, &found)))
        return -1;
    if (user == (uid_t)-1)
        attributes.user = found.st_uid;
    if (group == (gid_t)-1)
        attributes.group = found.st_gid;
    return set_attributes(path, follow, &attributes);
}

int chown(const char *path, uid_t user, gid_t group)
{
    return set_owner(path, FS_FOLLOW, user, group);
}

int lchown(const char *path, uid_t user, gid_t group)
{
    return set_owner(path, 0, user, group);
}

int truncate(const char *path, off_t len)
{
    struct fs_attributes attributes = {.set = FS_SET_SIZE, .size = (uint64_t)len};

    return len < 0 ? errno_result(-ANOLE_EINVAL) : set_attributes(path, FS_FOLLOW, &attributes);
}

/* Nanoseconds since 1970; of those that aren't set, what is there. */
static int64_t time_wanted(const struct timespec *time, const struct timespec *there)
{
    struct timeval now;

    if (time && time->tv_nsec == UTIME_OMIT)
        time = there;
    if (time && time->tv_nsec != UTIME_NOW)
        return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
    if (gettimeofday(&now, NULL))
        return 0; /* nobody knows the time */
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_usec * 1000;
}

static bool time_is_valid(const struct timespec *time)
{
    return time->tv_nsec == UTIME_NOW || time->tv_nsec == UTIME_OMIT ||
           (time->tv_nsec >= 0 && time->tv_nsec < 1000000000);
}

static int times_fill(struct fs_attributes *attributes, const struct stat *there,
                      const struct timespec times[2])
{
    if (times && (!time_is_valid(&times[0]) || !time_is_valid(&times[1])))
        return errno_result(-ANOLE_EINVAL);
    *attributes = (struct fs_attributes){
        .set = FS_SET_TIMES,
        .accessed = time_wanted(times ? &times[0] : NULL, &there->st_atim),
        .modified = time_wanted(times ? &times[1] : NULL, &there->st_mtim),
    };
    return 0;
}

int utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
    uint64_t follow = flags & AT_SYMLINK_NOFOLLOW ? 0 : FS_FOLLOW;
    struct fs_attributes attributes;
    struct stat found;

    if (fd != AT_FDCWD && path[0] != '/')
        return errno_result(-ANOLE_ENOSYS);
    if ((follow ? stat(path, &found) : lstat(path, &found)) ||
        times_fill(&attributes, &found, times))
        return -1;
    return set_attributes(path, follow, &attributes);
}

int utimes(const char *path, const struct timeval times[2])
{
    struct timespec both[2];

    for (unsigned i = 0; times && i < 2; i++)
        both[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    return utimensat(AT_FDCWD, path, times ? both : NULL, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timespec both[2];

    if (times) {
        both[0] = (struct timespec){.tv_sec = times->actime};
        both[1] = (struct timespec){.tv_sec = times->modtime};
    }
    return utimensat(AT_FDCWD, path, times ? both : NULL, 0);
}

/* ---- by descriptor ---- */

static int set_file(int fd, struct fs_attributes *attributes)
{
    struct description *held;
    struct file *file = file_hold(fd, &held);
    struct message message = {0};
    int error;

    if (!file)
        return -1;
    error = file_call_buffer(file, FS_SET, attributes, sizeof(*attributes), GRANT_READ, 1,
                             &message);
    (void)descriptor_release(held);
    return errno_result(error);
}

int fchmod(int fd, mode_t mode)
{
    struct fs_attributes attributes = {.set = FS_SET_MODE, .mode = mode & 07777};

    return set_file(fd, &attributes);
}

int fchown(int fd, uid_t user, gid_t group)
{
    struct fs_attributes attributes = {.set = FS_SET_OWNER};
    struct stat found;

    if (fstat(fd, &found))
        return -1;
    attributes.user = user == (uid_t)-1 ? found.st_uid : user;
    attributes.group = group == (gid_t)-1 ? found.st_gid : group;
    return set_file(fd, &attributes);
}

int futimens(int fd, const struct timespec times[2])
{
    struct fs_attributes attributes;
    struct stat found;

    if (fstat(fd, &found) || times_fill(&attributes, &found, times))
        return -1;
    return set_file(fd, &attributes);
}
