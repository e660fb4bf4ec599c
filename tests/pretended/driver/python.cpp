// What Python asks of the driver: ../driver.py is its other side.
#include "books.h"
#include "device.h"
#include "memory.h"

#include <utility>

using namespace pretended;

namespace {

using WithToken = void (*)(long);
WithToken act = nullptr, forget = nullptr;

// What Python keeps for a node of a graph, as long as the graph.
struct Token {
  explicit Token(long number) : number(number) {}
  Token(const Token &) = delete;
  Token &operator=(const Token &) = delete;
  ~Token() {
    if (forget != nullptr)
      forget(number);
  }

  const long number;
};

} // namespace

// Who does, and who forgets, what pretended_put_down was called with; null before Python ends.
CALL void pretended_tell(WithToken to_act, WithToken to_forget) {
  act = to_act;
  forget = to_forget;
}

CALL int pretended_put_down(cudaStream_t stream, long number) {
  const auto token = std::make_shared<Token>(number);
  return give(stream, {"what the host computes", [token] { act(token->number); }});
}

CALL int pretended_is_capturing(cudaStream_t stream) {
  const Guard guard(books().lock);
  return stream_of(stream).capture != nullptr;
}

CALL long pretended_take_outside() {
  const Guard guard(books().lock);
  return std::exchange(books().outside, 0);
}

CALL int pretended_is_in_block(const void *place, std::size_t bytes) {
  return is_in_block(place, bytes);
}

CALL void *pretended_base() { return mapping().base; }
CALL std::size_t pretended_bytes() { return mapping().bytes; }
CALL int pretended_file() { return mapping().file; }
CALL std::size_t pretended_used(int device) { return used_bytes(device); }
