/*
 * A driver's one device: its register window and its interrupt line, wherever they stand in the
 * resource table that RS made.
 */
#include <libanole/anole.h>

int device_window_map(void **address, size_t *len)
{
    int error = -ANOLE_ENOENT;

    for (unsigned i = 0; i < startup_page()->resources && error == -ANOLE_ENOENT; i++) {
        error = kcall_window_map(i, address, len);
    }
    return error == -ANOLE_ENOENT ? -ANOLE_ENODEV : error;
}

int device_irq_bind(unsigned bit)
{
    int error = -ANOLE_ENOENT;

    for (unsigned i = 0; i < startup_page()->resources && error == -ANOLE_ENOENT; i++) {
        error = kcall_irq_bind(i, 0, bit);
    }
    return error == -ANOLE_ENOENT ? -ANOLE_ENODEV : error;
}
