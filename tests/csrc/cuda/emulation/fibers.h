// A thread of a block as a fiber, also where ThreadSanitizer watches: it takes each for a thread,
// and a switch for nothing that orders memory.
#pragma once

#include <csetjmp>
#include <functional>
#include <ucontext.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define EMULATION_UNWATCHED __attribute__((no_sanitize("thread")))
#else
#define EMULATION_UNWATCHED
inline void *__tsan_get_current_fiber() { return nullptr; }
inline void *__tsan_create_fiber(unsigned) { return nullptr; }
inline void __tsan_destroy_fiber(void *) {}
inline void __tsan_switch_to_fiber(void *, unsigned) {}
inline void __tsan_acquire(void *) {}
inline void __tsan_release(void *) {}
#endif

namespace emulation {

class Fiber {
public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  void start(const std::function<void()> &body);
  void go_on();    // the block's thread, into the fiber until it waits or ends
  void step_out(); // the fiber, back to there

  bool over = true;
  const long *watched = nullptr; // the fiber waits while this is `seen`
  long seen = 0;
  bool wide = false; // whether other blocks are waited for
  int index = 0;
  int turn = 0; // of its warp's two places for what lanes give each other

private:
  static void enter(unsigned high, unsigned low);

  void *stack_; // mapped, so that it is no memory that others have had
  ucontext_t inside_, outside_;
  jmp_buf in_, out_;
  bool entered_ = false;
  void *watched_as_ = nullptr, *owner_ = nullptr;
  const std::function<void()> *body_ = nullptr;
};

} // namespace emulation
