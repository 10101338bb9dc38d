/*
 * The fast path without a socket, a terminal or a process of its own, for thousands of cases in one run under the
 * sanitizers. The rule: it is the very file that is shipped; only where it would read, write or become another program is
 * it given something else. A case on stdin: kind, options, chunk size (one byte each), four bytes of length, the bytes;
 * what came of it on stdout: exit status, and stdout and stderr with four bytes of length each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const unsigned char *incoming;
static size_t incoming_left, chunk_size;
static int how_it_ends;
static char *told[3];
static size_t told_used[3];
enum { TOLD_LIMIT = 16000000 };

static ssize_t fake_recv(int descriptor, void *bytes, size_t size, int flags) {
  (void)descriptor, (void)flags;
  size_t count = incoming_left < chunk_size ? incoming_left : chunk_size;
  if (count > size) count = size;
  if (count == 0 && how_it_ends > 0) {
    errno = how_it_ends == 1 ? ECONNRESET : EAGAIN;
    return -1;
  }
  memcpy(bytes, incoming, count);
  incoming += count;
  incoming_left -= count;
  return (ssize_t)count;
}

static ssize_t fake_write(int descriptor, const void *bytes, size_t size) {
  if (told_used[descriptor] + size > TOLD_LIMIT) abort();
  memcpy(told[descriptor] + told_used[descriptor], bytes, size);
  told_used[descriptor] += size;
  return (ssize_t)size;
}

static int fake_execv(const char *path, char *const argv[]) {
  (void)path, (void)argv;
  return -1;
}

#define recv fake_recv
#define write fake_write
#define execv fake_execv
#define main fast_path_main
#include "../../clients/native/valetkey-token.c"
#undef main

static void put(const void *bytes, size_t size) {
  if (fwrite(bytes, 1, size, stdout) != size) abort();
}

static void put_length(size_t size) {
  unsigned char bytes[4] = {(unsigned char)size, (unsigned char)(size >> 8), (unsigned char)(size >> 16),
                            (unsigned char)(size >> 24)};
  put(bytes, sizeof bytes);
}

/* An answer, to a request that wanted JSON (1), the header (2), errors as JSON (4). */
static int run_answer(const unsigned char *bytes, size_t size, int options) {
  struct wish wish = {.account = "ada"};
  if (options & 1) wish.given[JSON] = "";
  if (options & 2) wish.given[HEADER] = "";
  connection.trouble = NO_TROUBLE;
  connection.from = connection.to = 0;
  how_it_ends = options >> 4;
  connection.deadline = how_it_ends == 2 ? 0 : now() + 60000;
  incoming = bytes;
  incoming_left = size;
  return take_answer(&wish, "/run/broker.sock", 135, (options & 4) != 0);
}

/* A body alone, where reading one byte too far is seen; a refusal (8) or a token's answer. */
static int run_body(const unsigned char *bytes, size_t size, int options) {
  if (options & 8) return refuse(bytes, size, options & 2 ? 7 : -1, (options & 4) != 0);
  return tell(bytes, size, (options & 2) != 0, (options & 1) != 0, (options & 4) != 0);
}

/* Words after `token`, with a NUL after each. */
static int run_words(unsigned char *bytes, size_t size) {
  static char content[REQUEST_LIMIT];
  char *argv[512] = {0};
  size_t count = 0;
  for (size_t at = 0; at < size && count < 511; at += strlen((char *)bytes + at) + 1) argv[count++] = (char *)bytes + at;
  struct wish wish;
  struct sheet sheet = {-1, false, sizeof content, 0, content};
  if (!read_wish(&wish, argv)) return HAND_OVER;
  add_wish(&sheet, &wish);
  if (sheet.over) return HAND_OVER;
  fake_write(1, content, sheet.used);
  return (wish.given[JSON] != NULL) + 2 * (wish.given[HEADER] != NULL) + 4 * wants_json(argv);
}

/* A key, a signature and a message. */
static int run_signature(const unsigned char *bytes, size_t size) {
  return size >= 96 && ed25519_verify(bytes + 32, bytes + 96, size - 96, bytes);
}

int main(void) {
  unsigned char head[7];
  for (int i = 1; i < 3; i++) told[i] = malloc(TOLD_LIMIT);
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    size_t size = head[3] | (size_t)head[4] << 8 | (size_t)head[5] << 16 | (size_t)head[6] << 24;
    /* On the heap and no longer than it is, so that one byte too far is seen. */
    unsigned char *bytes = malloc(size + (head[0] == 'w'));
    if (fread(bytes, 1, size, stdin) != size) abort();
    if (head[0] == 'w') bytes[size] = '\0';
    told_used[1] = told_used[2] = 0;
    chunk_size = head[2] == 0 ? size + 1 : head[2];
    signed char status = (signed char)(head[0] == 'a'   ? run_answer(bytes, size, head[1])
                                       : head[0] == 'b' ? run_body(bytes, size, head[1])
                                       : head[0] == 'w' ? run_words(bytes, size)
                                                        : run_signature(bytes, size));
    free(bytes);
    put(&status, 1);
    for (int i = 1; i < 3; i++) put_length(told_used[i]), put(told[i], told_used[i]);
  }
  for (int i = 1; i < 3; i++) free(told[i]);
  return 0;
}
