/*
 * `valetkey token` in the time a process takes. The rule: this program does the one thing that scripts do a thousand
 * times a day, and hands everything else over to the full command line beside it, untouched: other commands, options it
 * does not know, arguments that are wrong, a home it cannot make sense of, a broker that is not there or not ours. Up
 * to the moment the request is written nothing has happened that could not happen again; from then on the answer is
 * given here, in the full command line's own words, and nothing is asked twice.
 *
 * It is what the command `valetkey` of a package is, and dist/valetkey of a checkout.
 */
#define _GNU_SOURCE
#define __STDC_WANT_LIB_EXT1__ 1
#include "outcome.h"
#include "place.h"
#include <limits.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* Seconds a broker waits for person and provider by itself, and what we wait longer so that its own answer wins. */
enum { BROKER_WAIT = 120, GRACE = 15 };
/* Bytes a request may have before the full command line is asked to judge it. */
enum { REQUEST_LIMIT = 16384 };
/* What is no exit status: this is for the full command line. */
enum { HAND_OVER = -1 };

static struct connection connection;
static struct body body;

/* ---- What is asked (main/cli/token-arguments.ts) ---- */

enum option {
  SCOPE, RESOURCE, AUDIENCE, REASON, MIN_VALID, TIMEOUT, INTERACTION, FORCE_REFRESH, AS, HEADER, JSON, OPTIONS
};

/* Those with a `member` are one of the request, in the order the full command line sends them. */
static const struct {
  const char *name, *member;
  bool value;
} options[OPTIONS] = {
  [SCOPE] = {"scope", "scope", true},
  [RESOURCE] = {"resource", "resource", true},
  [AUDIENCE] = {"audience", "audience", true},
  [REASON] = {"reason", "reason", true},
  [MIN_VALID] = {"min-valid", "min_valid_period", true},
  [TIMEOUT] = {"timeout", "timeout", true},
  [INTERACTION] = {"interaction", "interaction", true},
  [FORCE_REFRESH] = {"force-refresh", "force_refresh", false},
  [AS] = {"as", NULL, true},
  [HEADER] = {"header", NULL, false},
  [JSON] = {"json", NULL, false},
};

struct wish {
  const char *account, *given[OPTIONS];
  /* Seconds. */
  unsigned long timeout;
};

/* Which option the first `length` bytes of a word name; OPTIONS when none. */
static enum option option_of(const char *word, size_t length) {
  enum option option = 0;
  while (option < OPTIONS &&
         (strncmp(options[option].name, word, length) != 0 || options[option].name[length] != '\0'))
    option++;
  return option;
}

/* Whole seconds of at most nine digits. */
static bool read_seconds(const char *text, unsigned long most, unsigned long *seconds) {
  size_t length = strlen(text);
  if (length < 1 || length > 9 || strspn(text, "0123456789") != length) return false;
  *seconds = 0;
  for (; *text != '\0'; text++) *seconds = *seconds * 10 + (unsigned long)(*text - '0');
  return *seconds <= most;
}

/* Reads the words after `token`; `false` for anything that is not plainly right. */
static bool read_wish(struct wish *wish, char **argv) {
  bool only_words = false;
  *wish = (struct wish){.timeout = BROKER_WAIT};
  for (; *argv != NULL; argv++) {
    const char *word = *argv;
    if (!is_utf8(word, strlen(word))) return false;
    if (!only_words && strcmp(word, "--") == 0) {
      only_words = true;
    } else if (only_words || word[0] != '-' || word[1] == '\0') {
      if (wish->account != NULL || word[0] == '\0') return false;
      wish->account = word;
    } else {
      const char *equals = strchr(word, '=');
      enum option option = strncmp(word, "--", 2) != 0 ? OPTIONS
                           : option_of(word + 2, equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2));
      if (option == OPTIONS || wish->given[option] != NULL) return false;
      if (!options[option].value) {
        if (equals != NULL) return false;
        wish->given[option] = "";
      } else if ((wish->given[option] = equals != NULL ? equals + 1 : *++argv) == NULL ||
                 !is_utf8(wish->given[option], strlen(wish->given[option])))
        return false;
    }
  }
  const char *interaction = wish->given[INTERACTION];
  unsigned long period;
  if (wish->account == NULL || (wish->given[JSON] != NULL && wish->given[HEADER] != NULL)) return false;
  if (wish->given[MIN_VALID] != NULL && !read_seconds(wish->given[MIN_VALID], 31536000, &period)) return false;
  if (wish->given[TIMEOUT] != NULL && !read_seconds(wish->given[TIMEOUT], 600, &wish->timeout)) return false;
  return interaction == NULL || strcmp(interaction, "never") == 0 || strcmp(interaction, "notify") == 0 ||
         strcmp(interaction, "prompt") == 0;
}

/* The JSON body of `POST /v1/token`. */
static void add_wish(struct sheet *sheet, const struct wish *wish) {
  add(sheet, "{\"account\":\"");
  add_json(sheet, text_of(wish->account, strlen(wish->account)));
  add(sheet, "\"");
  for (enum option option = 0; option < OPTIONS; option++) {
    const char *value = wish->given[option];
    unsigned long seconds;
    if (options[option].member == NULL || value == NULL) continue;
    add(sheet, ",\"");
    add(sheet, options[option].member);
    add(sheet, "\":");
    if (option == FORCE_REFRESH) add(sheet, "true");
    else if ((option == MIN_VALID || option == TIMEOUT) && read_seconds(value, ULONG_MAX, &seconds))
      add_number(sheet, seconds);
    else {
      add(sheet, "\"");
      add_json(sheet, text_of(value, strlen(value)));
      add(sheet, "\"");
    }
  }
  add(sheet, "}");
}

/* ---- One request and its answer (main/cli/{broker-call,connection,token}.ts) ---- */

static bool is_word(const struct value *value) {
  if (value->from == NULL || value->twice || value->to - value->from > 64) return false;
  for (const unsigned char *at = value->from; at < value->to; at++)
    if (*at < 0x21 || *at > 0x7e) return false;
  return value->from < value->to;
}

static struct text text_in(const struct value *value) {
  return (struct text){value->from, value->to, false};
}

/* The seconds of `Retry-After`; -1 when there are none. */
static long retry_of(const struct value *value) {
  long seconds = 0;
  if (value->from == NULL || value->twice || value->from == value->to || value->to - value->from > 9) return -1;
  if (!is_digits(value->from, value->to)) return -1;
  for (const unsigned char *at = value->from; at < value->to; at++) seconds = seconds * 10 + (*at - '0');
  return seconds;
}

/* Why there is no answer, in words; gives the exit status. `head`: it had begun. */
static int tell_trouble(const char *place, unsigned long patience, bool head, bool as_json) {
  char seconds[24] = {0};
  struct sheet sheet = {-1, false, sizeof seconds - 1, 0, seconds};
  switch (connection.trouble) {
    case TOO_LATE:
      add_number(&sheet, patience);
      return fault("timeout", "No answer within ", seconds, " seconds.", NULL, as_json);
    case BROKEN:
      return fault("server_error", "The answer could not be understood: ", connection.why, ".", "valetkey doctor",
                   as_json);
    default:
      if (head) return fault("not_running", "The broker ended in the middle of its answer.", "", "", NULL, as_json);
      return fault("not_running", "Valetkey is not running (nothing answers at ", place, ").", "valetkey daemon",
                   as_json);
  }
}

/* Reads the answer to the request that was sent, within seconds, and tells it; gives the exit status. */
static int take_answer(const struct wish *wish, const char *place, unsigned long patience, bool errors_as_json) {
  bool as_json = wish->given[JSON] != NULL;
  struct head head;
  bool begun = false;
  for (int informed = 0; read_head(&connection, &head); informed++) {
    if (head.status >= 200) {
      begun = true;
      break;
    }
    if (head.status == 101 || informed == INFORMATION_LIMIT) {
      broken(&connection, "it never gets to the answer");
      break;
    }
    if (is_word(&head.request) && is_word(&head.code)) announce(text_in(&head.request), text_in(&head.code), as_json);
  }
  /* Before more is received: what a head holds does not outlast it. */
  long retry = begun ? retry_of(&head.retry_after) : -1;
  if (!begun || !read_body(&connection, &head, &body, BODY_LIMIT))
    return tell_trouble(place, patience, begun, errors_as_json);
  if (head.status == 200) return tell(body.bytes, body.size, wish->given[HEADER] != NULL, as_json, errors_as_json);
  return refuse(body.bytes, body.size, retry, errors_as_json);
}

/* Whether the words ask for JSON, also where they are values. */
static bool wants_json(char **argv) {
  for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
    if (strcmp(*argv, "--json") == 0) return true;
  return false;
}

/* `valetkey token` with the words after it; gives the exit status, or HAND_OVER. */
static int run_token(char **argv) {
  static char bytes[REQUEST_LIMIT], content[REQUEST_LIMIT];
  struct sheet request = {-1, false, sizeof bytes, 0, bytes}, json = {-1, false, sizeof content, 0, content};
  struct wish wish;
  struct place place;
  const char *given = getenv("VALETKEY_CLIENT_TOKEN"), *key = getenv("VALETKEY_CLIENT_KEY");
  if (!read_wish(&wish, argv) || !find_place(&place)) return HAND_OVER;
  /* Signing (main/cli/client-key.ts) is not done here. */
  if (key != NULL && key[0] != '\0') return HAND_OVER;
  if (wish.given[AS] != NULL && (given == NULL || given[0] == '\0')) return HAND_OVER;
  add_wish(&json, &wish);
  add(&request, "POST /v1/token HTTP/1.1\r\nHost: ");
  add(&request, place.port > 0 ? place.name.text : "localhost");
  add(&request, "\r\nAuthorization: Bearer ");
  bool ready = add_client_token(&request);
  add(&request, "\r\nContent-Type: application/json\r\nContent-Length: ");
  add_number(&request, json.used);
  add(&request, "\r\n\r\n");
  for (size_t i = 0; i < json.used; i++) add_byte(&request, content[i]);
  int status = HAND_OVER;
  if (ready && !json.over && !request.over && open_door(&connection, &body, &place)) {
    unsigned long patience = wish.timeout + GRACE;
    bool errors_as_json = wants_json(argv);
    connection.deadline = now() + (int64_t)patience * 1000;
    status = send_all(&connection, &request) ? take_answer(&wish, place.name.text, patience, errors_as_json)
                                             : tell_trouble(place.name.text, patience, false, errors_as_json);
  }
  wipe(bytes, request.used);
  wipe(connection.bytes, connection.to);
  wipe(body.bytes, body.size);
  return status;
}

/* ---- The full command line ---- */

/* This program's own file, links resolved. */
static bool find_self(struct path *self) {
#ifdef __APPLE__
  char found[PATH_LIMIT], whole[PATH_MAX];
  uint32_t size = sizeof found;
  return _NSGetExecutablePath(found, &size) == 0 && realpath(found, whole) != NULL && PATH(self, whole);
#else
  char whole[PATH_LIMIT] = {0};
  return readlink("/proc/self/exe", whole, sizeof whole - 1) > 0 && PATH(self, whole);
#endif
}

/* Whether two paths lead to one file. */
static bool is_same(const char *one, const char *other) {
  struct stat a, b;
  return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Becomes the full command line beside us: the executable of a package or the script of a checkout, by its place and by
 * nothing that the environment says. Comes back only when there is none.
 */
static int hand_over(char **argv) {
  struct path self, folder, full;
  if (find_self(&self)) {
    folder = self;
    *strrchr(folder.text, '/') = '\0';
    if (PATH(&full, folder.text, "/valetkey") && !is_same(self.text, full.text)) execv(full.text, argv);
    if (PATH(&full, folder.text, "/cli.cjs")) execv(full.text, argv);
  }
  add(&words, "valetkey: The full command line is not beside this program: install Valetkey again.\n");
  flush(&words);
  return 1;
}

static bool wants_help(char **argv) {
  for (; *argv != NULL; argv++)
    if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) return true;
  return false;
}

int main(int argc, char **argv) {
  if (argc < 1) return 1;
  if (argc < 2 || strcmp(argv[1], "token") != 0 || wants_help(argv + 2)) return hand_over(argv);
#ifdef __linux__
  /* No core file and no debugger: what passes through here is a secret. The next program starts anew. */
  prctl(PR_SET_DUMPABLE, 0);
#endif
  int status = run_token(argv + 2);
  return status == HAND_OVER ? hand_over(argv) : status;
}
