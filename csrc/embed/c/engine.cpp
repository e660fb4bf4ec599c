// The engine of the C ABI.
#include "handles.h"
#include "status.h"

using namespace proxyfuse;
using c::failed;
using c::guarded;

proxyfuse_status proxyfuse_engine_create(const proxyfuse_options *options,
                                         proxyfuse_engine **engine) {
  return guarded({options, engine}, [&] {
    *engine = new proxyfuse_engine{Engine(options->fields)};
    return PROXYFUSE_OK;
  });
}

void proxyfuse_engine_destroy(proxyfuse_engine *engine) { delete engine; }

proxyfuse_status proxyfuse_submit(proxyfuse_engine *engine, const proxyfuse_request *request,
                                  proxyfuse_callback callback, void *user, uint64_t *id) {
  return guarded({engine, request}, [&] {
    if (!callback)
      throw RequestError("callback: got NULL, want something to call");
    const RequestId given =
        engine->engine.submit(request->fields, [callback, user](const Output &news) {
          const proxyfuse_output output{news};
          callback(&output, user);
        });
    if (id)
      *id = given;
    return PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_await(proxyfuse_engine *engine, uint64_t id, int64_t timeout_ms) {
  return guarded({engine}, [&] {
    const bool over = timeout_ms < 0
                          ? engine->engine.await(id)
                          : engine->engine.await(id, std::chrono::milliseconds{timeout_ms});
    return over ? PROXYFUSE_OK : failed(PROXYFUSE_TIMEOUT, "the request is not over yet");
  });
}

proxyfuse_status proxyfuse_cancel(proxyfuse_engine *engine, uint64_t id) {
  return guarded({engine}, [&] {
    return engine->engine.cancel(id) ? PROXYFUSE_OK
                                     : failed(PROXYFUSE_UNKNOWN, "the request is over");
  });
}

proxyfuse_status proxyfuse_get_stats(proxyfuse_engine *engine, proxyfuse_stats *stats) {
  return guarded({engine, stats}, [&] {
    const Stats s = engine->engine.stats();
    *stats = {s.pending,  s.queued,      s.running, s.accepted,        s.rejected,
              s.finished, s.aborted,     s.failed,  s.callback_errors, s.tokens,
              s.steps,    s.base_passes, s.drafts,  s.drafts_kept};
    return PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_engine_check(proxyfuse_engine *engine) {
  return guarded({engine}, [&] {
    const std::optional<std::string> why = engine->engine.closed();
    return why ? failed(PROXYFUSE_ENGINE, ("the engine " + *why).c_str()) : PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_shutdown(proxyfuse_engine *engine, int64_t drain_ms) {
  return guarded({engine}, [&] {
    return engine->engine.shutdown(std::chrono::milliseconds{drain_ms})
               ? PROXYFUSE_OK
               : failed(PROXYFUSE_TIMEOUT, "unfinished requests were cancelled");
  });
}
