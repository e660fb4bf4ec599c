#include "memory.h"

#include "books.h"
#include "device.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace pretended {
namespace {

constexpr std::size_t kSpan = std::size_t{64} << 30; // of addresses, for each device
constexpr std::size_t kGrain = 512;

struct Block {
  std::size_t bytes;
  int device;
};

std::map<char *, Block> blocks;
std::map<int, std::map<std::size_t, std::size_t>> gaps; // of a device: where, and how many bytes
std::map<int, std::size_t> used;
std::map<char *, std::size_t> page_locked;

Mapping mapped() {
  const int file = memfd_create("pretended-gpu", 0);
  const std::size_t bytes = kSpan * static_cast<std::size_t>(device_count());
  void *const wanted = reinterpret_cast<void *>(0x600000000000); // where nobody else is
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0)
    throw std::runtime_error("no file for the memory of pretended GPUs");
  void *const base = mmap(wanted, bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, file, 0);
  if (base != wanted)
    throw std::runtime_error("the addresses of pretended GPUs are taken");
  for (int device = 0; device < device_count(); ++device)
    gaps[device][0] = kSpan;
  return {static_cast<char *>(base), bytes, file};
}

// What fresh memory holds in every byte; negative for nothing but zeros, which take no room.
int poison() {
  static const char *const given = std::getenv("PRETENDED_POISON");
  static const int byte = given == nullptr ? -1 : static_cast<int>(std::strtol(given, nullptr, 0));
  return byte;
}

char *start_of(int device) { return mapping().base + static_cast<std::size_t>(device) * kSpan; }

template <class Things>
auto last_before(Things &things, const void *place) {
  auto after = things.upper_bound(static_cast<char *>(const_cast<void *>(place)));
  return after == things.begin() ? things.end() : std::prev(after);
}

// A gap is one with its neighbours.
void leave_gap(std::map<std::size_t, std::size_t> &of, std::size_t at, std::size_t bytes) {
  auto next = of.lower_bound(at);
  if (next != of.end() && next->first == at + bytes) {
    bytes += next->second;
    next = of.erase(next);
  }
  if (next != of.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == at) {
      before->second += bytes;
      return;
    }
  }
  of[at] = bytes;
}

} // namespace

const Mapping &mapping() {
  static const Mapping mapping = mapped();
  return mapping;
}

void *take(std::size_t bytes, int device) {
  const Guard guard(books().lock);
  char *const start = start_of(device);
  bytes = std::max(kGrain, (bytes + kGrain - 1) / kGrain * kGrain);
  if (used[device] + bytes > total_bytes())
    return nullptr;
  for (const auto &gap : gaps[device]) {
    const auto [at, room] = gap; // a copy: it goes
    if (room < bytes)
      continue;
    gaps[device].erase(at);
    if (room > bytes)
      gaps[device][at + bytes] = room - bytes;
    blocks[start + at] = {bytes, device};
    used[device] += bytes;
    if (poison() >= 0)
      std::memset(start + at, poison(), bytes);
    return start + at;
  }
  return nullptr;
}

bool give_back(void *block) {
  const Guard guard(books().lock);
  const auto found = blocks.find(static_cast<char *>(block));
  if (found == blocks.end())
    return false;
  const auto [bytes, device] = found->second;
  const auto hole = static_cast<off_t>(found->first - mapping().base);
  fallocate(mapping().file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole,
            static_cast<off_t>(bytes));
  leave_gap(gaps[device], static_cast<std::size_t>(found->first - start_of(device)), bytes);
  used[device] -= bytes;
  blocks.erase(found);
  return true;
}

std::size_t used_bytes(int device) {
  const Guard guard(books().lock);
  return used[device];
}

bool is_device_memory(const void *place) {
  const auto offset = static_cast<const char *>(place) - mapping().base;
  return offset >= 0 && static_cast<std::size_t>(offset) < mapping().bytes;
}

int device_of(const void *place) {
  const auto offset = static_cast<const char *>(place) - mapping().base;
  return static_cast<int>(static_cast<std::size_t>(offset) / kSpan);
}

bool is_in_block(const void *place, std::size_t bytes) {
  const Guard guard(books().lock);
  const auto found = last_before(blocks, place);
  return found != blocks.end() &&
         static_cast<const char *>(place) + bytes <= found->first + found->second.bytes;
}

void pin(void *place, std::size_t bytes) {
  const Guard guard(books().lock);
  page_locked[static_cast<char *>(place)] = bytes;
}

void unpin(void *place) {
  const Guard guard(books().lock);
  page_locked.erase(static_cast<char *>(place));
}

bool is_pinned(const void *place) {
  const Guard guard(books().lock);
  const auto found = last_before(page_locked, place);
  return found != page_locked.end() &&
         static_cast<const char *>(place) < found->first + found->second;
}

} // namespace pretended
