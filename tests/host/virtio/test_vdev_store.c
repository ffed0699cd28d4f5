/*
 * The store in a file: what is written is there, holes read as zeroes, and what can't be done is
 * said.
 */
#include "check.h"

#include <libvirtio/device/store_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 262144u /* and some that make no sector */

static char path[64];
static struct vdev_store_file file;
static unsigned char buffer[BYTES];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/test_vdev_store.XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && ftruncate(fd, BYTES + 100) == 0 && close(fd) == 0);
    CHECK(vdev_store_file_open(&file, path, false) == 0 && file.store.bytes == BYTES);
    memset(buffer, 0x6b, BYTES);
    CHECK(file.store.write(&file.store, 0, buffer, BYTES));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vdev_store_file_close(&file);
    return unlink(path);
}

/* Zeroes in [from, to), the rest untouched. */
static void check_zeroes(uint64_t from, uint64_t to)
{
    CHECK(file.store.read(&file.store, 0, buffer, BYTES));
    for (unsigned i = 0; i < BYTES; i++)
        CHECK(buffer[i] == (i >= from && i < to ? 0 : 0x6b));
}

static void writes(void **state)
{
    (void)state;
    unsigned char sector[512];
    memset(sector, 0x11, sizeof(sector));
    CHECK(file.store.write(&file.store, 5120, sector, 512) && file.store.flush(&file.store));
    vdev_store_file_close(&file);
    CHECK(vdev_store_file_open(&file, path, true) == 0);
    CHECK(file.store.read(&file.store, 0, buffer, BYTES));
    CHECK(memcmp(buffer + 5120, sector, 512) == 0 && buffer[5119] == 0x6b && buffer[5632] == 0x6b);
    CHECK(!file.store.write(&file.store, 0, sector, 512)); /* opened for reading */
    CHECK(!file.store.zero(&file.store, 0, 512, false));
    CHECK(!file.store.read(&file.store, BYTES, buffer, 512)); /* the file ends within */
}

static void zeroes(void **state)
{
    (void)state;
    CHECK(file.store.zero(&file.store, 512, 512, false));
    check_zeroes(512, 1024);
    CHECK(file.store.zero(&file.store, 1024, 200000 / 512 * 512, false));
    check_zeroes(512, 1024 + 200000 / 512 * 512);
}

static void holes(void **state)
{
    (void)state;
    CHECK(file.store.zero(&file.store, 4096, 8192, true));
    check_zeroes(4096, 12288);
    CHECK(file.store.zero(&file.store, 4096, 0, true) && file.store.discard(&file.store, 12288, 0));
    CHECK(file.store.discard(&file.store, 12288, 4096)); /* zeroes here, or what was there */
    CHECK(file.store.read(&file.store, 0, buffer, BYTES));
    CHECK(buffer[12287] == 0 && buffer[16384] == 0x6b && file.store.bytes == BYTES);
}

static void no_file(void **state)
{
    (void)state;
    struct vdev_store_file none;
    CHECK(vdev_store_file_open(&none, "/nonexistent/image", false) == -1 && none.fd < 0);
    vdev_store_file_close(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes),
        TEST(zeroes),
        TEST(holes),
        cmocka_unit_test(no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
