/*
 * From the first C function of a process to its main(): thread-local storage, the arguments out of
 * the startup page, constructors. Called by crt0.S; what returns from main() goes to exit().
 */
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <libanole/internal.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char *argv[]);
void __libc_init_array(void);

void tls_init(void *block)
{
    size_t image = (size_t)(uintptr_t)__tls_image_size;

    memcpy(block, __tls_image, image);
    memset((char *)block + image, 0, (size_t)(uintptr_t)__tls_size - image);
}

/* Points argv into the startup page; whatever the loader wrote, only into the page. */
static int arguments_read(const struct startup_page *page, char *argv[])
{
    int count = 0;

    for (uint32_t i = 0; i < page->argument_count && i < STARTUP_ARGUMENTS_MAX; i++) {
        if (page->argument[i] < PAGE_SIZE) {
            argv[count++] = (char *)((uintptr_t)page + page->argument[i]);
        }
    }
    argv[count] = NULL;
    return count;
}

_Noreturn void anole_start(void)
{
    static char *argv[STARTUP_ARGUMENTS_MAX + 1];
    int argc;

    tls_init(__tls_main);
    if (startup_page()->magic != STARTUP_MAGIC || info_page()->abi_version != ANOLE_ABI_VERSION) {
        panic("started by a loader or kernel of another ABI version");
    }
    if (fault_arm) {
        fault_arm(startup_page()->fault, startup_page()->fault_count);
    }
    argc = arguments_read(startup_page(), argv);
    __libc_init_array();
    exit(main(argc, argv));
}
