// The C ABI: names, values, statuses, messages.
#include "../traffic.h"
#include "c/handles.h"
#include "c/names.h"
#include "fake_backend.h"

#include <climits>
#include <cmath>
#include <cstring>
#include <random>

namespace {

struct Opened {
  Opened(const char *most = "100") {
    proxyfuse_options *options = nullptr;
    EXPECT(proxyfuse_options_create(&options) == PROXYFUSE_OK);
    EXPECT(proxyfuse_options_set(options, "base", "fake") == PROXYFUSE_OK);
    EXPECT(proxyfuse_options_set(options, "max_pending", most) == PROXYFUSE_OK);
    EXPECT(proxyfuse_engine_create(options, &engine) == PROXYFUSE_OK);
    proxyfuse_options_destroy(options);
    EXPECT(proxyfuse_request_create(&request) == PROXYFUSE_OK);
  }
  ~Opened() {
    proxyfuse_request_destroy(request);
    proxyfuse_engine_destroy(engine);
  }
  void set(const char *name, const char *value) {
    EXPECT(proxyfuse_request_set(request, name, value) == PROXYFUSE_OK);
  }
  proxyfuse_engine *engine = nullptr;
  proxyfuse_request *request = nullptr;
};

bool said(const char *part) { return std::strstr(proxyfuse_last_error(), part) != nullptr; }

void values() {
  Opened o;
  const char *good[][2] = {{"n", "2"},
                           {"temperature", "0.5"},
                           {"top_k", "-1"},
                           {"seed", "none"},
                           {"max_tokens", "none"},
                           {"stop", "x"},
                           {"stop", "y"},
                           {"logit_bias", "3=-1"},
                           {"ignore_eos", "true"},
                           {"alpha", "-1.5e-3"},
                           {"logprobs", "0"},
                           {"allowed_token_ids", "4"},
                           {"seed", "18446744073709551615"}};
  for (const auto &[name, value] : good)
    o.set(name, value);
  EXPECT(proxyfuse_request_check(o.request) == PROXYFUSE_OK);
  const char *bad[][2] = {{"n", ""},           {"n", "1.5"},    {"n", "99999999999999999999"},
                          {"seed", "-1"},      {"top_p", "x"},  {"top_p", "1,5"},
                          {"n", " 1"},         {"n", "+1"},     {"ignore_eos", "1"},
                          {"n", "none"},       {"top_p", "1 "}, {"logit_bias", "3"},
                          {"logit_bias", "=2"}};
  for (const auto &[name, value] : bad) {
    EXPECT(proxyfuse_request_set(o.request, name, value) == PROXYFUSE_REQUEST);
    EXPECT(said(name) && said("want"));
  }
  EXPECT(proxyfuse_request_set(o.request, "nonsense", "1") == PROXYFUSE_UNKNOWN);
  EXPECT(said("nonsense"));
  o.set("top_p", "2");
  EXPECT(proxyfuse_request_check(o.request) == PROXYFUSE_REQUEST && said("top_p: got 2"));
  EXPECT(proxyfuse_submit(
             o.engine, o.request, [](auto, auto) {}, nullptr, nullptr) == PROXYFUSE_REQUEST);
}

// All that may be asked of an output, at places that there are and at absurd ones.
void every_place(const proxyfuse_output *news) {
  proxyfuse_logprob logprob;
  proxyfuse_counts counts;
  int32_t token = 0;
  const char *message = nullptr;
  for (const size_t at : {size_t{0}, size_t{1}, SIZE_MAX / 2, SIZE_MAX}) {
    const bool there = at == 0;
    EXPECT((proxyfuse_output_text(news, at, nullptr) != nullptr) == there);
    EXPECT((proxyfuse_output_ids(news, at, nullptr) == nullptr) || there);
    EXPECT(proxyfuse_output_index(news, at) == 0);
    EXPECT(proxyfuse_output_stop_token(news, at, &token) == PROXYFUSE_UNKNOWN);
    EXPECT((proxyfuse_output_stop_string(news, at) != nullptr) == there);
    const auto counted = there ? PROXYFUSE_OK : PROXYFUSE_UNKNOWN;
    EXPECT(proxyfuse_output_counts(news, at, &counts) == counted);
    EXPECT(proxyfuse_output_error(news, at, &message) == PROXYFUSE_OK && !*message);
    EXPECT(there || proxyfuse_output_finish(news, at) == PROXYFUSE_UNFINISHED);
    for (const size_t which : {size_t{0}, SIZE_MAX}) {
      EXPECT(proxyfuse_output_logprobs(news, at, which) == 0);
      EXPECT(proxyfuse_output_prompt_logprobs(news, which) == 0);
      EXPECT(proxyfuse_output_logprob(news, at, which, at, &logprob) == PROXYFUSE_UNKNOWN);
      EXPECT(proxyfuse_output_prompt_logprob(news, at, which, &logprob) == PROXYFUSE_UNKNOWN);
    }
  }
}

void outputs() {
  Opened o;
  o.set("max_tokens", "5");
  struct Heard {
    Gate gate;
    size_t ids = 0;
    bool finished = false;
  } heard;
  const auto hear = [](const proxyfuse_output *news, void *user) {
    auto &mine = *static_cast<Heard *>(user);
    mine.gate.wait();
    size_t count = 0;
    const char *message = nullptr;
    EXPECT(proxyfuse_output_count(news) == 1 && proxyfuse_output_id(news) == 1);
    proxyfuse_output_ids(news, 0, &count);
    mine.ids += count;
    mine.finished = proxyfuse_output_finished(news) != 0;
    EXPECT(proxyfuse_output_finish(news, 0) ==
           (mine.finished ? PROXYFUSE_LENGTH : PROXYFUSE_UNFINISHED));
    EXPECT(proxyfuse_output_error(news, 0, &message) == PROXYFUSE_OK && !*message);
    EXPECT(proxyfuse_output_text(news, 1, &count) == nullptr && count == 0);
    EXPECT(proxyfuse_output_ids(news, 9, &count) == nullptr && count == 0);
    EXPECT(proxyfuse_output_logprobs(news, 0, 0) == 0);
    proxyfuse_logprob none;
    EXPECT(proxyfuse_output_logprob(news, 0, 0, 0, &none) == PROXYFUSE_UNKNOWN);
    EXPECT(proxyfuse_output_logprob(news, 0, 0, 0, nullptr) == PROXYFUSE_REQUEST);
    EXPECT(proxyfuse_output_cumulative_logprob(news, 0) == 0.0);
    every_place(news);
  };
  uint64_t id = 0;
  EXPECT(proxyfuse_submit(o.engine, o.request, hear, &heard, &id) == PROXYFUSE_OK && id == 1);
  EXPECT(proxyfuse_await(o.engine, id, 1) == PROXYFUSE_TIMEOUT);
  heard.gate.open();
  EXPECT(proxyfuse_await(o.engine, id, -1) == PROXYFUSE_OK);
  EXPECT(heard.finished && heard.ids == 5);
  EXPECT(proxyfuse_cancel(o.engine, id) == PROXYFUSE_UNKNOWN);
  proxyfuse_stats stats;
  EXPECT(proxyfuse_get_stats(o.engine, &stats) == PROXYFUSE_OK);
  EXPECT(stats.accepted == 1 && stats.finished == 1 && stats.tokens == 5 && stats.pending == 0);
}

void statuses() {
  Opened o("1");
  const auto quiet = [](const proxyfuse_output *, void *) {};
  o.set("max_tokens", "10000000");
  uint64_t id = 0;
  EXPECT(proxyfuse_submit(o.engine, o.request, quiet, nullptr, &id) == PROXYFUSE_OK);
  EXPECT(proxyfuse_submit(o.engine, o.request, quiet, nullptr, nullptr) == PROXYFUSE_QUEUE_FULL);
  EXPECT(said("max_pending=1"));
  EXPECT(proxyfuse_submit(o.engine, o.request, nullptr, nullptr, nullptr) == PROXYFUSE_REQUEST);
  EXPECT(proxyfuse_engine_check(o.engine) == PROXYFUSE_OK);
  EXPECT(proxyfuse_shutdown(o.engine, 1) == PROXYFUSE_TIMEOUT);
  EXPECT(proxyfuse_engine_check(o.engine) == PROXYFUSE_ENGINE && said("the engine was shut down"));
  EXPECT(proxyfuse_submit(o.engine, o.request, quiet, nullptr, nullptr) == PROXYFUSE_ENGINE);
  proxyfuse_options *options = nullptr;
  proxyfuse_engine *engine = nullptr;
  EXPECT(proxyfuse_options_create(&options) == PROXYFUSE_OK);
  EXPECT(proxyfuse_engine_create(options, &engine) == PROXYFUSE_CONFIG && said("base"));
  EXPECT(proxyfuse_options_set(options, "base", "missing") == PROXYFUSE_OK);
  EXPECT(proxyfuse_engine_create(options, &engine) == PROXYFUSE_MODEL && !engine);
  EXPECT(proxyfuse_options_set(options, "page_size", "many") == PROXYFUSE_CONFIG);
  proxyfuse_options_destroy(options);
  proxyfuse_options_destroy(nullptr);
  proxyfuse_engine_destroy(nullptr);
  std::thread([] { EXPECT(!*proxyfuse_last_error()); }).join();
}

void prompts() {
  Opened o;
  const int32_t ids[] = {1, -2};
  EXPECT(proxyfuse_request_ids(o.request, PROXYFUSE_EXPERT, ids, 1) == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_text(o.request, PROXYFUSE_ANTIEXPERT, "x\0y", 3) == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_check(o.request) == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_ids(o.request, PROXYFUSE_BASE, ids, 2) == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_check(o.request) == PROXYFUSE_REQUEST && said("-2"));
  EXPECT(proxyfuse_request_text(o.request, 9, "", 0) == PROXYFUSE_UNKNOWN);
  EXPECT(proxyfuse_request_ids(o.request, PROXYFUSE_BASE, nullptr, 0) == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_message(o.request, "user", "hi") == PROXYFUSE_OK);
  EXPECT(proxyfuse_request_check(o.request) == PROXYFUSE_OK);
}

// Everything that an Output of C++ holds is there, told by a backend that fills it in.
void told() {
  Opened o;
  EXPECT(proxyfuse_request_text(o.request, PROXYFUSE_BASE, fake::TALKATIVE,
                                std::strlen(fake::TALKATIVE)) == PROXYFUSE_OK);
  const auto hear = [](const proxyfuse_output *news, void *user) {
    size_t count = 0;
    int32_t token = 0;
    proxyfuse_counts counts;
    proxyfuse_logprob logprob;
    const int32_t *ids = proxyfuse_output_prompt_ids(news, &count);
    EXPECT(count == 2 && ids[0] == 7 && ids[1] == 8);
    EXPECT(proxyfuse_output_prompt_logprobs(news, 0) == 0);
    EXPECT(proxyfuse_output_prompt_logprobs(news, 1) == 1);
    EXPECT(proxyfuse_output_prompt_logprob(news, 1, 0, &logprob) == PROXYFUSE_OK);
    EXPECT(logprob.token_id == 8 && logprob.logprob == -2.5 && logprob.base == -3.0);
    EXPECT(std::isnan(logprob.expert) && logprob.rank == 0 && !std::strcmp(logprob.text, "eight"));
    EXPECT(proxyfuse_output_count(news) == 2 && proxyfuse_output_index(news, 1) == 5);
    EXPECT(proxyfuse_output_stop_token(news, 0, &token) == PROXYFUSE_OK && token == 9);
    EXPECT(proxyfuse_output_stop_token(news, 1, &token) == PROXYFUSE_UNKNOWN);
    EXPECT(!std::strcmp(proxyfuse_output_stop_string(news, 0), ""));
    EXPECT(!std::strcmp(proxyfuse_output_stop_string(news, 1), "END"));
    EXPECT(proxyfuse_output_counts(news, 1, &counts) == PROXYFUSE_OK);
    EXPECT(counts.base_passes == 3 && counts.drafted == 6 && counts.accepted == 4);
    *static_cast<bool *>(user) = true;
  };
  bool heard = false;
  uint64_t id = 0;
  EXPECT(proxyfuse_submit(o.engine, o.request, hear, &heard, &id) == PROXYFUSE_OK);
  EXPECT(proxyfuse_await(o.engine, id, -1) == PROXYFUSE_OK && heard);
}

// "auto" is what is unset, and not off.
void speculation() {
  proxyfuse_options *options = nullptr;
  EXPECT(proxyfuse_options_create(&options) == PROXYFUSE_OK);
  const auto &speculate = options->fields.speculate;
  EXPECT(speculate == proxyfuse::SPECULATE_AUTO);
  for (const char *off : {PROXYFUSE_SPECULATE_OFF, "7", "64"}) {
    EXPECT(proxyfuse_options_set(options, "speculate", off) == PROXYFUSE_OK && speculate);
    EXPECT(proxyfuse_options_set(options, "speculate", "AUTO") == PROXYFUSE_CONFIG && speculate);
    EXPECT(proxyfuse_options_set(options, "speculate", PROXYFUSE_SPECULATE_AUTO) == PROXYFUSE_OK);
    EXPECT(!speculate);
  }
  EXPECT(proxyfuse_options_set(options, "speculate", PROXYFUSE_SPECULATE_OFF) == PROXYFUSE_OK);
  EXPECT(speculate == proxyfuse::SPECULATE_OFF);
  proxyfuse_options_destroy(options);
}

void names_of_statuses() {
  EXPECT(!std::strcmp(proxyfuse_status_name(PROXYFUSE_OK), "ok"));
  EXPECT(!std::strcmp(proxyfuse_status_name(PROXYFUSE_NON_FINITE), "non_finite"));
  EXPECT(!std::strcmp(proxyfuse_status_name(PROXYFUSE_CALLBACK), "callback"));
  EXPECT(!std::strcmp(proxyfuse_status_name(PROXYFUSE_UNKNOWN), "unknown"));
  for (const int none : {-1, 15, INT_MIN, INT_MAX})
    EXPECT(!proxyfuse_status_name(none));
}

// Calls with what callers get wrong: any mix of NULL, empty, absurd and good.
void fuzz() {
  Opened o;
  std::mt19937 random(7);
  const auto one_of = [&](auto... values) {
    const std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % sizeof...(values)];
  };
  const char *const none = nullptr;
  const int32_t ids[] = {1, 2, -1};
  const std::string strange = "\xff\x01\xc3(" + std::string(5000, '9');
  const char *values[] = {
      none,           "",      "1",    "-1",  "nan", "inf",  "1e999",
      "none",         "auto",  "true", "3=x", "9=1", "0x10", "\xff\xfe",
      "%s%n",         "1=2=3", "=",    " ",   "1.",  "١",    "99999999999999999999",
      strange.c_str()};
  std::vector<const char *> names = {none, "", "nonsense", strange.c_str()};
  for (const auto &[name, set] : proxyfuse::c::param_fields())
    names.push_back(name.data());
  for (const auto &[name, set] : proxyfuse::c::option_fields())
    names.push_back(name.data());
  proxyfuse_options *options = nullptr;
  EXPECT(proxyfuse_options_create(&options) == PROXYFUSE_OK);
  const auto quiet = [](const proxyfuse_output *, void *) {};
  const auto sized = [&](const void *items, size_t most) { // what may lie there, or is refused
    return items ? one_of(size_t{0}, most, SIZE_MAX, SIZE_MAX / 4)
                 : one_of(size_t{0}, size_t{1}, SIZE_MAX, SIZE_MAX / 4);
  };
  for (int call = 0; call < 20000; ++call) {
    proxyfuse_request *const request = random() % 8 ? o.request : nullptr;
    proxyfuse_engine *const engine = random() % 8 ? o.engine : nullptr;
    const char *const name = names[random() % names.size()];
    const char *const value = values[random() % std::size(values)];
    const int role = one_of(0, 1, 2, 3, -1, INT_MAX, INT_MIN);
    const int64_t wait = one_of(int64_t{0}, int64_t{1}, INT64_MIN + 1);
    uint64_t id = one_of(uint64_t{0}, uint64_t{1}, UINT64_MAX);
    switch (random() % 9) {
    case 0:
      EXPECT(proxyfuse_options_set(random() % 8 ? options : nullptr, name, value) <=
             PROXYFUSE_UNKNOWN);
      break;
    case 1:
    case 2:
      EXPECT(proxyfuse_request_set(request, name, value) <= PROXYFUSE_UNKNOWN);
      break;
    case 3: {
      const char *const text = one_of(none, "abc");
      EXPECT(proxyfuse_request_text(request, role, text, sized(text, 3)) <= PROXYFUSE_UNKNOWN);
      break;
    }
    case 4: {
      const int32_t *const some = random() % 2 ? ids : nullptr;
      EXPECT(proxyfuse_request_ids(request, role, some, sized(some, 3)) <= PROXYFUSE_UNKNOWN);
      break;
    }
    case 5:
      EXPECT(proxyfuse_request_message(request, value, name) <= PROXYFUSE_UNKNOWN);
      break;
    case 6:
      proxyfuse_request_check(request);
      break;
    case 7:
      EXPECT(proxyfuse_await(engine, id + 1000000, wait) <= PROXYFUSE_UNKNOWN);
      EXPECT(proxyfuse_cancel(engine, id) <= PROXYFUSE_UNKNOWN);
      break;
    case 8:
      if (proxyfuse_submit(engine, request, quiet, nullptr, random() % 2 ? &id : nullptr) ==
          PROXYFUSE_OK)
        EXPECT(engine && request);
      proxyfuse_request_destroy(o.request);
      EXPECT(proxyfuse_request_create(&o.request) == PROXYFUSE_OK);
      break;
    }
  }
  proxyfuse_options_destroy(options);
  EXPECT(proxyfuse_shutdown(o.engine, INT64_MIN) <= PROXYFUSE_TIMEOUT);
  EXPECT(proxyfuse_shutdown(o.engine, INT64_MAX) <= PROXYFUSE_TIMEOUT);
}

void nothing_given() {
  Opened o;
  const auto refused = [](proxyfuse_status status) {
    EXPECT(status == PROXYFUSE_REQUEST && said("NULL"));
  };
  refused(proxyfuse_options_create(nullptr));
  refused(proxyfuse_options_set(nullptr, "base", "x"));
  refused(proxyfuse_engine_create(nullptr, &o.engine));
  refused(proxyfuse_request_create(nullptr));
  for (const char *name : {"n", static_cast<const char *>(nullptr)})
    refused(proxyfuse_request_set(name ? nullptr : o.request, name, "1"));
  refused(proxyfuse_request_set(o.request, "n", nullptr));
  refused(proxyfuse_request_text(nullptr, PROXYFUSE_BASE, "x", 1));
  refused(proxyfuse_request_ids(nullptr, PROXYFUSE_BASE, nullptr, 0));
  refused(proxyfuse_request_message(o.request, "user", nullptr));
  refused(proxyfuse_request_check(nullptr));
  const auto quiet = [](const proxyfuse_output *, void *) {};
  refused(proxyfuse_submit(nullptr, o.request, quiet, nullptr, nullptr));
  refused(proxyfuse_submit(o.engine, nullptr, quiet, nullptr, nullptr));
  refused(proxyfuse_await(nullptr, 1, 0));
  refused(proxyfuse_cancel(nullptr, 1));
  refused(proxyfuse_get_stats(o.engine, nullptr));
  refused(proxyfuse_engine_check(nullptr));
  refused(proxyfuse_shutdown(nullptr, 0));
  refused(proxyfuse_output_error(nullptr, 0, nullptr));
  refused(proxyfuse_output_logprob(nullptr, 0, 0, 0, nullptr));
  refused(proxyfuse_output_prompt_logprob(nullptr, 0, 0, nullptr));
  refused(proxyfuse_output_stop_token(nullptr, 0, nullptr));
  refused(proxyfuse_output_counts(nullptr, 0, nullptr));
  EXPECT(!proxyfuse_output_id(nullptr) && !proxyfuse_output_finished(nullptr));
  EXPECT(!proxyfuse_output_count(nullptr) && !proxyfuse_output_index(nullptr, 0));
  EXPECT(!proxyfuse_output_text(nullptr, 0, nullptr) && !proxyfuse_output_ids(nullptr, 0, nullptr));
  size_t count = 1;
  EXPECT(!proxyfuse_output_prompt_ids(nullptr, &count) && count == 0);
  EXPECT(!proxyfuse_output_stop_string(nullptr, 0) && !proxyfuse_output_finish(nullptr, 0));
  EXPECT(!proxyfuse_output_logprobs(nullptr, 0, 0) &&
         !proxyfuse_output_prompt_logprobs(nullptr, 0));
  EXPECT(proxyfuse_output_cumulative_logprob(nullptr, 0) == 0.0);
  refused(proxyfuse_request_text(o.request, PROXYFUSE_BASE, nullptr, 1));
  refused(proxyfuse_request_ids(o.request, PROXYFUSE_BASE, nullptr, 1));
  refused(proxyfuse_request_ids(o.request, PROXYFUSE_BASE, nullptr, SIZE_MAX));
  const int32_t one = 1;
  EXPECT(proxyfuse_request_ids(o.request, PROXYFUSE_BASE, &one, SIZE_MAX) == PROXYFUSE_REQUEST);
  EXPECT(said("at most 2147483647"));
  EXPECT(proxyfuse_request_text(o.request, PROXYFUSE_BASE, "x", SIZE_MAX) == PROXYFUSE_REQUEST);
}

} // namespace

int main(int argc, char **argv) {
  return run({{"values", values},
              {"outputs", outputs},
              {"statuses", statuses},
              {"prompts", prompts},
              {"told", told},
              {"speculation", speculation},
              {"names_of_statuses", names_of_statuses},
              {"nothing_given", nothing_given},
              {"fuzz", fuzz}},
             argc, argv);
}
