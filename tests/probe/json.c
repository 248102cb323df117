/* A comma comes before every value but the first of its object or array: that is all the state there is. */

#include "json.h"

#include <stdio.h>

static int first = 1;

static void quoted(const char *value)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void begin(const char *key)
{
    if (!first)
        putchar(',');
    first = 0;
    if (key) {
        quoted(key);
        putchar(':');
    }
}

void open_object(const char *key) { begin(key); putchar('{'); first = 1; }
void close_object(void) { putchar('}'); first = 0; }
void open_array(const char *key) { begin(key); putchar('['); first = 1; }
void close_array(void) { putchar(']'); first = 0; }

void text(const char *key, const char *value)
{
    if (!value) {
        nothing(key);
        return;
    }
    begin(key);
    quoted(value);
}

void number(const char *key, long long value) { begin(key); printf("%lld", value); }
void unsigned_number(const char *key, unsigned long long value) { begin(key); printf("%llu", value); }
void boolean(const char *key, int value) { begin(key); printf(value ? "true" : "false"); }
void nothing(const char *key) { begin(key); printf("null"); }
