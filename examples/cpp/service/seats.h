// How many streams may be open at once, finished ones whose client still reads among them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

class Seats;

// One open stream's place, given back at its end. The seats must outlive it.
class Seat {
public:
  Seat() = default; // none
  explicit Seat(Seats &seats) : seats_(&seats) {}
  Seat(Seat &&other) noexcept : seats_(std::exchange(other.seats_, nullptr)) {}
  Seat &operator=(Seat &&other) noexcept {
    std::swap(seats_, other.seats_);
    return *this;
  }
  ~Seat();
  explicit operator bool() const { return seats_ != nullptr; }

private:
  Seats *seats_ = nullptr;
};

class Seats {
public:
  explicit Seats(std::size_t count) : free_(count), count_(count) {}

  // A seat, or none where all are taken or the house is closed.
  Seat take() {
    const std::lock_guard lock(mutex_);
    if (closed_ || free_ == 0)
      return Seat();
    --free_;
    return Seat(*this);
  }

  // Gives out no more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  std::size_t taken() const {
    const std::lock_guard lock(mutex_);
    return count_ - free_;
  }

  // Until every seat is free again; false when time ran out first.
  bool await_empty(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return freed_.wait_for(lock, timeout, [this] { return free_ == count_; });
  }

private:
  friend class Seat;
  void give_back() {
    const std::lock_guard lock(mutex_);
    ++free_;
    freed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t free_;
  const std::size_t count_;
  bool closed_ = false;
};

inline Seat::~Seat() {
  if (seats_ != nullptr)
    seats_->give_back();
}
