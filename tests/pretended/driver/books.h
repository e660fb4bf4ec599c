// What is known of streams, events and captures, and what may be given to them.
//
// A stream is a number of pieces of work given to it. What one piece is behind is a number for each
// stream: all that was given to it up to there. So a capture knows which streams were joined.
#pragma once

#include "faults.h"

#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace pretended {

struct Stream;
using Behind = std::map<const Stream *, long>;

struct Work {
  std::string name;
  std::function<void()> act; // on the host; empty where there is nothing to be seen of it
};

using Graph = std::vector<Work>;

struct Capture {
  unsigned long long id;
  Stream *origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool spoiled = false;
  std::set<Stream *> streams{}; // that it has spread to
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
};

struct Stream {
  int device = 0;
  unsigned flags = 0;
  int priority = 0;
  bool alive = true; // destroyed streams stay, so that their use is noticed
  Capture *capture = nullptr;
  long given = 0;
  Behind behind{};
};

struct Event {
  unsigned flags;
  int device;
  bool recorded = false;
  unsigned long long capture = 0; // in which it was recorded, if any
  Behind behind{};
  std::timespec at{};
};

struct Books {
  std::recursive_mutex lock;
  std::map<unsigned long long, std::unique_ptr<Capture>> captures; // that go on
  unsigned long long next_capture = 1;
  std::map<int, Stream> legacy; // of each device, the stream that nobody made
  long outside = 0;             // work given outside of a capture by the thread that captures
};

// Never destroyed: torch gives back its own while the process ends.
Books &books();
using Guard = std::lock_guard<std::recursive_mutex>;

bool is_legacy(cudaStream_t handle);
Stream &stream_of(cudaStream_t handle);
// How this thread wants its own unsafe calls to be taken.
cudaStreamCaptureMode &thread_mode();

// Spoils the capture: it cannot be ended well any more.
cudaError_t spoil(Capture &capture, cudaError_t error, const std::string &why);
// An error for what a thread must not do that captures; in the global mode, no thread.
cudaError_t unsafe(const std::string &what);
// The same for what waits for a stream or asks for its state.
cudaError_t unsafe_for(Stream &stream, const std::string &what);
// Done at once, or in a capture put down as a node of its graph.
cudaError_t give(cudaStream_t handle, Work work);

} // namespace pretended
