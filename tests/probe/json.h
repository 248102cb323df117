/* Just enough JSON to write one object. `key` is the member's name; inside an array it is NULL. */

#ifndef PROBE_JSON_H
#define PROBE_JSON_H

void open_object(const char *key);
void close_object(void);
void open_array(const char *key);
void close_array(void);

void text(const char *key, const char *value);
void number(const char *key, long long value);
void unsigned_number(const char *key, unsigned long long value);
void boolean(const char *key, int value);
void nothing(const char *key);

#endif
