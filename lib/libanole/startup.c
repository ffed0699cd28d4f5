/*
 * From the first C function of a process to its main(): thread-local storage, pointers to the
 * arguments, constructors. Called by crt0.S; what returns from main() goes to exit().
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

static_assert(USER_STARTUP_PAGE == 0x3ffffe0000 &&
                  offsetof(struct startup_page, stack_pointer) == 56,
              "crt0.S reads the stack pointer there");

extern char **environ;

/* Points count entries of the vector, and a NULL behind them, to the strings from *next on; to none
 * that isn't there. */
static char **strings_point(char **vector, uint32_t count, char **next)
{
    char *end = (char *)USER_STACK_TOP;
    uint32_t found = 0;

    while (found < count && *next < end) {
        vector[found++] = *next;
        *next += strnlen(*next, (size_t)(end - *next)) + 1;
    }
    vector[found] = NULL;
    return &vector[found];
}

_Noreturn void anole_start(void)
{
    const struct startup_page *page = startup_page();
    char **argv = (char **)(uintptr_t)page->stack_pointer;
    char *strings = (char *)(USER_STACK_TOP - page->strings_len);

    tls_init(__tls_main);
    if (startup_page()->magic != STARTUP_MAGIC || info_page()->abi_version != ANOLE_ABI_VERSION) {
        panic("started by a loader or kernel of another ABI version");
    }
    if (fault_arm) {
        fault_arm(startup_page()->fault, startup_page()->fault_count);
    }
    char **end = strings_point(argv, page->argument_count, &strings);
    if (page->environment_count > 0) {
        environ = end + 1;
        (void)strings_point(environ, page->environment_count, &strings);
    }
    __libc_init_array();
    if (inheritance_take) {
        inheritance_take();
    }
    exit(main((int)(end - argv), argv));
}
