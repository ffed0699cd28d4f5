/*
 * Texts for numbers: errors and causes of death. For messages to people.
 */
#include <anole/error.h>
#include <anole/process.h>
#include <libanole/anole.h>
#include <stddef.h>

static const struct {
    uint32_t number;
    const char *name;
    const char *text;
} errors[] = {{0, "OK", "no error"},
#define ERROR_ROW(name, number, text) {number, #name, text},
              ANOLE_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

#define ERROR_COUNT (sizeof(errors) / sizeof(errors[0]))

/* Row of an error number of either sign, or ERROR_COUNT. */
static size_t error_row(int error)
{
    uint32_t magnitude = error < 0 ? 0u - (uint32_t)error : (uint32_t)error;
    size_t row = 0;

    while (row < ERROR_COUNT && errors[row].number != magnitude) {
        row++;
    }
    return row;
}

const char *anole_error_text(int error)
{
    size_t row = error_row(error);

    return row < ERROR_COUNT ? errors[row].text : "unknown error";
}

const char *anole_error_name(int error)
{
    size_t row = error_row(error);

    return row < ERROR_COUNT ? errors[row].name : "E?";
}

const char *death_cause_text(unsigned cause)
{
    static const char *const texts[DEATH_CAUSES] = {
        [DEATH_NONE] = "none",
        [DEATH_EXIT] = "exit",
        [DEATH_PANIC] = "panic",
        [DEATH_DEVICE_RESET] = "device reset",
        [DEATH_LOAD_FAULT] = "load fault",
        [DEATH_STORE_FAULT] = "store fault",
        [DEATH_FETCH_FAULT] = "fetch fault",
        [DEATH_ILLEGAL] = "illegal instruction",
        [DEATH_MISALIGNED] = "misaligned access",
        [DEATH_BREAKPOINT] = "breakpoint",
        [DEATH_KILLED] = "killed",
        [DEATH_NO_PROGRESS] = "no progress",
        [DEATH_COMPLAINT] = "complaint",
        [DEATH_INTERRUPT] = "interrupted",
        [DEATH_DEVICE_GONE] = "device gone",
        [DEATH_STOPPED] = "stopped",
        [DEATH_BAD_CALL] = "bad system call",
        [DEATH_UNUSABLE] = "unusable device",
    };

    return cause < DEATH_CAUSES ? texts[cause] : "unknown cause";
}
