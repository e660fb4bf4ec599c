// What an Engine is made of: a desk, a thread that runs the engine, threads that deliver.
#pragma once

#include "desk.h"

#include <thread>

namespace proxyfuse {

class Engine::Impl : public std::enable_shared_from_this<Engine::Impl> {
public:
  explicit Impl(EngineOptions &&options);

  // Starts the threads and loads the models; throws what kept them from it.
  void open();
  bool shutdown(std::chrono::milliseconds drain);
  void refuse_in_callback(const char *what) const;

  const EngineOptions options;
  embed::Desk desk;

private:
  struct Failure {
    ErrorKind kind;
    std::string why;
  };
  void run(std::promise<std::optional<Failure>> loaded);

  std::mutex joining_;
  std::thread engine_;
  std::vector<std::thread> deliverers_;
};

} // namespace proxyfuse
