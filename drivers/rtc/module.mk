# The real-time clock (goldfish-rtc).
PROGRAMS += rtc
rtc_SRCS := drivers/rtc/main.c
rtc_LIBS := libanole
