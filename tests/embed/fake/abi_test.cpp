// The C ABI: names, values, statuses, messages.
#include "../traffic.h"

#include <proxyfuse/engine_c.h>

#include <cmath>
#include <cstring>

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
    EXPECT(proxyfuse_output_cumulative_logprob(news, 0) == 0.0);
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
  EXPECT(proxyfuse_shutdown(o.engine, 1) == PROXYFUSE_TIMEOUT);
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
  refused(proxyfuse_shutdown(nullptr, 0));
  refused(proxyfuse_output_error(nullptr, 0, nullptr));
  refused(proxyfuse_output_logprob(nullptr, 0, 0, 0, nullptr));
}

} // namespace

int main(int argc, char **argv) {
  return run({{"values", values},
              {"outputs", outputs},
              {"statuses", statuses},
              {"prompts", prompts},
              {"nothing_given", nothing_given}},
             argc, argv);
}
