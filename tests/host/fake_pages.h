/*
 * Put before a source that reads the startup page or the info page: on the build machine these are
 * variables.
 */
#ifndef TESTS_FAKE_PAGES_H
#define TESTS_FAKE_PAGES_H

#include <anole/layout.h>

extern struct startup_page fake_startup_page;
extern struct info_page fake_info_page;

#define startup_page() ((const struct startup_page *)&fake_startup_page)
#define info_page() ((const struct info_page *)&fake_info_page)

#endif
