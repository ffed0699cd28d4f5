/*
 * reboot: stops all services and starts the machine anew.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
    (void)argv;
    if (argc != 1)
        return print_usage("reboot");

    int status = rs_shutdown(POWER_REBOOT, 0);
    if (status != 0) {
        fprintf(stderr, "reboot: RS refuses: %s\n", anole_error_text(status));
        return 1;
    }
    return 0;
}
