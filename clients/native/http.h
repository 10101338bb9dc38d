/*
 * One connection to a broker and what it answers (HTTP/1.1, RFC 9112), as main/cli/connection.ts and
 * main/cli/response-reader.ts have it. The rule: every wait has an end, every length has a bound that is checked before
 * anything is done with it, and what is not plainly one answer is a fault that quotes nothing of what came.
 */
#ifndef VALETKEY_HTTP_H
#define VALETKEY_HTTP_H

#include "text.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Bytes a head, a chunk's line and a body may have, and informational answers before the answer. */
enum { HEAD_LIMIT = 32768, LINE_LIMIT = 256, BODY_LIMIT = 1048576, INFORMATION_LIMIT = 16 };

/* How an exchange went wrong: not in time, the connection broke, or `why` it could not be understood. */
enum trouble { NO_TROUBLE, TOO_LATE, GONE, BROKEN };

struct connection {
  int descriptor;
  /* Milliseconds of the monotonic clock. */
  int64_t deadline;
  enum trouble trouble;
  const char *why;
  size_t from, to;
  unsigned char bytes[HEAD_LIMIT + 4096];
};

/* A header's value; `from` is NULL when it was not sent, and `twice` when it was not sent once. */
struct value {
  const unsigned char *from, *to;
  bool twice;
};

struct head {
  int status;
  struct value length, encoding, retry_after, request, code;
};

/* The body of an answer. */
struct body {
  size_t size;
  unsigned char bytes[BODY_LIMIT];
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool fails(struct connection *connection, enum trouble trouble, const char *why) {
  if (connection->trouble == NO_TROUBLE) connection->trouble = trouble, connection->why = why;
  return false;
}

static bool broken(struct connection *connection, const char *why) {
  return fails(connection, BROKEN, why);
}

/* Waits until the connection can be read from, or written to, or its deadline is over. */
static bool await(struct connection *connection, short events) {
  for (;;) {
    int64_t left = connection->deadline - now();
    if (left <= 0) return fails(connection, TOO_LATE, NULL);
    int ready = poll(&(struct pollfd){connection->descriptor, events, 0}, 1, (int)left);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return fails(connection, GONE, NULL);
  }
}

/* Connects, within milliseconds; `false` when nobody answers there. A full accept queue is a moment's matter. */
static bool dial(struct connection *connection, const struct sockaddr *address, socklen_t length, int patience) {
  connection->trouble = NO_TROUBLE;
  connection->from = connection->to = 0;
  connection->deadline = now() + patience;
  connection->descriptor = socket(address->sa_family, SOCK_STREAM, 0);
  if (connection->descriptor < 0) return false;
  fcntl(connection->descriptor, F_SETFD, FD_CLOEXEC);
  fcntl(connection->descriptor, F_SETFL, O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  setsockopt(connection->descriptor, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  while (connect(connection->descriptor, address, length) != 0) {
    if (errno == EINPROGRESS) {
      int error = 0;
      socklen_t size = sizeof error;
      if (!await(connection, POLLOUT)) return false;
      return getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    if (now() >= connection->deadline) return false;
    poll(NULL, 0, 10);
  }
  return true;
}

static bool send_all(struct connection *connection, const struct sheet *request) {
  for (size_t done = 0; done < request->used;) {
    ssize_t count = send(connection->descriptor, request->bytes + done, request->used - done, MSG_NOSIGNAL);
    if (count >= 0) done += (size_t)count;
    else if (errno == EAGAIN) {
      if (!await(connection, POLLOUT)) return false;
    } else if (errno != EINTR) return fails(connection, GONE, NULL);
  }
  return true;
}

/* Reads more; `false` when there is no more, and that is `trouble` unless the connection ended in peace. */
static bool receive(struct connection *connection) {
  if (connection->from == connection->to) connection->from = connection->to = 0;
  if (connection->to == sizeof connection->bytes) {
    memmove(connection->bytes, connection->bytes + connection->from, connection->to - connection->from);
    connection->to -= connection->from;
    connection->from = 0;
  }
  for (;;) {
    ssize_t count = recv(connection->descriptor, connection->bytes + connection->to,
                         sizeof connection->bytes - connection->to, 0);
    if (count > 0) connection->to += (size_t)count;
    if (count >= 0) return count > 0;
    if (errno == EAGAIN) {
      if (!await(connection, POLLIN)) return false;
    } else if (errno != EINTR) return fails(connection, GONE, NULL);
  }
}

/* As `receive`, where an answer is not over yet. */
static bool receive_more(struct connection *connection) {
  return receive(connection) || broken(connection, "the connection ended in the middle of the answer");
}

/* Where the first `mark` (2 or 4 bytes) is in what has come; NULL when it has not. */
static const unsigned char *find(const struct connection *connection, const char *mark) {
  size_t length = strlen(mark);
  const unsigned char *at = connection->bytes + connection->from, *end = connection->bytes + connection->to;
  while ((size_t)(end - at) >= length && (at = memchr(at, mark[0], (size_t)(end - at) - length + 1)) != NULL) {
    if (memcmp(at, mark, length) == 0) return at;
    at++;
  }
  return NULL;
}

/* What may stand in a header's value or a status line. */
static bool is_field(const unsigned char *from, const unsigned char *to) {
  for (; from < to; from++)
    if ((*from < 0x20 && *from != '\t') || *from == 0x7f) return false;
  return true;
}

static bool is_name(const unsigned char *from, const unsigned char *to) {
  for (const unsigned char *at = from; at < to; at++) {
    int lower = *at | 0x20;
    bool word = (lower >= 'a' && lower <= 'z') || (*at >= '0' && *at <= '9');
    if (!word && (*at == '\0' || strchr("!#$%&'*+.^_`|~-", *at) == NULL)) return false;
  }
  return from < to;
}

static bool equals(const unsigned char *from, const unsigned char *to, const char *word) {
  for (; from < to && *word != '\0'; from++, word++)
    if ((*from >= 'A' && *from <= 'Z' ? *from | 0x20 : *from) != *word) return false;
  return from == to && *word == '\0';
}

static bool is_digits(const unsigned char *from, const unsigned char *to) {
  for (; from < to; from++)
    if (*from < '0' || *from > '9') return false;
  return true;
}

/* Where the line that begins at `from` ends. */
static const unsigned char *find_line(const unsigned char *from, const unsigned char *end) {
  while (from < end && !(*from == '\r' && from + 1 < end && from[1] == '\n')) from++;
  return from;
}

/* One header line into `head`, if it is one that is looked at (RFC 9110 section 5). */
static bool read_header(struct connection *connection, struct head *head, const unsigned char *line,
                        const unsigned char *end) {
  const struct {
    const char *name;
    struct value *value;
    bool once;
  } known[] = {
    {"content-length", &head->length, true},     {"transfer-encoding", &head->encoding, true},
    {"retry-after", &head->retry_after, false},  {"valetkey-request", &head->request, false},
    {"valetkey-code", &head->code, false},
  };
  const unsigned char *colon = memchr(line, ':', (size_t)(end - line));
  if (colon == NULL || !is_name(line, colon) || !is_field(colon + 1, end))
    return broken(connection, "one of its headers is malformed");
  const unsigned char *from = colon + 1;
  while (from < end && (*from == ' ' || *from == '\t')) from++;
  while (from < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (!equals(line, colon, known[i].name)) continue;
    struct value *value = known[i].value;
    if (value->from != NULL && known[i].once) return broken(connection, "its length is ambiguous");
    *value = (struct value){from, end, value->from != NULL};
  }
  return true;
}

/* One head, informational or of the answer. What it holds stays in place until more is received. */
static bool read_head(struct connection *connection, struct head *head) {
  static const char begin[] = "HTTP/1.1 ";
  const unsigned char *end;
  *head = (struct head){0};
  while ((end = find(connection, "\r\n\r\n")) == NULL) {
    size_t size = connection->to - connection->from, told = size < 9 ? size : 9;
    if (size > HEAD_LIMIT) return broken(connection, "its head is too long");
    /* Something that does not even begin like HTTP is told at once, not after a head's worth of it. */
    if (memcmp(connection->bytes + connection->from, begin, told) != 0) return broken(connection, "it is not HTTP/1.1");
    if (!receive_more(connection)) return false;
  }
  const unsigned char *line = connection->bytes + connection->from;
  if (end - line > HEAD_LIMIT) return broken(connection, "its head is too long");
  connection->from += (size_t)(end - line) + 4;
  const unsigned char *stop = find_line(line, end);
  if (stop - line < 12 || memcmp(line, begin, 9) != 0 || line[9] < '1' || line[9] > '5' ||
      !is_digits(line + 9, line + 12) ||
      (stop > line + 12 && (line[12] != ' ' || !is_field(line + 13, stop))))
    return broken(connection, "it is not HTTP/1.1");
  head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  while (stop < end) {
    line = stop + 2;
    stop = find_line(line, end);
    if (!read_header(connection, head, line, stop)) return false;
  }
  return true;
}

/* Takes what has come of `left` bytes into the body; `false` when that makes it too long. */
static bool take(struct connection *connection, struct body *body, size_t limit, size_t *left) {
  size_t count = connection->to - connection->from;
  if (count > *left) count = *left;
  if (count > limit - body->size) return broken(connection, "it is too long");
  memcpy(body->bytes + body->size, connection->bytes + connection->from, count);
  wipe(connection->bytes + connection->from, count);
  body->size += count;
  connection->from += count;
  *left -= count;
  return true;
}

static bool read_bytes(struct connection *connection, struct body *body, size_t limit, size_t count) {
  while (take(connection, body, limit, &count) && count > 0)
    if (!receive_more(connection)) return false;
  return connection->trouble == NO_TROUBLE;
}

/* A line of the chunked coding (RFC 9112 section 7.1), without its end, in what has come. */
static bool read_line(struct connection *connection, const unsigned char **line, const unsigned char **end) {
  while ((*end = find(connection, "\r\n")) == NULL) {
    if (connection->to - connection->from > LINE_LIMIT) return broken(connection, "its chunks are malformed");
    if (!receive_more(connection)) return false;
  }
  *line = connection->bytes + connection->from;
  if (*end - *line > LINE_LIMIT) return broken(connection, "its chunks are malformed");
  connection->from += (size_t)(*end - *line) + 2;
  return true;
}

static bool read_chunks(struct connection *connection, struct body *body, size_t limit) {
  const unsigned char *line, *end;
  for (;;) {
    if (!read_line(connection, &line, &end)) return false;
    size_t size = 0, digits = 0;
    for (; line < end && digits < 9; line++, digits++) {
      int c = *line, lower = c | 0x20;
      if (c >= '0' && c <= '9') size = size << 4 | (size_t)(c - '0');
      else if (lower >= 'a' && lower <= 'f') size = size << 4 | (size_t)(lower - 'a' + 10);
      else break;
    }
    const unsigned char *extension = line;
    while (extension < end && (*extension == ' ' || *extension == '\t')) extension++;
    bool plain = line == end || (extension < end && *extension == ';' && is_field(extension, end));
    if (digits == 0 || digits > 8 || !plain) return broken(connection, "its chunks are malformed");
    if (size == 0) break;
    if (size > limit - body->size) return broken(connection, "it is too long");
    if (!read_bytes(connection, body, limit, size)) return false;
    while (connection->to - connection->from < 2)
      if (!receive_more(connection)) return false;
    if (memcmp(connection->bytes + connection->from, "\r\n", 2) != 0)
      return broken(connection, "its chunks are malformed");
    connection->from += 2;
  }
  for (size_t trailer = 0;;) {
    if (!read_line(connection, &line, &end)) return false;
    if (line == end) return true;
    trailer += (size_t)(end - line);
    if (trailer > HEAD_LIMIT) return broken(connection, "its trailer is too long");
  }
}

static bool read_until_close(struct connection *connection, struct body *body, size_t limit) {
  for (;;) {
    size_t left = sizeof connection->bytes;
    if (!take(connection, body, limit, &left)) return false;
    if (!receive(connection)) return connection->trouble == NO_TROUBLE;
  }
}

/* The body that belongs to `head`, of at most `limit` bytes (RFC 9112 section 6.3). */
static bool read_body(struct connection *connection, const struct head *head, struct body *body, size_t limit) {
  const struct value *length = &head->length, *encoding = &head->encoding;
  bool done;
  body->size = 0;
  if (head->status == 204 || head->status == 304) done = true;
  else if (encoding->from != NULL) {
    if (!equals(encoding->from, encoding->to, "chunked") || length->from != NULL)
      return broken(connection, "its length is ambiguous");
    done = read_chunks(connection, body, limit);
  } else if (length->from == NULL) done = read_until_close(connection, body, limit);
  else {
    size_t size = 0;
    if (length->to - length->from > 15 || length->to == length->from || !is_digits(length->from, length->to))
      return broken(connection, "its length is ambiguous");
    for (const unsigned char *at = length->from; at < length->to; at++) size = size * 10 + (size_t)(*at - '0');
    if (size > limit) return broken(connection, "it is too long");
    done = read_bytes(connection, body, limit, size);
  }
  if (done && connection->from < connection->to) return broken(connection, "there is more than one answer");
  return done;
}

#endif
