// What an Engine is made of: a desk, a thread that runs the engine, threads that deliver.
#pragma once

#include "desk.h"

#include <sys/types.h>
#include <thread>

namespace proxyfuse {

class Engine::Impl : public std::enable_shared_from_this<Engine::Impl> {
public:
  explicit Impl(EngineOptions &&options);

  // Starts the threads and loads the models; throws what kept them from it.
  void open();
  bool shutdown(std::chrono::milliseconds drain);
  void refuse_in_callback(const char *what) const;
  // Whether this is a copy in a child process, which has none of the threads, and locks that nobody
  // will ever open.
  bool forked() const;
  // Throws EngineError in a forked child.
  embed::Desk &desk();

  const EngineOptions options;

private:
  struct Failure {
    ErrorKind kind;
    std::string why;
  };
  void run(std::promise<std::optional<Failure>> loaded);

  const pid_t process_;
  embed::Desk desk_;
  std::mutex joining_;
  std::thread engine_;
  std::vector<std::thread> deliverers_;
};

} // namespace proxyfuse
