/*
 * What the fast path needs of a C library, on Linux on x86-64 and arm64: its system calls, and the few functions on
 * bytes. The rule: nothing in here knows what it is for, and each function does what C11 or POSIX says of it, as far
 * as the fast path asks. The library itself would be as good, and on other systems it is what is used; but asking the
 * processor what it can do, which the GNU one does first of all, takes longer in a virtual machine than all the rest
 * of `valetkey token`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv);

char **environ;
static int last_error;
/* What the compiler puts beside every array on the stack, and looks at again (-fstack-protector-strong). */
uintptr_t __stack_chk_guard;

int *__errno_location(void) {
  return &last_error;
}

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long four __asm__("r10") = d, five __asm__("r8") = e, six __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(four), "r"(five), "r"(six)
                   : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start: xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall begin\nhlt\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long eight __asm__("x8") = number, zero __asm__("x0") = a, one __asm__("x1") = b, two __asm__("x2") = c;
  register long three __asm__("x3") = d, four __asm__("x4") = e, five __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(zero)
                   : "r"(eight), "r"(one), "r"(two), "r"(three), "r"(four), "r"(five)
                   : "memory");
  return zero;
}
__asm__(".globl _start\n_start: mov x29, #0\nmov x30, #0\nmov x0, sp\nbl begin\n");
#else
#error "no system calls for this processor here: link the C library"
#endif

/* The result of a system call, or -1 and `errno`. */
static long result_of(long result) {
  if (result >= 0 || result < -4095) return result;
  last_error = (int)-result;
  return -1;
}

#define CALL(number, a, b, c, d, e, f) \
  result_of(call(SYS_##number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

void _exit(int status) {
  for (;;) CALL(exit_group, status, 0, 0, 0, 0, 0);
}

void __stack_chk_fail(void) {
  static const char words[] = "valetkey: the stack is damaged\n";
  CALL(write, STDERR_FILENO, words, sizeof words - 1, 0, 0, 0);
  _exit(134);
}

/* What the kernel has put on the stack: a count, the arguments, the environment, what else there is to know. */
__attribute__((used)) static void begin(uintptr_t *stack) {
  char **argv = (char **)(stack + 1);
  environ = argv + stack[0] + 1;
  uintptr_t *more = (uintptr_t *)environ;
  while (*more++ != 0) continue;
  /* 25: the address of sixteen random bytes (AT_RANDOM). The lowest byte stays 0, for strings to end at. */
  for (; more[0] != 0; more += 2)
    if (more[0] == 25) memcpy((char *)&__stack_chk_guard + 1, (const char *)more[1], sizeof __stack_chk_guard - 1);
  _exit(main((int)stack[0], argv));
}

ssize_t read(int file, void *bytes, size_t size) {
  return CALL(read, file, bytes, size, 0, 0, 0);
}

ssize_t write(int file, const void *bytes, size_t size) {
  return CALL(write, file, bytes, size, 0, 0, 0);
}

int close(int file) {
  return (int)CALL(close, file, 0, 0, 0, 0, 0);
}

int open(const char *path, int flags, ...) {
  return (int)CALL(openat, AT_FDCWD, path, flags, 0, 0, 0);
}

int fcntl(int file, int command, ...) {
  va_list more;
  va_start(more, command);
  long value = va_arg(more, int);
  va_end(more);
  return (int)CALL(fcntl, file, command, value, 0, 0, 0);
}

int fstat(int file, struct stat *seen) {
  return (int)CALL(fstat, file, seen, 0, 0, 0, 0);
}

int stat(const char *path, struct stat *seen) {
  return (int)CALL(newfstatat, AT_FDCWD, path, seen, 0, 0, 0);
}

int lstat(const char *path, struct stat *seen) {
  return (int)CALL(newfstatat, AT_FDCWD, path, seen, AT_SYMLINK_NOFOLLOW, 0, 0);
}

ssize_t readlink(const char *path, char *bytes, size_t size) {
  return CALL(readlinkat, AT_FDCWD, path, bytes, size, 0, 0);
}

int execv(const char *path, char *const argv[]) {
  return (int)CALL(execve, path, argv, environ, 0, 0, 0);
}

uid_t geteuid(void) {
  return (uid_t)CALL(geteuid, 0, 0, 0, 0, 0, 0);
}

int prctl(int option, ...) {
  va_list more;
  va_start(more, option);
  long value = va_arg(more, int);
  va_end(more);
  return (int)CALL(prctl, option, value, 0, 0, 0, 0);
}

int getentropy(void *bytes, size_t size) {
  return CALL(getrandom, bytes, size, 0, 0, 0, 0) == (long)size ? 0 : -1;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  return (int)CALL(clock_gettime, clock, time, 0, 0, 0, 0);
}

int poll(struct pollfd *files, nfds_t count, int patience) {
  struct timespec time = {patience / 1000, patience % 1000 * 1000000L};
  return (int)CALL(ppoll, files, count, patience < 0 ? NULL : &time, NULL, 0, 0);
}

int socket(int family, int type, int protocol) {
  return (int)CALL(socket, family, type, protocol, 0, 0, 0);
}

int connect(int file, const struct sockaddr *address, socklen_t length) {
  return (int)CALL(connect, file, address, length, 0, 0, 0);
}

int getsockopt(int file, int level, int name, void *value, socklen_t *length) {
  return (int)CALL(getsockopt, file, level, name, value, length, 0);
}

ssize_t send(int file, const void *bytes, size_t size, int flags) {
  return CALL(sendto, file, bytes, size, flags, NULL, 0);
}

ssize_t recv(int file, void *bytes, size_t size, int flags) {
  return CALL(recvfrom, file, bytes, size, flags, NULL, NULL);
}

/* Keeps the compiler from seeing in a loop the very function that the loop is. */
#define AS_IT_STANDS() __asm__ volatile("" ::: "memory")

void *memset(void *to, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) {
    ((unsigned char *)to)[i] = (unsigned char)byte;
    AS_IT_STANDS();
  }
  return to;
}

void explicit_bzero(void *to, size_t size) {
  memset(to, 0, size);
  __asm__ volatile("" : : "r"(to) : "memory");
}

/* From the front or from the back, whichever does not run over what is still to be read. */
static void *copy(void *to, const void *from, size_t size) {
  unsigned char *t = to;
  const unsigned char *f = from;
  for (size_t i = 0; i < size; i++) {
    size_t at = t <= f ? i : size - 1 - i;
    t[at] = f[at];
    AS_IT_STANDS();
  }
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  return copy(to, from, size);
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  return copy(to, from, size);
}

int memcmp(const void *one, const void *other, size_t size) {
  const unsigned char *a = one, *b = other;
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

void *memchr(const void *bytes, int byte, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++)
    if (at[i] == (unsigned char)byte) return (void *)(at + i);
  return NULL;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') {
    length++;
    AS_IT_STANDS();
  }
  return length;
}

static int compare(const char *one, const char *other, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (one[i] != other[i] || one[i] == '\0') return (unsigned char)one[i] - (unsigned char)other[i];
  return 0;
}

int strncmp(const char *one, const char *other, size_t size) {
  return compare(one, other, size);
}

int strcmp(const char *one, const char *other) {
  return compare(one, other, SIZE_MAX);
}

char *strchr(const char *text, int character) {
  for (; *text != (char)character; text++)
    if (*text == '\0') return NULL;
  return (char *)text;
}

char *strrchr(const char *text, int character) {
  const char *found = NULL;
  do {
    if (*text == (char)character) found = text;
  } while (*text++ != '\0');
  return (char *)found;
}

char *strstr(const char *text, const char *word) {
  size_t length = strlen(word);
  for (; strncmp(text, word, length) != 0; text++)
    if (*text == '\0') return NULL;
  return (char *)text;
}

size_t strspn(const char *text, const char *known) {
  size_t length = 0;
  while (text[length] != '\0' && strchr(known, text[length]) != NULL) length++;
  return length;
}

char *getenv(const char *name) {
  size_t length = strlen(name);
  for (char **at = environ; *at != NULL; at++)
    if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') return *at + length + 1;
  return NULL;
}
