/*
 * poweroff: stops all services and turns the machine off; the status goes out through the machine.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
    uint64_t exit_status = 0;

    if (argc > 2 || (argc == 2 && !parse_number(argv[1], 255, &exit_status)))
        return print_usage("poweroff [STATUS]    0 to 255");

    int status = rs_shutdown(POWER_OFF, (unsigned)exit_status);
    if (status != 0) {
        fprintf(stderr, "poweroff: RS refuses: %s\n", anole_error_text(status));
        return 1;
    }
    return 0;
}
