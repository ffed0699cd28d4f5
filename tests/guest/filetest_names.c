/*
 * filetest: names, links, directories, attributes.
 */
#include "filetest.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/time.h>

void group_names(void)
{
    char name[300];
    struct stat stat_;

    enter("names");
    CHECK(mkdir("d", 0700) == 0);
    FAILS(mkdir("d", 0700), EEXIST);
    FAILS(mkdir("no/d", 0700), ENOENT);
    CHECK(mkdir("d/e/", 0700) == 0);
    CHECK(stat("d/e", &stat_) == 0 && S_ISDIR(stat_.st_mode));
    FAILS(rmdir("d"), ENOTEMPTY);
    FAILS(unlink("d"), EISDIR);
    make_file("f", "x");
    FAILS(rmdir("f"), ENOTDIR);
    FAILS(stat("f/", &stat_), ENOTDIR);
    FAILS(unlink("no"), ENOENT);
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    make_file(name, "long");
    CHECK(content_is(name, "long"));
    CHECK(unlink(name) == 0);
    name[255] = 'n';
    name[256] = '\0';
    FAILS(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
    CHECK(rmdir("d/e") == 0 && rmdir("d") == 0);
    FAILS(rmdir("/"), EBUSY);
    FAILS(rmdir("."), EINVAL);
    for (int byte = 1; byte < 256; byte++) {
        char any[3] = {(char)byte, '_', 0};
        if (byte != '/') {
            make_file(any, "any");
            CHECK(content_is(any, "any") && unlink(any) == 0);
        }
    }
    char *path = calloc(1, 5000);
    if (CHECK(path)) {
        memset(path, '/', 4999);
        path[4999] = '\0';
        FAILS(stat(path, &stat_), ENAMETOOLONG);
        path[4000] = '\0';
        CHECK(stat(path, &stat_) == 0);
    }
    free(path);
}

void group_rename(void)
{
    enter("rename");
    make_file("one", "1");
    make_file("two", "2");
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0 && mkdir("empty", 0755) == 0);
    CHECK(rename("one", "two") == 0 && content_is("two", "1"));
    CHECK(rename("two", "d/three") == 0 && content_is("d/three", "1"));
    FAILS(rename("d", "d/sub/x"), EINVAL);
    FAILS(rename("empty", "d/three"), ENOTDIR);
    FAILS(rename("d/three", "empty"), EISDIR);
    FAILS(rename("empty", "d"), ENOTEMPTY);
    CHECK(rename("d/sub", "empty") == 0);
    CHECK(rename("d", "moved") == 0 && content_is("moved/three", "1"));
    CHECK(rename("moved/three", "moved/three") == 0);
    FAILS(rename("no", "x"), ENOENT);
    FAILS(rename("moved", "/dev/moved"), EXDEV);
}

void group_links(void)
{
    char target[64];
    struct stat one = {0}, two = {0};

    enter("links");
    make_file("a", "text");
    CHECK(link("a", "b") == 0);
    CHECK(stat("a", &one) == 0 && stat("b", &two) == 0);
    CHECK(one.st_ino == two.st_ino && one.st_dev == two.st_dev && one.st_nlink == 2);
    FAILS(link("a", "b"), EEXIST);
    FAILS(link("no", "c"), ENOENT);
    CHECK(unlink("a") == 0 && content_is("b", "text"));
    CHECK(mkdir("d", 0755) == 0);
    FAILS(link("d", "e"), EPERM);
    CHECK(symlink("../b", "d/to-b") == 0);
    CHECK(content_is("d/to-b", "text"));
    CHECK(lstat("d/to-b", &one) == 0 && S_ISLNK(one.st_mode) && one.st_size == 4);
    CHECK(stat("d/to-b", &one) == 0 && S_ISREG(one.st_mode));
    CHECK(readlink("d/to-b", target, sizeof(target)) == 4 && memcmp(target, "../b", 4) == 0);
    CHECK(readlink("d/to-b", target, 2) == 2);
    FAILS(readlink("b", target, sizeof(target)), EINVAL);
    CHECK(symlink("loop", "loop") == 0);
    FAILS(open("loop", O_RDONLY), ELOOP);
    FAILS(open("d/to-b", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK(symlink("new", "to-new") == 0);
    make_file("to-new", "made");
    CHECK(content_is("new", "made"));
    CHECK(symlink("/", "root") == 0);
    CHECK(stat("root/../root/tmp/..", &one) < 0 || S_ISDIR(one.st_mode));
    CHECK(stat("root/", &one) == 0 && stat("/", &two) == 0 && one.st_ino == two.st_ino);
    CHECK(unlink("loop") == 0 && unlink("root") == 0);
}

void group_directory(void)
{
    bool seen[300] = {false};
    struct dirent *entry;
    char name[32];
    long place = 0;
    unsigned count = 0;

    enter("directory");
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "file-%u", i);
        make_file(name, "");
    }
    DIR *directory = opendir(".");
    if (!CHECK(directory))
        return;
    while ((entry = readdir(directory))) {
        unsigned number;
        if (sscanf(entry->d_name, "file-%u", &number) != 1)
            continue;
        CHECK(number < 300 && !seen[number] && entry->d_type == DT_REG);
        seen[number] = true;
        if (++count == 137)
            place = telldir(directory);
        if (count == 138)
            memcpy(name, entry->d_name, sizeof(name));
    }
    CHECK(count == 300);
    seekdir(directory, place);
    entry = readdir(directory);
    CHECK(entry && strcmp(entry->d_name, name) == 0);
    rewinddir(directory);
    count = 0;
    while ((entry = readdir(directory)))
        count += strncmp(entry->d_name, "file-", 5) == 0;
    CHECK(count == 300);
    CHECK(closedir(directory) == 0);
    errno = 0;
    CHECK(!opendir("file-1") && errno == ENOTDIR);
    errno = 0;
    CHECK(!opendir("no") && errno == ENOENT);
}

void group_attributes(void)
{
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    struct statvfs space;
    struct stat found = {0};
    struct mount_entry mounts[8];

    enter("attributes");
    make_file("a", "text");
    CHECK(chmod("a", 0711) == 0 && stat("a", &found) == 0 && (found.st_mode & 07777) == 0711);
    CHECK(access("a", X_OK) == 0);
    CHECK(utimensat(AT_FDCWD, "a", times, 0) == 0 && stat("a", &found) == 0);
    CHECK(found.st_atim.tv_sec == 1000 && found.st_mtim.tv_sec == 2000);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = 3000;
    CHECK(utimensat(AT_FDCWD, "a", times, 0) == 0 && stat("a", &found) == 0);
    CHECK(found.st_atim.tv_sec == 1000 && found.st_mtim.tv_sec == 3000);
    times[0].tv_nsec = 1000000000;
    FAILS(utimensat(AT_FDCWD, "a", times, 0), EINVAL);
    CHECK(chown("a", 5, 6) == 0 && chown("a", (uid_t)-1, 7) == 0);
    CHECK(stat("a", &found) == 0 && found.st_uid == 5 && found.st_gid == 7);
    CHECK(truncate("a", 2) == 0 && content_is("a", "te"));
    FAILS(truncate(".", 2), EISDIR);
    int fd = open("a", O_RDONLY);
    CHECK(fchmod(fd, 0600) == 0 && fstat(fd, &found) == 0 && (found.st_mode & 07777) == 0600);
    CHECK(close(fd) == 0);
    CHECK(umask(077) == 022);
    CHECK(mkdir("d", 0777) == 0 && stat("d", &found) == 0 && (found.st_mode & 0777) == 0700);
    CHECK(statvfs(".", &space) == 0 && space.f_blocks >= space.f_bfree && space.f_bfree > 0);
    CHECK(space.f_namemax == 255 && space.f_basetype[0] != '\0');
    CHECK(mount_entries(mounts, 8) >= 1 && strcmp(mounts[0].path, "/") == 0);
    FAILS(mount("mem", "d", "mem", 0, NULL), EPERM);
    FAILS(umount("/"), EPERM);
    sync();
}

void group_working_directory(void)
{
    char path[256], *real;

    enter("working-directory");
    CHECK(getcwd(path, sizeof(path)) && strstr(path, "/filetest-working-directory"));
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0 && symlink("d/e", "link") == 0);
    size_t base = strlen(path);
    CHECK(chdir("link/../e") == 0);
    CHECK(getcwd(path, sizeof(path)) && strcmp(path + base, "/d/e") == 0);
    make_file("f", "here");
    CHECK(chdir("../..") == 0 && content_is("d/e/f", "here") && content_is("link/f", "here"));
    FAILS(chdir("d/e/f"), ENOTDIR);
    FAILS(chdir("no"), ENOENT);
    errno = 0;
    CHECK(!getcwd(path, 3) && errno == ERANGE);
    real = realpath("./link/.././e//f", NULL);
    CHECK(real && strcmp(real + base, "/d/e/f") == 0);
    free(real);
    real = realpath("/../..", NULL);
    CHECK(real && strcmp(real, "/") == 0);
    free(real);
    errno = 0;
    CHECK(!realpath("no/x", NULL) && errno == ENOENT);
}
