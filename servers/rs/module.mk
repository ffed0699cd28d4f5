PROGRAMS += rs
rs_SRCS := servers/rs/main.c servers/rs/services.c servers/rs/kept.c servers/rs/names.c servers/rs/devices.c \
    servers/rs/told.c servers/rs/start.c servers/rs/make.c servers/rs/spare.c servers/rs/death.c \
    servers/rs/programs.c servers/rs/record.c servers/rs/watch.c servers/rs/orphans.c \
    servers/rs/complaint.c servers/rs/status.c servers/rs/policy.c servers/rs/liveness.c \
    servers/rs/control.c servers/rs/shutdown.c servers/rs/fault.c servers/rs/log.c
rs_LIBS := libload libconfig libfdt libanole
