#include "routes.h"

#include "parse.h"
#include "stream.h"

#include <nlohmann/json.hpp>

#include <exception>
#include <string>

using Json = nlohmann::json;

namespace {

void answer(httplib::Response &response, int status, const Json &json) {
  response.status = status;
  response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace),
                       "application/json");
}

void refuse(httplib::Response &response, int status, const std::string &why) {
  answer(response, status, Json{{"error", why}});
}

void turn_away(httplib::Response &response, const std::string &why) {
  response.set_header("Retry-After", "1");
  refuse(response, 503, why);
}

void generate(const httplib::Request &http, httplib::Response &response, proxyfuse::Engine &engine,
              Seats &seats) {
  try {
    proxyfuse::Request request = parse(http.body);
    Seat seat = seats.take();
    if (!seat)
      return turn_away(response, seats.closed() ? "shutting down" : "every seat is taken");
    const auto stream = Stream::open(engine, std::move(request), std::move(seat));
    if (!stream)
      return turn_away(response, "the queue is full");
    response.set_header("Cache-Control", "no-store");
    response.set_chunked_content_provider(
        "text/event-stream",
        [stream](std::size_t, httplib::DataSink &sink) { return stream->pump(sink); });
  } catch (const BadRequest &error) {
    refuse(response, 400, error.what());
  } catch (const proxyfuse::RequestError &error) {
    refuse(response, 400, error.what());
  } catch (const proxyfuse::EngineError &error) {
    refuse(response, 503, error.what());
  }
}

// An engine that has failed stays so: whoever watches this should start another process.
void tell_health(httplib::Response &response, const proxyfuse::Engine &engine, const Seats &seats) {
  if (seats.closed())
    return answer(response, 503, Json{{"status", "shutting down"}});
  const std::optional<std::string> closed = engine.closed();
  answer(response, closed ? 503 : 200, Json{{"status", closed.value_or("ok")}});
}

Json json_of(const proxyfuse::Stats &stats, const Seats &seats) {
  return {
      {"open_streams", seats.taken()}, {"pending", stats.pending},   {"queued", stats.queued},
      {"running", stats.running},      {"accepted", stats.accepted}, {"rejected", stats.rejected},
      {"finished", stats.finished},    {"aborted", stats.aborted},   {"failed", stats.failed},
      {"tokens", stats.tokens},        {"steps", stats.steps},
  };
}

// No exception leaves a handler, and no answer goes out without a word.
void add_fallbacks(httplib::Server &server) {
  server.set_exception_handler([](const auto &, auto &response, std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception &known) {
      refuse(response, 500, known.what());
    } catch (...) {
      refuse(response, 500, "unknown error");
    }
  });
  server.set_error_handler([](const httplib::Request &, httplib::Response &response) {
    if (response.body.empty())
      refuse(response, response.status, "HTTP " + std::to_string(response.status));
  });
}

} // namespace

void add_routes(httplib::Server &server, proxyfuse::Engine &engine, Seats &seats) {
  server.Post("/generate", [&](const httplib::Request &request, httplib::Response &response) {
    generate(request, response, engine, seats);
  });
  server.Get("/health", [&](const httplib::Request &, httplib::Response &response) {
    tell_health(response, engine, seats);
  });
  server.Get("/stats", [&](const httplib::Request &, httplib::Response &response) {
    answer(response, 200, json_of(engine.stats(), seats));
  });
  add_fallbacks(server);
}
