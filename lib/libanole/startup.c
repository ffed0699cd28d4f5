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

extern char **environ;

/* Points strings [first, first + count) into the startup page; whatever the loader wrote, only into
 * the page. */
static int strings_read(const struct startup_page *page, uint32_t first, uint32_t count,
                        char *strings[])
{
    int found = 0;

    for (uint32_t i = first; i < STARTUP_ARGUMENTS_MAX && i - first < count; i++) {
        if (page->argument[i] < PAGE_SIZE) {
            strings[found++] = (char *)((uintptr_t)page + page->argument[i]);
        }
    }
    strings[found] = NULL;
    return found;
}

_Noreturn void anole_start(void)
{
    static char *argv[STARTUP_ARGUMENTS_MAX + 1], *environment[STARTUP_ARGUMENTS_MAX + 1];
    const struct startup_page *page = startup_page();
    int argc;

    tls_init(__tls_main);
    if (startup_page()->magic != STARTUP_MAGIC || info_page()->abi_version != ANOLE_ABI_VERSION) {
        panic("started by a loader or kernel of another ABI version");
    }
    if (fault_arm) {
        fault_arm(startup_page()->fault, startup_page()->fault_count);
    }
    argc = strings_read(page, 0, page->argument_count, argv);
    if (strings_read(page, page->argument_count, page->environment_count, environment) > 0) {
        environ = environment;
    }
    __libc_init_array();
    if (inheritance_take) {
        inheritance_take();
    }
    exit(main(argc, argv));
}
