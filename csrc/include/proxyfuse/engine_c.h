/* The engine for other languages: a C ABI over engine.h. Opaque handles, status codes, no callback
 * into a caller's exceptions. Options and parameters are set by their Python names, as text, so
 * that a new one changes no signature. Every function is safe from any thread; one handle of
 * options or of a request is used by one thread at a time. A pointer that is NULL, and not said to
 * be optional, is refused: a function of a status returns PROXYFUSE_REQUEST and does nothing, the
 * others return 0 or NULL. So is more than PROXYFUSE_MOST bytes or ids at once.
 *
 * A call that fails returns a status other than PROXYFUSE_OK, changes nothing that it was to give
 * out, and leaves its message with proxyfuse_last_error of the calling thread. */
#ifndef PROXYFUSE_ENGINE_C_H
#define PROXYFUSE_ENGINE_C_H

#include "proxyfuse/export.h"
#include "proxyfuse/version.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROXYFUSE_ABI 1           /* a library with another proxyfuse_abi() is another interface */
#define PROXYFUSE_MOST 2147483647 /* bytes of a text, ids of a prompt */

/* Values of the option speculate beside a number of tokens. Unset is "auto". */
#define PROXYFUSE_SPECULATE_AUTO "auto" /* as far ahead as it pays, measured while running */
#define PROXYFUSE_SPECULATE_OFF "0"

/* The numbers are those of ErrorKind in errors.h, and two that only C needs. */
typedef enum proxyfuse_status {
  PROXYFUSE_OK = 0,
  PROXYFUSE_CONFIG = 1,
  PROXYFUSE_REQUEST = 2,
  PROXYFUSE_MODEL = 3,
  PROXYFUSE_WEIGHTS = 4,
  PROXYFUSE_TOKENIZER = 5,
  PROXYFUSE_VOCABULARY = 6,
  PROXYFUSE_MEMORY_BUDGET = 7,
  PROXYFUSE_NON_FINITE = 8,
  PROXYFUSE_ENGINE = 9,
  PROXYFUSE_ENVIRONMENT = 10,
  PROXYFUSE_QUEUE_FULL = 11,
  PROXYFUSE_CALLBACK = 12,
  PROXYFUSE_TIMEOUT = 13, /* time ran out: not an error of the engine's */
  PROXYFUSE_UNKNOWN = 14  /* no such name, or no such id any more */
} proxyfuse_status;

typedef enum proxyfuse_finish {
  PROXYFUSE_UNFINISHED = 0,
  PROXYFUSE_STOP = 1,
  PROXYFUSE_LENGTH = 2,
  PROXYFUSE_ABORT = 3,
  PROXYFUSE_ERROR = 4
} proxyfuse_finish;

/* A role is passed as an int. */
typedef enum proxyfuse_role {
  PROXYFUSE_BASE = 0, /* and every role that is given nothing of its own */
  PROXYFUSE_EXPERT = 1,
  PROXYFUSE_ANTIEXPERT = 2
} proxyfuse_role;

typedef struct proxyfuse_engine proxyfuse_engine;
typedef struct proxyfuse_options proxyfuse_options;
typedef struct proxyfuse_request proxyfuse_request;
typedef struct proxyfuse_output proxyfuse_output;

/* Unknown values are NaN, and rank 0. `text` is UTF-8 and ends with a zero. */
typedef struct proxyfuse_logprob {
  int32_t token_id;
  int64_t rank;
  double logprob, base, expert, antiexpert;
  const char *text;
} proxyfuse_logprob;

/* Of one continuation so far: passes of the base, drafts verified in them, drafts kept. */
typedef struct proxyfuse_counts {
  int64_t base_passes, drafted, accepted;
} proxyfuse_counts;

/* As Stats in engine.h. */
typedef struct proxyfuse_stats {
  uint64_t pending, queued, running, accepted, rejected, finished, aborted, failed;
  uint64_t callback_errors, tokens, steps, base_passes, drafts, drafts_kept;
} proxyfuse_stats;

/* What is new; valid until the callback returns. `user` is what was given to proxyfuse_submit. */
typedef void (*proxyfuse_callback)(const proxyfuse_output *news, void *user);

PROXYFUSE_API int proxyfuse_abi(void);
/* The message of this thread's last failed call, "" before one; valid until the next call. */
PROXYFUSE_API const char *proxyfuse_last_error(void);
/* "ok", "config", "request", ...: as Python's classes carry it in `kind`; NULL for no status. */
PROXYFUSE_API const char *proxyfuse_status_name(int status);

/* Options: fields of EngineOptions. "true" and "false", numbers in decimal, "none" for unset,
 * drain_timeout in milliseconds; python_path may be set repeatedly and is added to. */
PROXYFUSE_API proxyfuse_status proxyfuse_options_create(proxyfuse_options **options);
PROXYFUSE_API proxyfuse_status proxyfuse_options_set(proxyfuse_options *options, const char *name,
                                                     const char *value);
PROXYFUSE_API void proxyfuse_options_destroy(proxyfuse_options *options); /* NULL is fine */

/* The options may be destroyed or used again afterwards. */
PROXYFUSE_API proxyfuse_status proxyfuse_engine_create(const proxyfuse_options *options,
                                                       proxyfuse_engine **engine);
/* Shuts it down as its option drain_timeout says; from a callback of its own, without waiting for
 * it. NULL is fine. */
PROXYFUSE_API void proxyfuse_engine_destroy(proxyfuse_engine *engine);

/* Requests: fields of SamplingParams. stop, stop_token_ids, allowed_token_ids and logit_bias
 * ("17=-2.5") may be set repeatedly and are added to. */
PROXYFUSE_API proxyfuse_status proxyfuse_request_create(proxyfuse_request **request);
PROXYFUSE_API proxyfuse_status proxyfuse_request_set(proxyfuse_request *request, const char *name,
                                                     const char *value);
PROXYFUSE_API proxyfuse_status proxyfuse_request_text(proxyfuse_request *request, int role,
                                                      const char *utf8, size_t bytes);
PROXYFUSE_API proxyfuse_status proxyfuse_request_ids(proxyfuse_request *request, int role,
                                                     const int32_t *ids, size_t count);
/* One more message of a conversation, which then takes the place of the prompt. */
PROXYFUSE_API proxyfuse_status proxyfuse_request_message(proxyfuse_request *request,
                                                         const char *role, const char *content);
/* PROXYFUSE_OK, or PROXYFUSE_REQUEST: what proxyfuse_submit would say of its parameters. */
PROXYFUSE_API proxyfuse_status proxyfuse_request_check(const proxyfuse_request *request);
PROXYFUSE_API void proxyfuse_request_destroy(proxyfuse_request *request); /* NULL is fine */

/* The request may be destroyed or submitted again afterwards. `id` may be NULL. */
PROXYFUSE_API proxyfuse_status proxyfuse_submit(proxyfuse_engine *engine,
                                                const proxyfuse_request *request,
                                                proxyfuse_callback callback, void *user,
                                                uint64_t *id);
/* A negative timeout waits for as long as it takes. PROXYFUSE_TIMEOUT when time ran out. */
PROXYFUSE_API proxyfuse_status proxyfuse_await(proxyfuse_engine *engine, uint64_t id,
                                               int64_t timeout_ms);
/* PROXYFUSE_UNKNOWN for a request that is over. */
PROXYFUSE_API proxyfuse_status proxyfuse_cancel(proxyfuse_engine *engine, uint64_t id);
PROXYFUSE_API proxyfuse_status proxyfuse_get_stats(proxyfuse_engine *engine,
                                                   proxyfuse_stats *stats);
/* PROXYFUSE_OK while requests are taken. Else PROXYFUSE_ENGINE: it was shut down, or has failed for
 * good, as the message says. */
PROXYFUSE_API proxyfuse_status proxyfuse_engine_check(proxyfuse_engine *engine);
/* PROXYFUSE_TIMEOUT where something had to be cancelled. */
PROXYFUSE_API proxyfuse_status proxyfuse_shutdown(proxyfuse_engine *engine, int64_t drain_ms);

/* Outputs. `at` counts continuations from 0 to proxyfuse_output_count - 1, `token` the new ids of
 * one; outside of these, counts are 0 and pointers NULL. Texts are UTF-8 and end with a zero. The
 * places of `bytes` and `count` may be NULL. */
PROXYFUSE_API uint64_t proxyfuse_output_id(const proxyfuse_output *output);
PROXYFUSE_API int proxyfuse_output_finished(const proxyfuse_output *output);
PROXYFUSE_API size_t proxyfuse_output_count(const proxyfuse_output *output);
/* The base's prompt, in the first output of a request. */
PROXYFUSE_API const int32_t *proxyfuse_output_prompt_ids(const proxyfuse_output *output,
                                                         size_t *count);
/* As the two below, of the prompt's tokens. The first has none. */
PROXYFUSE_API size_t proxyfuse_output_prompt_logprobs(const proxyfuse_output *output, size_t token);
PROXYFUSE_API proxyfuse_status proxyfuse_output_prompt_logprob(const proxyfuse_output *output,
                                                               size_t token, size_t which,
                                                               proxyfuse_logprob *logprob);
/* Which of the n it is. */
PROXYFUSE_API int64_t proxyfuse_output_index(const proxyfuse_output *output, size_t at);
PROXYFUSE_API const char *proxyfuse_output_text(const proxyfuse_output *output, size_t at,
                                                size_t *bytes);
PROXYFUSE_API const int32_t *proxyfuse_output_ids(const proxyfuse_output *output, size_t at,
                                                  size_t *count);
PROXYFUSE_API proxyfuse_finish proxyfuse_output_finish(const proxyfuse_output *output, size_t at);
/* The one of stop_token_ids that ended it; PROXYFUSE_UNKNOWN if none did. */
PROXYFUSE_API proxyfuse_status proxyfuse_output_stop_token(const proxyfuse_output *output,
                                                           size_t at, int32_t *token);
/* The one of stop that ended it; "" if none did. */
PROXYFUSE_API const char *proxyfuse_output_stop_string(const proxyfuse_output *output, size_t at);
PROXYFUSE_API proxyfuse_status proxyfuse_output_counts(const proxyfuse_output *output, size_t at,
                                                       proxyfuse_counts *counts);
/* PROXYFUSE_OK unless the continuation failed; the message then, else "". */
PROXYFUSE_API proxyfuse_status proxyfuse_output_error(const proxyfuse_output *output, size_t at,
                                                      const char **message);
PROXYFUSE_API double proxyfuse_output_cumulative_logprob(const proxyfuse_output *output, size_t at);
/* How many log-probabilities a token has: the chosen one first. 0 unless asked for. */
PROXYFUSE_API size_t proxyfuse_output_logprobs(const proxyfuse_output *output, size_t at,
                                               size_t token);
PROXYFUSE_API proxyfuse_status proxyfuse_output_logprob(const proxyfuse_output *output, size_t at,
                                                        size_t token, size_t which,
                                                        proxyfuse_logprob *logprob);

#ifdef __cplusplus
}
#endif

#endif
