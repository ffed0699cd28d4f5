/*
 * service: shows and controls the services, by asking RS. Whether it may control is RS's decision.
 */
#include "orders.h"

#include "../common/arguments.h"

#include <librs/rs_client.h>
#include <stdio.h>

static int usage(void)
{
    return print_usage("service list\n"
                       "       service status NAME\n"
                       "       service start|stop|kill|restart|complain NAME\n"
                       "       service spare NAME on|off\n"
                       "       service log [NAME]");
}

int main(int argc, char *argv[])
{
    if (argc < 2)
        return usage();
    if (argc >= 3 && strlen(argv[2]) >= RS_NAME_LEN) {
        fprintf(stderr, "service: no such service: %s\n", argv[2]);
        return 1;
    }
    if (strcmp(argv[1], "list") == 0)
        return argc == 2 ? service_list() : usage();
    if (strcmp(argv[1], "log") == 0)
        return argc <= 3 ? service_log(argc == 3 ? argv[2] : NULL) : usage();
    if (strcmp(argv[1], "spare") == 0 && argc == 4) {
        if (strcmp(argv[3], "on") == 0)
            return service_order(argv[2], RS_SPARE_ON);
        return strcmp(argv[3], "off") == 0 ? service_order(argv[2], RS_SPARE_OFF) : usage();
    }
    if (argc != 3)
        return usage();
    if (strcmp(argv[1], "complain") == 0)
        return service_complain(argv[2]);
    if (strcmp(argv[1], "status") == 0)
        return service_status(argv[2]);
    for (enum rs_order order = RS_START; order <= RS_RESTART; order++) {
        if (strcmp(argv[1], rs_order_text(order)) == 0)
            return service_order(argv[2], order);
    }
    return usage();
}
