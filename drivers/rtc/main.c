/*
 * The driver of the goldfish real-time clock. It gives the kernel the wall-clock base at its start
 * (programs read the time from the info page without asking anyone), and answers proto/rtc.h.
 *
 * Who may set the clock: whoever may call this driver at all. Reading needs no call, so only the
 * operator's shell, its `date` and the like are given that right in etc/system.dts, and the kernel
 * enforces it.
 *
 * It holds no state: when it dies, the base that it set stays, and the next instance sets it again.
 */
#include <libanole/anole.h>
#include <libanole/convert.h>
#include <libanole/service.h>
#include <proto/rtc.h>

/* Nanoseconds since 1970; reading the low half latches the high one, writing it sets the clock. */
#define RTC_TIME_LOW 0x00u
#define RTC_TIME_HIGH 0x04u
#define RTC_WINDOW_MIN 0x08u

#define NS_MAX ((uint64_t)INT64_MAX) /* the year 2262, and what the device can hold */

static volatile uint32_t *registers;

static uint64_t clock_read(void)
{
    uint32_t low = registers[RTC_TIME_LOW / 4];
    uint32_t high = registers[RTC_TIME_HIGH / 4];

    return (uint64_t)high << 32 | low;
}

static void clock_write(uint64_t nanoseconds)
{
    registers[RTC_TIME_HIGH / 4] = (uint32_t)(nanoseconds >> 32);
    registers[RTC_TIME_LOW / 4] = (uint32_t)nanoseconds;
}

/* Tells the kernel what the time was at tick 0. */
static int base_set(uint64_t nanoseconds)
{
    uint64_t running = convert_ticks_to_ns(ticks_now(), info_page()->ticks_per_second);
    struct message message = {.word = {nanoseconds - running}};

    return nanoseconds > running ? kcall(KCALL_WALL_CLOCK_SET, &message) : -ANOLE_ERANGE;
}

static int rtc_get(struct ipc_delivery *request)
{
    request->message.word[0] = clock_read();
    return 0;
}

static int rtc_set(struct ipc_delivery *request)
{
    uint64_t nanoseconds = request->message.word[0];
    int error;

    if (nanoseconds > NS_MAX) {
        return -ANOLE_ERANGE;
    }
    error = base_set(nanoseconds);
    if (!error) {
        clock_write(nanoseconds);
    }
    return error;
}

static void clock_open(void)
{
    void *window;
    size_t len;
    int error = device_window_map(&window, &len);

    if (error || len < RTC_WINDOW_MIN) {
        panic("the register window can't be mapped: %s",
              anole_error_text(error ? error : -ANOLE_ENODEV));
    }
    registers = window;
    error = base_set(clock_read());
    if (error) {
        log_printf(LOG_WARNING, "the clock reads %lu ns since 1970, which the kernel refuses: %s",
                   clock_read(), anole_error_text(error));
    }
}

int main(void)
{
    SERVICE_TABLE static const struct service_entry entries[] = {
        {RTC_GET, rtc_get},
        {RTC_SET, rtc_set},
    };
    SERVICE_TABLE static const struct service service = {
        .name = "rtc",
        .entries = entries,
        .entry_count = sizeof(entries) / sizeof(entries[0]),
    };

    clock_open();
    service_ready();
    service_run(&service);
}
