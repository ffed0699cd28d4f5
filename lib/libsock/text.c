/*
 * Addresses as text: IPv4 in four decimal parts, IPv6 as in RFC 4291 read and as in RFC 5952 written.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GROUPS 8

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* ---- from text ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read_v4(const char *text, uint8_t bytes[4])
{
    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0, digits = 0;
        for (; is_digit(*text) && digits < 4; text++, digits++)
            value = value * 10 + (unsigned)(*text - '0');
        /* A leading zero once meant octal: refused rather than guessed. */
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text[-(int)digits] == '0'))
            return false;
        if (*text++ != (part < 3 ? '.' : '\0'))
            return false;
        bytes[part] = (uint8_t)value;
    }
    return true;
}

static int hex_value(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What stands in the text, in order, and where "::" leaves zeros out. */
struct v6_text {
    uint8_t bytes[16];
    unsigned len;
    int gap; /* offset of the zeros; -1: none */
};

/* The next group, of 16 bits in hexadecimal or the last 32 as IPv4. NULL: neither. */
static const char *read_group(const char *text, struct v6_text *v6)
{
    unsigned value = 0, digits = 0;
    const char *at = text;

    for (; hex_value(*at) >= 0 && digits < 5; at++, digits++)
        value = value * 16 + (unsigned)hex_value(*at);
    if (*at == '.') {
        if (v6->len > 12 || !read_v4(text, &v6->bytes[v6->len]))
            return NULL;
        v6->len += 4;
        return text + strlen(text);
    }
    if (digits == 0 || digits > 4 || v6->len > 14)
        return NULL;
    v6->bytes[v6->len++] = (uint8_t)(value >> 8);
    v6->bytes[v6->len++] = (uint8_t)value;
    return at;
}

static bool read_v6(const char *text, uint8_t bytes[16])
{
    struct v6_text v6 = {.gap = -1};

    if (text[0] == ':' && text[1] == ':') {
        v6.gap = 0;
        text += 2;
    }
    while (*text != '\0') {
        text = read_group(text, &v6);
        if (!text)
            return false;
        if (text[0] == ':' && text[1] == ':') {
            if (v6.gap >= 0)
                return false;
            v6.gap = (int)v6.len;
            text += 2;
        } else if (text[0] == ':' && text[1] != '\0') {
            text++;
        } else if (text[0] != '\0') {
            return false;
        }
    }
    if (v6.gap < 0 ? v6.len != 16 : v6.len > 14)
        return false;
    unsigned before = v6.gap < 0 ? 16 : (unsigned)v6.gap;
    memset(bytes, 0, 16);
    memcpy(bytes, v6.bytes, before);
    memcpy(bytes + 16 - (v6.len - before), v6.bytes + before, v6.len - before);
    return true;
}

int inet_pton(int family, const char *text, void *address)
{
    uint8_t bytes[16];

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!(family == AF_INET ? read_v4(text, bytes) : read_v6(text, bytes)))
        return 0;
    memcpy(address, bytes, family == AF_INET ? 4 : 16);
    return 1;
}

/* ---- to text ---- */

/* The longest run of at least two zero groups, the first of equals: from *start, of that length. */
static unsigned longest_gap(const uint16_t groups[GROUPS], unsigned *start)
{
    unsigned longest = 1;

    for (unsigned i = 0; i < GROUPS; i++) {
        unsigned len = 0;
        while (i + len < GROUPS && groups[i + len] == 0)
            len++;
        if (len > longest) {
            longest = len;
            *start = i;
        }
    }
    return longest > 1 ? longest : 0;
}

static void write_v6(const uint8_t bytes[16], char text[INET6_ADDRSTRLEN])
{
    uint16_t groups[GROUPS];
    unsigned start = GROUPS;
    char *at = text;

    for (unsigned i = 0; i < GROUPS; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    unsigned gap = longest_gap(groups, &start);
    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == start) {
            at += sprintf(at, "::");
            i += gap - 1;
            continue;
        }
        at += sprintf(at, "%s%x", i > 0 && i != start + gap ? ":" : "", groups[i]);
    }
}

const char *inet_ntop(int family, const void *address, char *text, socklen_t len)
{
    char whole[INET6_ADDRSTRLEN];
    const uint8_t *bytes = address;

    if (family == AF_INET) {
        sprintf(whole, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (family == AF_INET6) {
        write_v6(bytes, whole);
    } else {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    if (strlen(whole) >= len) {
        errno = ENOSPC;
        return NULL;
    }
    return strcpy(text, whole);
}
