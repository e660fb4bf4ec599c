#include "fibers.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace emulation {
namespace {

constexpr std::size_t kStack = 192 << 10;
constexpr unsigned kUnordered = 1; // the sanitizer is not to see a switch as a meeting

} // namespace

Fiber::Fiber()
    : stack_(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (stack_ == MAP_FAILED)
    throw std::bad_alloc();
}

Fiber::~Fiber() { munmap(stack_, kStack); }

EMULATION_UNWATCHED void Fiber::enter(unsigned high, unsigned low) {
  auto *fiber = reinterpret_cast<Fiber *>(static_cast<std::uintptr_t>(high) << 32 | low);
  (*fiber->body_)();
  fiber->over = true;
  fiber->step_out();
}

void Fiber::start(const std::function<void()> &body) {
  body_ = &body;
  over = entered_ = false;
  watched = nullptr;
  turn = 0;
  watched_as_ = __tsan_create_fiber(0);
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_;
  inside_.uc_stack.ss_size = kStack;
  inside_.uc_link = nullptr;
  const auto place = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(place >> 32), static_cast<unsigned>(place));
}

#if defined(__SANITIZE_THREAD__)
EMULATION_UNWATCHED void Fiber::go_on() {
  owner_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(watched_as_, kUnordered);
  swapcontext(&outside_, &inside_);
  if (over)
    __tsan_destroy_fiber(watched_as_);
}

EMULATION_UNWATCHED void Fiber::step_out() {
  __tsan_switch_to_fiber(owner_, kUnordered);
  swapcontext(&inside_, &outside_);
}
#else
// Unlike swapcontext, these ask nothing of the kernel.
void Fiber::go_on() {
  if (_setjmp(out_) != 0)
    return;
  if (entered_)
    _longjmp(in_, 1);
  entered_ = true;
  setcontext(&inside_);
}

void Fiber::step_out() {
  if (_setjmp(in_) == 0)
    _longjmp(out_, 1);
}
#endif

} // namespace emulation
