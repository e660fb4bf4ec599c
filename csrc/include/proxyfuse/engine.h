// libproxyfuse: the engine inside a C++17 program. Standard types only; no Python in its headers.
//
//   proxyfuse::EngineOptions options;
//   options.base = "…-70b", options.expert = "…-7b-chat", options.antiexpert = "…-7b";
//   proxyfuse::Engine engine(options);
//   auto id = engine.submit({"Once upon a time", params}, [](const proxyfuse::Output &news) {
//     std::cout << news.outputs[0].text << std::flush;
//   });
//   engine.await(id);
//
// docs/embedding.md is the manual: building, linking, threads, errors, limits.
#pragma once

#include "proxyfuse/errors.h"
#include "proxyfuse/export.h"
#include "proxyfuse/output.h"
#include "proxyfuse/request.h"
#include "proxyfuse/version.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace proxyfuse {

// EngineOptions::speculate beside a number of tokens.
inline constexpr std::nullopt_t SPECULATE_AUTO = std::nullopt; // as far as it pays, measured
inline constexpr std::int64_t SPECULATE_OFF = 0;

// What to run and how. The first part mirrors Python's proxyfuse.LLM, name by name.
struct EngineOptions {
  std::string base;       // a folder or a hub name
  std::string expert;     // with an antiexpert, or both empty: the base alone
  std::string antiexpert; //
  std::string revision;   // of hub names; empty: the latest
  bool skip_tokenizer_init = false;
  double alpha = 1.0;              // the weight of (expert - antiexpert) where a request names none
  std::string device = "auto";     // "auto", "cpu", "cuda" or "cuda:N"
  std::string proxy_device;        // "cuda:N": expert and antiexpert there; empty: beside the base
  std::string proxies = "streams"; // on a GPU also "grouped", as one model, or "auto": the faster
  std::string dtype = "auto";      // "auto", "float32", "bfloat16" or "float16"
  std::string base_quantization;   // "fp8": products in 8 bits; empty: as stored, or in dtype
  std::optional<std::int64_t> max_model_len; // tokens; none: the shortest context of the trio
  std::int64_t max_num_seqs = 64;            // sequences running at once
  std::int64_t max_num_batched_tokens = 2048;
  std::int64_t page_size = 16;
  std::optional<std::int64_t> kv_cache_bytes; // none: a share of the memory left free
  double gpu_memory_utilization = 0.9;
  bool enable_prefix_caching = true;
  std::optional<std::int64_t> speculate = SPECULATE_AUTO; // or tokens drafted ahead
  std::uint64_t seed = 0;       // what requests without a seed draw theirs from
  bool enforce_eager = false;   // on a GPU: give it every operation one by one, capture no graphs
  bool batch_invariant = false; // on a GPU: products of any number of rows take one path
  std::optional<std::int64_t> num_threads; // CPU threads; none: every core of the process

  // Of embedding alone.
  std::size_t max_pending = 1024;   // requests accepted whose last callback has not returned
  std::size_t callback_threads = 1; // that call callbacks; a request's own come one at a time
  std::chrono::milliseconds drain_timeout{0}; // how long the destructor lets requests finish
  std::string venv; // the Python environment; empty: PROXYFUSE_VENV, VIRTUAL_ENV, the library's
  std::vector<std::string> python_path; // put before its sys.path; also PROXYFUSE_PYTHONPATH
  bool verbose = false; // whether the Python inside may write its log and warnings to stderr
};

// Counts since the engine was loaded; `pending` is now. pending = queued + running + undelivered.
struct Stats {
  std::uint64_t pending = 0;
  std::uint64_t queued = 0;   // not yet taken up by the engine
  std::uint64_t running = 0;  // taken up, not yet ended
  std::uint64_t accepted = 0; // requests
  std::uint64_t rejected = 0; // for a full queue
  std::uint64_t finished = 0; // ended by stop or length
  std::uint64_t aborted = 0;
  std::uint64_t failed = 0;
  std::uint64_t callback_errors = 0; // calls of a callback that threw
  std::uint64_t tokens = 0;          // written
  std::uint64_t steps = 0;
  std::uint64_t base_passes = 0, drafts = 0, drafts_kept = 0; // speculation
};

// Called on a delivery thread with what is new since its last call; never for one request twice at
// once. A slow callback holds up neither the engine nor memory: what comes meanwhile is joined to
// one output. One that throws ends its request: it is called once more, with that error.
using Callback = std::function<void(const Output &)>;

// Three models that write one text. All members are safe from any number of threads, and never
// take Python's lock; in a process of Python's, calls that wait let go of it.
class PROXYFUSE_API Engine {
public:
  // Loads the models; returns when requests can run. Throws ConfigError, EnvironmentError,
  // ModelError (and its children), MemoryBudgetError or EngineError.
  explicit Engine(EngineOptions options);
  // shutdown(options.drain_timeout). In a callback of its own, which cannot wait for itself, it
  // returns at once and another thread does that.
  ~Engine();
  // What was moved from can be assigned to and destroyed, and nothing else.
  Engine(Engine &&) noexcept;
  Engine &operator=(Engine &&) noexcept;

  // Takes a request in and streams it to `callback`, which may be called before this returns.
  // Throws RequestError for parameters out of range, QueueFullError, EngineError after shutdown.
  // What only the models can tell (a prompt too long, an unknown id) ends the request with an
  // output whose `check()` throws.
  RequestId submit(Request request, Callback callback);

  // The same, but a full queue is an empty result rather than an exception.
  std::optional<RequestId> try_submit(Request request, Callback callback);

  // Takes a request in; the future gives its whole output, and never an exception of its own:
  // see Output::check.
  std::future<Output> submit(Request request);

  // Waits until a request is over: its last callback has returned. False when time ran out first;
  // true also for an id that is unknown, or long over. Throws EngineError in a callback.
  bool await(RequestId id) const;
  bool await(RequestId id, std::chrono::milliseconds timeout) const;

  // Ends a request soon, wherever it stands, with finish reason abort. False where it is over.
  bool cancel(RequestId id);

  Stats stats() const;

  // Why no request is taken any more: "was shut down", or "failed: ..." and never to recover. None
  // while they are. A step that fails and ends its requests leaves the engine open.
  std::optional<std::string> closed() const;

  // Takes no more requests, lets what is pending finish for so long, cancels the rest, and
  // returns when the last callback has: true if nothing had to be cancelled. Safe to call twice.
  // Throws EngineError in a callback.
  bool shutdown(std::chrono::milliseconds drain_timeout);

private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

} // namespace proxyfuse
