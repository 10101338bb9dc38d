/*
 * Where the broker is, and whether what is there can only be ours: main/contract/home.ts and, of main/cli, place.ts,
 * trust.ts and proof.ts in C. The rule (S9): nothing secret is written to a connection until either the file system
 * proves that no other user could have put the socket there, or the broker has proved its identity on our nonce.
 * Whatever is not plainly right is `false`, for the full command line to judge and to put into words.
 */
#ifndef VALETKEY_PLACE_H
#define VALETKEY_PLACE_H

#include "ed25519.h"
#include "http.h"
#include <arpa/inet.h>
#include <sys/stat.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

/* Milliseconds for connecting and for proving who answers. */
enum { PATIENCE = 5000 };
/* Bytes a path, a client token and the answer to `hello` may have. */
enum { PATH_LIMIT = 1024, TOKEN_LIMIT = 512, HELLO_LIMIT = 4096 };

struct path {
  char text[PATH_LIMIT];
};

struct place {
  /* 0 for a socket. */
  int port;
  /* As `hello` signs it: the socket's path, or `127.0.0.1:PORT`. */
  struct path name;
};

/* Puts pieces (the last is NULL) together; `false` when they are too long, or nothing a person would call a path. */
static bool make_path(struct path *path, const char *const pieces[]) {
  struct sheet sheet = {-1, false, sizeof path->text - 1, 0, path->text};
  for (; *pieces != NULL; pieces++) add(&sheet, *pieces);
  path->text[sheet.used] = '\0';
  for (size_t i = 0; i < sheet.used; i++)
    if ((unsigned char)path->text[i] < 0x20 || path->text[i] == 0x7f) return false;
  return !sheet.over && is_utf8(path->text, sheet.used);
}

#define PATH(path, ...) make_path(path, (const char *const[]){__VA_ARGS__, NULL})

/* The home folder, an absolute path without slashes at its end. */
static bool find_home(struct path *home) {
  const char *chosen = getenv("VALETKEY_HOME"), *data = getenv("XDG_DATA_HOME"), *person = getenv("HOME");
  bool found = false;
  if (chosen != NULL) found = PATH(home, chosen);
#ifndef __APPLE__
  else if (data != NULL && data[0] == '/') found = PATH(home, data, "/valetkey");
  else if (person != NULL && person[0] != '\0') found = PATH(home, person, "/.local/share/valetkey");
#else
  else if ((void)data, person != NULL && person[0] != '\0')
    found = PATH(home, person, "/Library/Application Support/Valetkey");
#endif
  if (!found) return false;
  size_t length = strlen(home->text);
  while (length > 0 && home->text[length - 1] == '/') home->text[--length] = '\0';
  return length > 1 && home->text[0] == '/' && home->text[1] != '/';
}

static bool find_place(struct place *place) {
  const char *socket = getenv("VALETKEY_SOCK"), *url = getenv("VALETKEY_URL");
  struct path home;
  place->port = 0;
  if (socket != NULL && socket[0] != '\0')
    return socket[0] == '/' && strstr(socket, "//") == NULL && socket[strlen(socket) - 1] != '/' &&
           PATH(&place->name, socket);
  if (url == NULL || url[0] == '\0') return find_home(&home) && PATH(&place->name, home.text, "/run/broker.sock");
  static const char begin[] = "http://127.0.0.1:";
  if (strncmp(url, begin, sizeof begin - 1) != 0) return false;
  const char *digits = url + sizeof begin - 1;
  size_t length = strspn(digits, "0123456789");
  if (length < 1 || length > 5 || strcmp(digits + length, digits[length] == '/' ? "/" : "") != 0) return false;
  long port = 0;
  for (size_t i = 0; i < length; i++) port = port * 10 + (digits[i] - '0');
  struct sheet name = {-1, false, sizeof place->name.text - 1, 0, place->name.text};
  add(&name, "127.0.0.1:");
  add_number(&name, (unsigned long)port);
  place->name.text[name.used] = '\0';
  place->port = (int)port;
  return port >= 1 && port <= 65535;
}

/* Whether it is a folder of ours alone. Links are never followed. */
static bool is_private_folder(const char *path) {
  struct stat seen;
  return lstat(path, &seen) == 0 && S_ISDIR(seen.st_mode) && seen.st_uid == geteuid() && (seen.st_mode & 077) == 0;
}

/* Whether only we could have put this socket there. */
static bool is_ours(const struct path *path) {
  struct path folder = *path;
  struct stat seen;
  char *slash = strrchr(folder.text, '/');
  slash[slash == folder.text] = '\0';
  return is_private_folder(folder.text) && lstat(path->text, &seen) == 0 && S_ISSOCK(seen.st_mode) &&
         seen.st_uid == geteuid();
}

/* The text of a file that is ours alone. Gives its length; -1 when it is none, or longer than `size`. */
static ssize_t read_private_file(const char *path, char *bytes, size_t size) {
  struct stat seen;
  /* Without O_NONBLOCK a FIFO in its place would hold us up until somebody writes to it. */
  int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t length = -1;
  if (fstat(file, &seen) == 0 && S_ISREG(seen.st_mode) && seen.st_uid == geteuid() && (seen.st_mode & 077) == 0)
    length = read(file, bytes, size);
  close(file);
  return length == (ssize_t)size ? -1 : length;
}

/* The token we ask with (RFC 6750 section 2.1), into the request. */
static bool add_client_token(struct sheet *request) {
  static const char space[] = " \t\n\v\f\r";
  static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~+/=-";
  char bytes[TOKEN_LIMIT + 16] = {0};
  struct path home, file;
  const char *token = getenv("VALETKEY_CLIENT_TOKEN");
  if (token == NULL || token[0] == '\0') {
    bool read = find_home(&home) && PATH(&file, home.text, "/cli.token") &&
                read_private_file(file.text, bytes, sizeof bytes - 1) >= 0;
    token = read ? bytes : "";
  }
  token += strspn(token, space);
  size_t length = strspn(token, known);
  bool good = length >= 1 && length <= TOKEN_LIMIT && token[length + strspn(token + length, space)] == '\0';
  for (size_t i = 0; good && i < length; i++) add_byte(request, token[i]);
  wipe(bytes, sizeof bytes);
  return good;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Decodes exactly `digits` characters. */
static bool read_base64url(struct text text, int digits, uint8_t *bytes) {
  uint32_t bits = 0;
  for (int i = 0, count = 0; i < digits; i++) {
    long code = next_code(&text);
    const char *digit = code > 0 && code < 0x80 ? strchr(base64url, (int)code) : NULL;
    if (digit == NULL) return false;
    bits = bits << 6 | (uint32_t)(digit - base64url);
    if ((count += 6) >= 8) *bytes++ = (uint8_t)(bits >> (count -= 8));
  }
  return text.from == text.to;
}

/* The broker's key as it left it in our own folder. */
static bool read_known_key(uint8_t key[32]) {
  static char bytes[8192];
  struct path home, folder, file;
  struct text name, value = {0};
  if (!find_home(&home) || !PATH(&folder, home.text, "/run") || !is_private_folder(folder.text)) return false;
  if (!PATH(&file, folder.text, "/endpoint.json")) return false;
  ssize_t length = read_private_file(file.text, bytes, sizeof bytes);
  if (length < 0) return false;
  struct json json = json_of(bytes, (size_t)length);
  bool first = true;
  if (!json_open(&json, '{')) return false;
  while (json_member(&json, &first, &name))
    if (is_text(name, "public_key")) json_text_once(&json, &value);
    else json_skip(&json);
  return json_whole(&json) && value.from != NULL && read_base64url(value, 43, key);
}

/* Has whoever answers prove, on this connection and on a new nonce, that it is our broker (main/cli/hello.ts). */
static bool proves_itself(struct connection *connection, struct body *body, const struct place *place) {
  uint8_t key[32], named[32], signature[64], random[32];
  char nonce[44] = {0}, bytes[PATH_LIMIT + 128];
  struct text name, public_key = {0}, signed_by = {0};
  struct head head;
  bool first = true;
  if (!read_known_key(key) || getentropy(random, sizeof random) != 0) return false;
  for (int i = 0; i < 43; i++) {
    int bit = 6 * i, pair = random[bit / 8] << 8 | (bit / 8 < 31 ? random[bit / 8 + 1] : 0);
    nonce[i] = base64url[pair >> (10 - bit % 8) & 63];
  }
  struct sheet sheet = {-1, false, sizeof bytes, 0, bytes};
  add(&sheet, "GET /v1/hello?nonce=");
  add(&sheet, nonce);
  add(&sheet, " HTTP/1.1\r\nHost: ");
  add(&sheet, place->port > 0 ? place->name.text : "localhost");
  add(&sheet, "\r\n\r\n");
  if (!send_all(connection, &sheet) || !read_head(connection, &head) || head.status != 200) return false;
  if (!read_body(connection, &head, body, HELLO_LIMIT)) return false;
  struct json json = json_of(body->bytes, body->size);
  if (!json_open(&json, '{')) return false;
  while (json_member(&json, &first, &name))
    if (is_text(name, "public_key")) json_text_once(&json, &public_key);
    else if (is_text(name, "signature")) json_text_once(&json, &signed_by);
    else json_skip(&json);
  if (!json_whole(&json) || public_key.from == NULL || signed_by.from == NULL) return false;
  if (!read_base64url(public_key, 43, named) || memcmp(named, key, sizeof key) != 0) return false;
  sheet.used = 0;
  add(&sheet, "valetkey-hello-v1\n");
  add(&sheet, nonce);
  add(&sheet, "\n");
  add(&sheet, place->name.text);
  return !sheet.over && read_base64url(signed_by, 86, signature) &&
         ed25519_verify(signature, bytes, sheet.used, key);
}

/* A connection that is known to lead to our broker. Until it is, nothing secret is written there. */
static bool open_door(struct connection *connection, struct body *body, const struct place *place) {
  if (place->port > 0) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)place->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return dial(connection, (const struct sockaddr *)&address, sizeof address, PATIENCE) &&
           proves_itself(connection, body, place);
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(place->name.text);
  if (length >= sizeof address.sun_path) return false;
  memcpy(address.sun_path, place->name.text, length);
  bool ours = is_ours(&place->name);
  return dial(connection, (const struct sockaddr *)&address, sizeof address, PATIENCE) &&
         (ours || proves_itself(connection, body, place));
}

#endif
