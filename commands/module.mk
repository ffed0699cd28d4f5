# The shell (a service) and the small programs. What they share is in libcommand.
LIBS += libcommand
libcommand_SRCS := \
    commands/common/arguments.c \
    commands/common/copy.c \
    commands/common/files.c \
    commands/common/inet.c \
    commands/common/lines.c \
    commands/common/mounts.c \
    commands/common/names.c \
    commands/common/processes.c \
    commands/common/progress.c \
    commands/common/sockets.c \
    commands/common/table.c \
    commands/common/virtio.c \
    commands/common/walk.c
libcommand_CFLAGS := $(SOCK_INCLUDES)

PROGRAMS += shell
shell_SRCS := \
    commands/shell/boot_arguments.c \
    commands/shell/builtins.c \
    commands/shell/editor.c \
    commands/shell/execute.c \
    commands/shell/expand.c \
    commands/shell/main.c \
    commands/shell/parse.c \
    commands/shell/redirect.c \
    commands/shell/script.c \
    commands/shell/terminal.c
shell_LIBS := libcommand librs libanole

# Those that work on files: each is one source.
FILE_COMMANDS := cat cp dd df ln ls mkdir mount mv rm sha256sum stat sync touch truncate umount
PROGRAMS += $(FILE_COMMANDS)
define file_command
$(1)_SRCS := commands/$(1).c
$(1)_LIBS := libcommand libsha256 libanole
endef
$(foreach command,$(FILE_COMMANDS),$(eval $(call file_command,$(command))))

PROGRAMS += service
service_SRCS := \
    commands/service/control.c \
    commands/service/death.c \
    commands/service/list.c \
    commands/service/log.c \
    commands/service/main.c \
    commands/service/status.c
service_LIBS := libcommand librs libconfig libanole

PROGRAMS += ps
ps_SRCS := commands/ps.c
ps_LIBS := libcommand libanole

PROGRAMS += lsdev
lsdev_SRCS := \
    commands/lsdev/detail.c \
    commands/lsdev/main.c
lsdev_LIBS := libcommand libvirtio librs libanole

PROGRAMS += dmesg
dmesg_SRCS := commands/dmesg.c
dmesg_LIBS := libcommand libanole

PROGRAMS += uptime
uptime_SRCS := commands/uptime.c
uptime_LIBS := libcommand libanole

PROGRAMS += date
date_SRCS := commands/date.c
date_LIBS := libcommand libanole

PROGRAMS += sleep
sleep_SRCS := commands/sleep.c
sleep_LIBS := libcommand libanole

PROGRAMS += poweroff
poweroff_SRCS := commands/poweroff.c
poweroff_LIBS := libcommand librs libanole

PROGRAMS += reboot
reboot_SRCS := commands/reboot.c
reboot_LIBS := libcommand librs libanole

PROGRAMS += httpd
httpd_SRCS := $(addprefix commands/httpd/, \
    answer.c connection.c files.c main.c page.c pattern.c services.c site.S tree.c)
httpd_DEPS := $(wildcard commands/httpd/site/* docs/*.md)
httpd_CFLAGS := $(SOCK_INCLUDES)
httpd_LIBS := libcommand libhttp libsha256 libsock librs libanole

PROGRAMS += hexdump
hexdump_SRCS := commands/hexdump.c
hexdump_LIBS := libcommand libblk libpeer libchan libanole

PROGRAMS += host
host_SRCS := commands/host.c
host_CFLAGS := $(SOCK_INCLUDES)
host_LIBS := libcommand libsock libanole

PROGRAMS += ifconfig
ifconfig_SRCS := commands/ifconfig.c
ifconfig_CFLAGS := $(SOCK_INCLUDES)
ifconfig_LIBS := libcommand libsock libanole

PROGRAMS += netstat
netstat_SRCS := commands/netstat.c
netstat_CFLAGS := $(SOCK_INCLUDES)
netstat_LIBS := libcommand libsock libanole

PROGRAMS += random
random_SRCS := commands/random.c
random_LIBS := libcommand libanole

PROGRAMS += virtio
virtio_SRCS := commands/virtio.c
virtio_LIBS := libcommand libvirtio libanole

PROGRAMS += wget
wget_SRCS := $(addprefix commands/wget/, exchange.c main.c target.c)
wget_CFLAGS := $(SOCK_INCLUDES)
wget_LIBS := libcommand libhttp libsha256 libsock libanole

PROGRAMS += nc
nc_SRCS := \
    commands/nc/line.c \
    commands/nc/main.c \
    commands/nc/source.c \
    commands/nc/transfer.c
nc_CFLAGS := $(SOCK_INCLUDES)
nc_LIBS := libcommand libsha256 libsock libanole

PROGRAMS += netbench
netbench_SRCS := \
    commands/netbench/client.c \
    commands/netbench/client_udp.c \
    commands/netbench/common.c \
    commands/netbench/counts.c \
    commands/netbench/datagrams.c \
    commands/netbench/flow.c \
    commands/netbench/iperf.c \
    commands/netbench/latency.c \
    commands/netbench/main.c \
    commands/netbench/server.c \
    commands/netbench/server_udp.c \
    commands/netbench/stream.c
netbench_CFLAGS := $(SOCK_INCLUDES)
netbench_LIBS := libcommand libbench libsock libanole

PROGRAMS += ping
ping_SRCS := commands/ping.c
ping_CFLAGS := $(SOCK_INCLUDES)
ping_LIBS := libcommand libsock libanole
