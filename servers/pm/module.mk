PROGRAMS += pm
pm_SRCS := servers/pm/main.c servers/pm/requests.c servers/pm/table.c servers/pm/spawn.c \
    servers/pm/deaths.c servers/pm/parents.c servers/pm/adopt.c
pm_LIBS := libload libconfig libfdt libanole
