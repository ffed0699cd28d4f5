PROGRAMS += pm
pm_SRCS := servers/pm/main.c servers/pm/table.c servers/pm/spawn.c servers/pm/parents.c
pm_LIBS := libload libconfig libfdt libanole
