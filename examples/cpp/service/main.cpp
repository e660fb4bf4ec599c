// A small service: proxy-tuned text over HTTP, token by token, until SIGTERM.
#include "options.h"
#include "routes.h"

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace {

constexpr std::size_t kSpareThreads = 4; // for /health and for saying no while all seats are taken
constexpr std::chrono::seconds kLastWords{5}; // for clients to read what a finished request wrote

// Signals that end the service, kept from every thread that is started from here on.
sigset_t hold_signals() {
  std::signal(SIGPIPE, SIG_IGN); // a client that leaves is an error of write()
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

int bind(httplib::Server &server, const Options &options) {
  if (options.port == 0)
    return server.bind_to_any_port(options.host);
  return server.bind_to_port(options.host, options.port) ? options.port : -1;
}

void serve(const Options &options, const sigset_t &ends) {
  proxyfuse::Engine engine(options.engine);
  Seats seats(options.seats);
  httplib::Server server;
  server.new_task_queue = [&] { return new httplib::ThreadPool(options.seats + kSpareThreads); };
  server.set_keep_alive_max_count(1); // a thread belongs to a connection: idle ones must go
  server.set_payload_max_length(1 << 20);
  server.set_tcp_nodelay(true);
  add_routes(server, engine, seats);
  const int port = bind(server, options);
  if (port < 0)
    throw std::runtime_error("cannot listen on " + options.host + ":" +
                             std::to_string(options.port));
  std::thread listener([&] { server.listen_after_bind(); });
  std::printf("listening on %s:%d\n", options.host.c_str(), port);
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  seats.close();
  const bool drained = engine.shutdown(options.drain);
  seats.await_empty(kLastWords);
  server.stop();
  listener.join();
  std::printf("%s\n", drained ? "finished all requests" : "cancelled what was left");
}

} // namespace

int main(int argc, char **argv) {
  try {
    const sigset_t ends = hold_signals();
    serve(parse_options(argc, argv), ends);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
