/*
 * Text: written piece by piece, read from JSON (RFC 8259), made harmless for a terminal. The rule: nothing is
 * allocated and nothing is written past an end; and a piece of JSON is a place in the bytes it came in until somebody
 * prints it; what two readers could read differently (invalid UTF-8, deep nesting) is no JSON here.
 */
#ifndef VALETKEY_TEXT_H
#define VALETKEY_TEXT_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Forgets a secret in a way no compiler leaves out. */
static void wipe(void *bytes, size_t length) {
#ifdef __APPLE__
  memset_s(bytes, length, 0, length);
#else
  explicit_bzero(bytes, length);
#endif
}

/* Bytes being put together: flushed to `descriptor` when they are full, or, where that is -1, an overflow. */
struct sheet {
  int descriptor;
  bool over;
  size_t size, used;
  char *bytes;
};

/* Writes out what a sheet holds, all of it, and forgets it. A reader that has gone ends us as SIGPIPE would have. */
static void flush(struct sheet *sheet) {
  for (size_t done = 0; done < sheet->used;) {
    ssize_t count = write(sheet->descriptor, sheet->bytes + done, sheet->used - done);
    if (count >= 0) done += (size_t)count;
    else if (errno == EAGAIN) poll(&(struct pollfd){sheet->descriptor, POLLOUT, 0}, 1, -1);
    else if (errno != EINTR) _exit(128 + 13);
  }
  wipe(sheet->bytes, sheet->used);
  sheet->used = 0;
}

static void add_byte(struct sheet *sheet, int byte) {
  if (sheet->used == sheet->size && sheet->descriptor >= 0) flush(sheet);
  if (sheet->used < sheet->size) sheet->bytes[sheet->used++] = (char)byte;
  else sheet->over = true;
}

static void add(struct sheet *sheet, const char *text) {
  for (; *text != '\0'; text++) add_byte(sheet, *text);
}

static void add_number(struct sheet *sheet, unsigned long number) {
  if (number > 9) add_number(sheet, number / 10);
  add_byte(sheet, '0' + (int)(number % 10));
}

static void add_hex(struct sheet *sheet, unsigned long number, int digits) {
  if (number > 15 || digits > 1) add_hex(sheet, number >> 4, digits - 1);
  add_byte(sheet, "0123456789abcdef"[number & 15]);
}

/* A code point as UTF-8. */
static void add_code(struct sheet *sheet, long code) {
  if (code < 0x80) add_byte(sheet, (int)code);
  else if (code < 0x800) add_byte(sheet, 0xc0 | (int)(code >> 6));
  else if (code < 0x10000) add_byte(sheet, 0xe0 | (int)(code >> 12)), add_byte(sheet, 0x80 | (code >> 6 & 63));
  else {
    add_byte(sheet, 0xf0 | (int)(code >> 18));
    add_byte(sheet, 0x80 | (code >> 12 & 63));
    add_byte(sheet, 0x80 | (code >> 6 & 63));
  }
  if (code >= 0x80) add_byte(sheet, 0x80 | (code & 63));
}

/* A piece of UTF-8 that is known to be valid; `escaped`: with the escapes of a JSON string in it. */
struct text {
  const unsigned char *from, *to;
  bool escaped;
};

/* The next code point of UTF-8 that may be anything, moving on; -1 when there is none or it is not valid. */
static long next_utf8(const unsigned char **at, const unsigned char *end) {
  if (*at == end) return -1;
  int first = *(*at)++;
  if (first < 0x80) return first;
  int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  static const long least[] = {0, 0x80, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4 || end - *at < more) return -1;
  long code = first & (0x3f >> more);
  for (int i = 0; i < more; i++) {
    int byte = *(*at)++;
    if ((byte & 0xc0) != 0x80) return -1;
    code = code << 6 | (byte & 63);
  }
  return code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? -1 : code;
}

static bool is_utf8(const char *bytes, size_t length) {
  const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
  while (at < end)
    if (next_utf8(&at, end) < 0) return false;
  return true;
}

/* Four hexadecimal digits; -1 when they are none. */
static long read_unit(const unsigned char *at, const unsigned char *end) {
  long unit = 0;
  if (end - at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int c = at[i], lower = c | 0x20;
    if (c >= '0' && c <= '9') unit = unit << 4 | (c - '0');
    else if (lower >= 'a' && lower <= 'f') unit = unit << 4 | (lower - 'a' + 10);
    else return -1;
  }
  return unit;
}

/* The next code point of a text, moving on; half a surrogate pair is one, as in JavaScript. -1 at its end. */
static long next_code(struct text *text) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (text->from == text->to) return -1;
  if (!text->escaped || *text->from != '\\') return next_utf8(&text->from, text->to);
  int kind = text->from[1];
  text->from += 2;
  if (kind != 'u') return values[strchr(names, kind) - names];
  long unit = read_unit(text->from, text->to);
  text->from += 4;
  if (unit < 0xd800 || unit > 0xdbff || text->to - text->from < 6 || memcmp(text->from, "\\u", 2) != 0) return unit;
  long low = read_unit(text->from + 2, text->to);
  if (low < 0xdc00 || low > 0xdfff) return unit;
  text->from += 6;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static bool is_text(struct text text, const char *word) {
  for (; *word != '\0'; word++)
    if (next_code(&text) != *word) return false;
  return text.from == text.to;
}

static struct text text_of(const char *words, size_t length) {
  const unsigned char *from = (const unsigned char *)words;
  return (struct text){from, from + length, false};
}

/* A text inside the quotes of a JSON string, as JSON.stringify writes it. */
static void add_json(struct sheet *sheet, struct text text) {
  static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
  for (long code; (code = next_code(&text)) >= 0;) {
    const char *known = code > 0 && code < 0x80 ? strchr(values, (int)code) : NULL;
    if (known != NULL) add_byte(sheet, '\\'), add_byte(sheet, names[known - values]);
    else if (code >= 0x20 && (code < 0xd800 || code > 0xdfff)) add_code(sheet, code);
    else add(sheet, "\\u"), add_hex(sheet, (unsigned long)code, 4);
  }
}

/* What can act on a terminal or lie about reading order, as main/cli/output.ts spells it: Cc, Cf, Cs, Co and some. */
static const long unsafe_codes[][2] = {
  {0, 0x1f},         {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
  {0x6dd, 0x6dd},    {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x115f, 0x1160},
  {0x180e, 0x180e},  {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x2064},   {0x2066, 0x206f},
  {0x3164, 0x3164},  {0xd800, 0xf8ff},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff9, 0xfffb},
  {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
  {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xf0000, 0xffffd}, {0x100000, 0x10fffd},
};

/* A text on one line, with everything unsafe spelt out as `\u{...}`. */
static void add_harmless(struct sheet *sheet, struct text text) {
  for (long code; (code = next_code(&text)) >= 0;) {
    bool unsafe = false;
    for (size_t i = 0; i < sizeof unsafe_codes / sizeof unsafe_codes[0]; i++)
      unsafe |= code >= unsafe_codes[i][0] && code <= unsafe_codes[i][1];
    if (unsafe) add(sheet, "\\u{"), add_hex(sheet, (unsigned long)code, 1), add_byte(sheet, '}');
    else add_code(sheet, code);
  }
}

/* A reader of JSON. Once it is `bad` it stays so, and everything below answers false. A copy is a bookmark. */
struct json {
  const unsigned char *at, *end;
  int depth;
  bool bad;
};

enum { DEPTH_LIMIT = 16 };

static struct json json_of(const void *bytes, size_t length) {
  return (struct json){bytes, (const unsigned char *)bytes + length, 0, false};
}

static bool json_bad(struct json *json) {
  json->bad = true;
  return false;
}

/* The next byte that is no white space, without moving past it; 0 at the end. */
static int json_peek(struct json *json) {
  while (json->at < json->end && memchr(" \t\r\n", *json->at, 4) != NULL) json->at++;
  return json->at < json->end && !json->bad ? *json->at : 0;
}

static bool json_take(struct json *json, int byte) {
  if (json_peek(json) != byte) return json_bad(json);
  json->at++;
  return true;
}

static bool json_string(struct json *json, struct text *text) {
  if (!json_take(json, '"')) return false;
  text->from = json->at;
  text->escaped = true;
  while (json->at < json->end && *json->at != '"') {
    int c = *json->at;
    if (c == '\\') {
      if (json->end - json->at < 2 || json->at[1] == '\0' || strchr("\"\\/bfnrtu", json->at[1]) == NULL)
        return json_bad(json);
      if (json->at[1] == 'u' && read_unit(json->at + 2, json->end) < 0) return json_bad(json);
      json->at += json->at[1] == 'u' ? 6 : 2;
    } else if (c < 0x20 || next_utf8(&json->at, json->end) < 0) return json_bad(json);
  }
  text->to = json->at;
  return json_take(json, '"');
}

/* Enters an object or a list by its opening byte. */
static bool json_open(struct json *json, int byte) {
  return json_take(json, byte) && (++json->depth <= DEPTH_LIMIT || json_bad(json));
}

/* Whether one more comes before the closing byte; `first` is true before the first. */
static bool json_more(struct json *json, int close, bool *first) {
  if (json_peek(json) == close) {
    json->at++;
    json->depth--;
    return false;
  }
  if (!*first && !json_take(json, ',')) return false;
  *first = false;
  return !json->bad && json_peek(json) != 0 ? true : json_bad(json);
}

/* As json_more, for the members of an object: reads the name too. */
static bool json_member(struct json *json, bool *first, struct text *name) {
  return json_more(json, '}', first) && json_string(json, name) && json_take(json, ':');
}

static bool json_digits(struct json *json) {
  const unsigned char *from = json->at;
  while (json->at < json->end && *json->at >= '0' && *json->at <= '9') json->at++;
  return json->at > from || json_bad(json);
}

static bool json_number(struct json *json) {
  if (json_peek(json) == '-') json->at++;
  if (json->at < json->end && *json->at == '0') json->at++;
  else if (!json_digits(json)) return false;
  if (json->at < json->end && *json->at == '.') {
    json->at++;
    if (!json_digits(json)) return false;
  }
  if (json->at < json->end && (*json->at | 0x20) == 'e') {
    json->at++;
    if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
    return json_digits(json);
  }
  return true;
}

/* Reads past one value of any kind; what JSON.stringify would make of it goes to `sheet`, unless that is NULL. */
static bool json_copy(struct json *json, struct sheet *sheet) {
  static const char *const words[] = {"true", "false", "null"};
  static struct sheet nowhere = {-1, false, 0, 0, NULL};
  struct sheet *out = sheet == NULL ? &nowhere : sheet;
  struct text text;
  bool first = true;
  int byte = json_peek(json);
  if (byte == '"') {
    if (!json_string(json, &text)) return false;
    add_byte(out, '"');
    if (sheet != NULL) add_json(out, text);
    add_byte(out, '"');
    return true;
  }
  if (byte == '{' || byte == '[') {
    int close = byte == '{' ? '}' : ']';
    if (!json_open(json, byte)) return false;
    add_byte(out, byte);
    for (bool comma = false; json_more(json, close, &first); comma = true) {
      if (comma) add_byte(out, ',');
      if (byte == '{') {
        if (!json_string(json, &text) || !json_take(json, ':')) return false;
        add_byte(out, '"');
        if (sheet != NULL) add_json(out, text);
        add(out, "\":");
      }
      if (!json_copy(json, sheet)) return false;
    }
    add_byte(out, close);
    return !json->bad;
  }
  for (size_t i = 0; i < 3; i++) {
    size_t length = strlen(words[i]);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, words[i], length) != 0) continue;
    json->at += length;
    add(out, words[i]);
    return true;
  }
  const unsigned char *from = json->at;
  if (!json_number(json)) return false;
  for (; from < json->at; from++) add_byte(out, *from);
  return true;
}

static bool json_skip(struct json *json) {
  return json_copy(json, NULL);
}

/* Whether all of it was JSON and nothing is left. */
static bool json_whole(struct json *json) {
  return json_peek(json) == 0 && json->at == json->end && !json->bad;
}

/* A string that has not been read before; anything else than a string is read past and leaves it as it is. */
static bool json_text_once(struct json *json, struct text *text) {
  if (text->from != NULL) return json_bad(json);
  return json_peek(json) == '"' ? json_string(json, text) : json_skip(json);
}

#endif
