#include "block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace emulation {

thread_local Block here;

namespace {

EMULATION_UNWATCHED void wait_for(const long *round, long seen, bool wide) {
  Fiber &mine = *here.running;
  mine.watched = round;
  mine.seen = seen;
  mine.wide = wide;
  mine.step_out();
}

EMULATION_UNWATCHED bool ready(const Fiber &fiber) {
  if (fiber.over)
    return false;
  return fiber.watched == nullptr || __atomic_load_n(fiber.watched, __ATOMIC_ACQUIRE) != fiber.seen;
}

// Nobody of this block can go on: it must be other blocks that are waited for.
void wait_for_others() {
  const auto waits = std::find_if(here.fibers.begin(), here.fibers.end(),
                                  [](const auto &fiber) { return !fiber->over; });
  const Fiber &fiber = **waits;
  if (!fiber.wide)
    give_up("threads wait for each other, but not at the same place");
  WideBarrier &barrier = here.cluster->barrier;
  std::unique_lock lock(barrier.mutex);
  if (barrier.round != fiber.seen)
    return;
  if (++barrier.idle == barrier.blocks)
    barrier.changed.notify_all();
  barrier.changed.wait(
      lock, [&] { return barrier.round != fiber.seen || barrier.idle == barrier.blocks; });
  if (barrier.round == fiber.seen)
    give_up("waits for blocks that do not come");
}

void end_block() {
  WideBarrier &barrier = here.cluster->barrier;
  const std::lock_guard lock(barrier.mutex);
  ++barrier.over;
  if (++barrier.idle == barrier.blocks)
    barrier.changed.notify_all();
}

// Tells whether the fiber could run at all.
EMULATION_UNWATCHED bool let_run(Fiber &fiber) {
  bool ran = false;
  for (; ready(fiber); ran = true) {
    here.running = &fiber;
    fiber.watched = nullptr;
    fiber.wide = false;
    fiber.go_on();
  }
  return ran;
}

} // namespace

void give_up(const char *why) {
  std::fprintf(stderr, "emulation: block %u: %s\n", here.index, why);
  std::abort();
}

EMULATION_UNWATCHED void meet(Barrier &barrier) {
  const long seen = barrier.round;
  if (++barrier.come == barrier.expected) {
    barrier.come = 0;
    ++barrier.round;
  } else {
    wait_for(&barrier.round, seen, false);
  }
}

void meet(WideBarrier &barrier) {
  std::unique_lock lock(barrier.mutex);
  const long seen = barrier.round;
  if (++barrier.come < barrier.expected) {
    lock.unlock();
    return wait_for(&barrier.round, seen, true);
  }
  barrier.come = 0;
  barrier.idle = barrier.over;
  __atomic_fetch_add(&barrier.round, 1, __ATOMIC_RELEASE);
  lock.unlock();
  barrier.changed.notify_all();
}

void run_fibers(std::mt19937_64 &dice) {
  for (;;) {
    std::shuffle(here.fibers.begin(), here.fibers.end(), dice);
    bool ran = false;
    for (const auto &fiber : here.fibers)
      ran |= let_run(*fiber);
    const auto over = [](const auto &fiber) { return fiber->over; };
    if (std::all_of(here.fibers.begin(), here.fibers.end(), over))
      return end_block();
    if (!ran)
      wait_for_others();
  }
}

} // namespace emulation
