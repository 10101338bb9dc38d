/*
 * Whole processes on the clock: `stopwatch TIMES INPUT PROGRAM ARGUMENT...` starts a program so often, with the file INPUT
 * as its standard input, and prints the median of the nanoseconds from before it is started to after it has ended on a
 * line, and below it what it printed the last time. The rule: as little as starting a process can cost is all that is on
 * the clock beside the program; Node's own way of starting one takes longer than the programs that are timed here. The
 * first time is not counted: it warms up the stopwatch itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char output[1 << 20];
static size_t used;

/* Nanoseconds of one run; -1 when it does not end well. */
static long long run(const char *input, char **words) {
  int ends[2], status = 1;
  pid_t child;
  struct timespec from, to;
  posix_spawn_file_actions_t actions;
  if (pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0) return -1;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  used = 0;
  clock_gettime(CLOCK_MONOTONIC, &from);
  if (posix_spawnp(&child, words[0], &actions, NULL, words, environ) != 0) return -1;
  close(ends[1]);
  for (ssize_t count; (count = read(ends[0], output + used, sizeof output - used)) > 0;) used += (size_t)count;
  if (waitpid(child, &status, 0) != child) return -1;
  clock_gettime(CLOCK_MONOTONIC, &to);
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return -1;
  return (to.tv_sec - from.tv_sec) * 1000000000LL + (to.tv_nsec - from.tv_nsec);
}

static int in_order(const void *one, const void *other) {
  long long a = *(const long long *)one, b = *(const long long *)other;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  long long taken[99];
  int times = argc < 4 ? 0 : atoi(argv[1]);
  if (times < 1 || times > 99) return 125;
  for (int i = -1; i < times; i++) {
    long long one = run(argv[2], argv + 3);
    if (one < 0) return 1;
    if (i >= 0) taken[i] = one;
  }
  qsort(taken, (size_t)times, sizeof taken[0], in_order);
  printf("%lld\n", taken[times / 2]);
  return fwrite(output, 1, used, stdout) == used ? 0 : 125;
}
