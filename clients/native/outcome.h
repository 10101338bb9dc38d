/*
 * How an answer is told: main/cli/{token,reply,output}.ts in C. The rule: stdout gets the token and a newline or
 * nothing at all, stderr gets the very words of the full command line, the exit status is the error's from one table
 * (main/contract/errors.ts), and text that others chose is made harmless before it is shown.
 */
#ifndef VALETKEY_OUTCOME_H
#define VALETKEY_OUTCOME_H

#include "text.h"

static char out_bytes[4096], words_bytes[4096];
static struct sheet out = {STDOUT_FILENO, false, sizeof out_bytes, 0, out_bytes};
static struct sheet words = {STDERR_FILENO, false, sizeof words_bytes, 0, words_bytes};

static const struct {
  const char *code;
  int status;
} exits[] = {
  {"invalid_request", 2},  {"invalid_client", 1}, {"pairing_required", 5},           {"access_denied", 6},
  {"consent_required", 5}, {"invalid_scope", 6},  {"not_found", 8},                  {"account_selection_required", 2},
  {"login_required", 5},   {"locked", 4},         {"slow_down", 1},                  {"server_error", 1},
  {"provider_error", 7},   {"timeout", 5},        {"temporarily_unavailable", 7},    {"not_running", 3},
};

/* An error body, as places in it. */
struct refusal {
  int status;
  struct text error, description, request, command, url, code;
  /* Bookmarks; `at` is NULL where there is none. */
  struct json resolve, candidates;
  /* Seconds; -1 when it is not said. */
  long retry_after;
};

static bool read_hints(struct json *json, struct refusal *refusal) {
  struct text name, other;
  bool first = true, hints = false;
  struct json bookmark = *json;
  if (!json_open(json, '{')) return false;
  while (json_member(json, &first, &name)) {
    hints |= json_peek(json) == '"';
    other.from = NULL;
    json_text_once(json, is_text(name, "command") ? &refusal->command
                         : is_text(name, "url")   ? &refusal->url
                         : is_text(name, "code")  ? &refusal->code
                                                  : &other);
  }
  if (hints) refusal->resolve = bookmark;
  return !json->bad;
}

/* Whether it is JSON. What a refusal must have and has not is NULL in it. */
static bool read_refusal(struct refusal *refusal, const void *bytes, size_t size, long retry_after) {
  struct json json = json_of(bytes, size);
  struct text name;
  bool first = true;
  *refusal = (struct refusal){.retry_after = retry_after};
  if (json_peek(&json) != '{') return json_skip(&json) && json_whole(&json);
  json_open(&json, '{');
  while (json_member(&json, &first, &name)) {
    if (is_text(name, "error")) json_text_once(&json, &refusal->error);
    else if (is_text(name, "error_description")) json_text_once(&json, &refusal->description);
    else if (is_text(name, "request_id")) json_text_once(&json, &refusal->request);
    else if (is_text(name, "resolve") && json_peek(&json) == '{') read_hints(&json, refusal);
    else {
      if (is_text(name, "candidates") && json_peek(&json) == '[') refusal->candidates = json;
      json_skip(&json);
    }
  }
  return json_whole(&json);
}

/* An entry of the candidates, moving on; `false` when it is none (main/cli/reply.ts, isCandidate). */
static bool read_candidate(struct json *json, struct text parts[3]) {
  struct text name;
  bool first = true;
  memset(parts, 0, 3 * sizeof parts[0]);
  if (json_peek(json) != '{') return json_skip(json) && false;
  json_open(json, '{');
  while (json_member(json, &first, &name))
    if (is_text(name, "id")) json_text_once(json, &parts[0]);
    else if (is_text(name, "label")) json_text_once(json, &parts[1]);
    else if (is_text(name, "provider")) json_text_once(json, &parts[2]);
    else json_skip(json);
  return parts[0].from != NULL && parts[1].from != NULL && parts[2].from != NULL;
}

static void add_line(const char *before, struct text text) {
  if (text.from == NULL) return;
  add(&words, before);
  add_harmless(&words, text);
  add(&words, "\n");
}

static void add_string_member(const char *before, struct text text) {
  add(&words, before);
  add_json(&words, text);
  add(&words, "\"");
}

static void add_choices(struct json json, bool as_json) {
  struct text parts[3];
  bool first = true, comma = false;
  json_open(&json, '[');
  while (json_more(&json, ']', &first)) {
    struct json entry = json;
    if (!read_candidate(&json, parts)) continue;
    if (as_json) {
      if (comma) add(&words, ",");
      comma = true;
      json_copy(&entry, &words);
      continue;
    }
    add(&words, "  ");
    add_harmless(&words, parts[0]);
    add(&words, "  ");
    add_harmless(&words, parts[1]);
    add(&words, "  (");
    add_harmless(&words, parts[2]);
    add(&words, ")\n");
  }
}

/* The hints that are text, as they came. */
static void add_hints(struct json json) {
  struct text name;
  bool first = true, comma = false;
  json_open(&json, '{');
  while (json_member(&json, &first, &name)) {
    bool hint = json_peek(&json) == '"';
    if (hint) {
      add_string_member(comma ? ",\"" : "\"", name);
      add(&words, ":");
      comma = true;
    }
    json_copy(&json, hint ? &words : NULL);
  }
}

static void add_refusal_json(const struct refusal *refusal, const char *step) {
  add_string_member("{\"error\":\"", refusal->error);
  add_string_member(",\"error_description\":\"", refusal->description);
  if (refusal->resolve.at != NULL) {
    add(&words, ",\"resolve\":{");
    add_hints(refusal->resolve);
    add(&words, "}");
  }
  if (refusal->request.from < refusal->request.to) add_string_member(",\"request_id\":\"", refusal->request);
  if (refusal->candidates.at != NULL) {
    add(&words, ",\"candidates\":[");
    add_choices(refusal->candidates, true);
    add(&words, "]");
  }
  if (refusal->retry_after >= 0) {
    add(&words, ",\"retry_after\":");
    add_number(&words, (unsigned long)refusal->retry_after);
  }
  if (step != NULL) add(&words, ",\"resolve\":{\"command\":\""), add(&words, step), add(&words, "\"}");
  add(&words, "}\n");
}

static void add_refusal_words(const struct refusal *refusal, const char *step) {
  add_line("valetkey: ", refusal->description);
  if (refusal->candidates.at != NULL) add_choices(refusal->candidates, false);
  add_line("code: ", refusal->code);
  add_line("open: ", refusal->url);
  add_line("run: ", step == NULL ? refusal->command : text_of(step, strlen(step)));
  if (refusal->retry_after >= 0) {
    add(&words, "wait: ");
    add_number(&words, (unsigned long)refusal->retry_after);
    add(&words, " s\n");
  }
}

/* What to do after a refusal that does not say it itself (main/cli/next-step.ts). */
static const struct {
  const char *code, *step;
} steps[] = {
    {"invalid_request", "valetkey token --help"},
    {"invalid_client", "valetkey pair NAME"},
    {"pairing_required", "valetkey pair NAME"},
    {"access_denied", "valetkey consents"},
    {"consent_required", "valetkey token --help"},
    {"invalid_scope", "valetkey accounts"},
    {"not_found", "valetkey accounts"},
    {"account_selection_required", "valetkey accounts"},
    {"login_required", "valetkey accounts --all"},
    {"locked", "valetkey unlock"},
    {"slow_down", "valetkey requests"},
    {"server_error", "valetkey doctor"},
    {"provider_error", "valetkey doctor"},
    {"temporarily_unavailable", "valetkey status"},
    {"timeout", "valetkey requests"},
    {"not_running", "valetkey daemon"},
};

static const char *step_of(const struct refusal *refusal) {
  if (refusal->resolve.at != NULL || refusal->retry_after >= 0) return NULL;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (is_text(refusal->error, steps[i].code)) return steps[i].step;
  return NULL;
}

static int exit_of(struct text error) {
  for (size_t i = 0; error.from != NULL && i < sizeof exits / sizeof exits[0]; i++)
    if (is_text(error, exits[i].code)) return exits[i].status;
  return 0;
}

/* Tells an error body; gives the exit status. One that is none says so. `retry_after`: seconds, -1 for none. */
static int refuse(const void *bytes, size_t size, long retry_after, bool as_json) {
  static const char no_json[] = "{\"error\":\"server_error\",\"error_description\":\"The answer is not JSON.\","
                                "\"resolve\":{\"command\":\"valetkey doctor\"}}";
  static const char no_reason[] = "{\"error\":\"server_error\",\"error_description\":"
                                  "\"The broker refused without saying why.\","
                                  "\"resolve\":{\"command\":\"valetkey doctor\"}}";
  struct refusal refusal;
  if (!read_refusal(&refusal, bytes, size, retry_after)) read_refusal(&refusal, no_json, sizeof no_json - 1, -1);
  else if (exit_of(refusal.error) == 0 || refusal.description.from == NULL)
    read_refusal(&refusal, no_reason, sizeof no_reason - 1, -1);
  if (as_json) add_refusal_json(&refusal, step_of(&refusal));
  else add_refusal_words(&refusal, step_of(&refusal));
  flush(&words);
  return exit_of(refusal.error);
}

/* Tells a fault we found: code, sentence (of which `name` is the variable part) and what to do, NULL for nothing. */
static int fault(const char *code, const char *before, const char *name, const char *after, const char *command,
                 bool as_json) {
  static char bytes[8192];
  struct sheet sheet = {-1, false, sizeof bytes, 0, bytes};
  add(&sheet, "{\"error\":\"");
  add(&sheet, code);
  add(&sheet, "\",\"error_description\":\"");
  add(&sheet, before);
  add_json(&sheet, text_of(name, strlen(name)));
  add(&sheet, after);
  if (command != NULL) add(&sheet, "\",\"resolve\":{\"command\":\""), add(&sheet, command), add(&sheet, "\"}}");
  else add(&sheet, "\"}");
  return refuse(bytes, sheet.used, -1, as_json);
}

/* RFC 6750 section 2.1, RFC 9110 section 11.4: visible ASCII on one line, or a shell would be given something else. */
static bool is_line(struct text text) {
  bool any = text.from < text.to;
  for (long code; any && (code = next_code(&text)) >= 0;)
    if (code < 0x20 || code > 0x7e) return false;
  return any;
}

/* Tells a token's answer: the token, the header or, as_json, all of it; gives the exit status. */
static int tell(const void *bytes, size_t size, bool header, bool as_json, bool errors_as_json) {
  struct json json = json_of(bytes, size), all = json;
  struct text name, token = {0}, authorization = {0};
  bool first = true;
  if (json_peek(&json) != '{') json_skip(&json);
  else {
    json_open(&json, '{');
    while (json_member(&json, &first, &name))
      if (is_text(name, "access_token")) json_text_once(&json, &token);
      else if (is_text(name, "authorization")) json_text_once(&json, &authorization);
      else json_skip(&json);
  }
  if (!json_whole(&json)) return refuse("", 0, -1, errors_as_json);
  if (!is_line(token) || !is_line(authorization))
    return fault("server_error", "The broker answered with something that is not a token.", "", "", "valetkey doctor",
                 errors_as_json);
  if (as_json) json_copy(&all, &out);
  else if (header) add(&out, "Authorization: "), add_harmless(&out, authorization);
  else add_harmless(&out, token);
  add(&out, "\n");
  flush(&out);
  return 0;
}

/* Tells that the person is being asked, and by which code they know who asks. Both are visible ASCII. */
static void announce(struct text request, struct text code, bool as_json) {
  if (as_json) {
    add_string_member("{\"pending\":{\"request_id\":\"", request);
    add_string_member(",\"code\":\"", code);
    add(&words, "}}\n");
  } else {
    add(&words, "valetkey: waiting for approval\n");
    add_line("code: ", code);
    add_line("run: valetkey approve ", request);
  }
  flush(&words);
}

#endif
