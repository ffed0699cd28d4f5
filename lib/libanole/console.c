/*
 * The console as the C library's streams and the shell use it: bytes to and from whoever has the
 * name "console", under proto/tty.h. When that driver dies, the unanswered request is made again to
 * the next instance; output is therefore written at least once. Where there is no console (services
 * that start before it, or that may not call it), output goes to the kernel's log.
 */
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <proto/tty.h>
#include <string.h>

#define CONSOLE_NAME "console"
#define CONSOLE_BUFFER 1024u
#define CONSOLE_WAIT_US 30000000u
#define CONSOLE_BUSY_US 1000u
#define LOG_PIECE 200

static endpoint_t console = ENDPOINT_NONE;
static bool console_seen; /* there was one: if it is gone it will come back */
static handle_t console_grant;
static struct __lock console_lock;
static char console_buffer[CONSOLE_BUFFER]; /* granted to the driver for as long as it lives */

static int console_find(void)
{
    int error;

    if (console != ENDPOINT_NONE) {
        return 0;
    }
    error = name_lookup(CONSOLE_NAME, &console);
    if (error == -ANOLE_EAGAIN || (error == -ANOLE_ENOENT && console_seen)) {
        error = name_wait(CONSOLE_NAME, &console, ANOLE_NOTIFY_BIT,
                          deadline_in_us(CONSOLE_WAIT_US));
    }
    if (error) {
        console = ENDPOINT_NONE;
        return error;
    }
    console_seen = true;
    return 0;
}

static void console_forget(void)
{
    console = ENDPOINT_NONE;
    if (console_grant != HANDLE_NONE) {
        /* It was readable only and its user is dead, so nothing depends on success. */
        (void)kcall_revoke(console_grant, -1);
        console_grant = HANDLE_NONE;
    }
}

/* Makes one request; message is overwritten by the reply. -EDEADENDPOINT: to be made again. */
static int console_request(uint32_t type, struct message *message)
{
    const struct message request = *message;
    int error;

    while ((error = anole_call(console, type, message, DEADLINE_NEVER)) == -ANOLE_EBUSY) {
        sleep_us(CONSOLE_BUSY_US);
        *message = request;
    }
    if (error == -ANOLE_EDEADENDPOINT) {
        console_forget();
    }
    return error;
}

static int console_put(const char *text, size_t len)
{
    struct message message = {.word = {len}};

    memcpy(&message.word[1], text, len);
    return console_request(TTY_PUT, &message);
}

static int console_write_granted(const char *text, size_t len)
{
    struct message message;

    memcpy(console_buffer, text, len);
    message = (struct message){.word = {0, console_grant, 0, len}};
    return console_request(TTY_WRITE, &message);
}

/* Writes the first bytes of text: how many, or -error. */
static int console_write_some(const char *text, size_t len)
{
    int error = console_find();

    if (error) {
        return error;
    }
    if (len > TTY_INLINE_MAX && console_grant == HANDLE_NONE &&
        kcall_grant(console, console_buffer, sizeof(console_buffer), GRANT_READ, &console_grant)) {
        console_grant = HANDLE_NONE;
    }
    if (len > TTY_INLINE_MAX && console_grant != HANDLE_NONE) {
        len = len < CONSOLE_BUFFER ? len : CONSOLE_BUFFER;
        error = console_write_granted(text, len);
    } else {
        len = len < TTY_INLINE_MAX ? len : TTY_INLINE_MAX;
        error = console_put(text, len);
    }
    return error ? error : (int)len;
}

static void log_text(const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        size_t piece = line < LOG_PIECE ? line : LOG_PIECE;

        if (piece > 0) {
            log_printf(LOG_INFO, "%.*s", (int)piece, text);
        }
        piece += piece == line && end ? 1 : 0;
        text += piece;
        len -= piece;
    }
}

void console_write(const char *text, size_t len)
{
    lock_acquire(&console_lock);
    while (len > 0) {
        int done = console_write_some(text, len);

        if (done == -ANOLE_EDEADENDPOINT) {
            continue;
        }
        if (done < 0) {
            log_text(text, len);
            break;
        }
        text += done;
        len -= (size_t)done;
    }
    lock_release(&console_lock);
}

/* Waits without the lock: others may write meanwhile. */
int console_read(char *buffer, size_t len)
{
    struct message message;
    endpoint_t from;
    int error;

    do {
        lock_acquire(&console_lock);
        error = console_find();
        from = console;
        lock_release(&console_lock);
        if (error) {
            return error;
        }
        message = (struct message){.word = {len < TTY_INLINE_MAX ? len : TTY_INLINE_MAX}};
        error = anole_call(from, TTY_READ, &message, DEADLINE_NEVER);
        if (error == -ANOLE_EDEADENDPOINT) {
            lock_acquire(&console_lock);
            if (console == from) {
                console_forget();
            }
            lock_release(&console_lock);
        } else if (error == -ANOLE_EBUSY) {
            sleep_us(CONSOLE_BUSY_US);
        }
    } while (error == -ANOLE_EDEADENDPOINT || error == -ANOLE_EBUSY);
    if (error) {
        return error;
    }
    if (message.word[0] == 0 || message.word[0] > len || message.word[0] > TTY_INLINE_MAX) {
        return -ANOLE_EPROTO;
    }
    memcpy(buffer, &message.word[1], message.word[0]);
    return (int)message.word[0];
}
