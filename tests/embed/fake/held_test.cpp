// What Python still holds of requests that are over, however they ended: nothing.
#include "../traffic.h"

#include <Python.h>

using namespace proxyfuse;

namespace {

// Objects by type, of those that Python's collector knows; and blocks of memory, of which it takes
// a while until there are enough, as high water marks depend on how threads meet: what is held for
// good grows twice.
constexpr const char *CENSUS = R"(
import gc, sys
from collections import Counter

def census():
    gc.collect()
    counts = Counter(map(type, gc.get_objects()))
    counts["blocks"] = sys.getallocatedblocks()
    return counts

def check(first, second, rounds):
    more = (second - first) & (census() - second)
    grown = {name: n for name, n in more.items() if n > rounds * (4 if name == "blocks" else 0.25)}
    assert not grown, f"after {rounds} rounds there are more of {grown}"
)";

void python(const char *code) {
  const PyGILState_STATE state = PyGILState_Ensure();
  EXPECT(PyRun_SimpleString(code) == 0);
  PyGILState_Release(state);
}

// One request of each kind, with parameters of which most were never seen before.
void one_of_each(Engine &engine, int round) {
  const auto deaf = [](const Output &) {};
  std::vector<RequestId> ids;
  for (const char *prompt :
       {"x", "stop", "surrogate", "refused", "unknown failure", "not finite"}) {
    Request request = asking(prompt, 1 + round % 3);
    request.params.n = 1 + round % 2;
    request.params.temperature = round;
    request.params.stop = {"END", std::to_string(round)};
    request.params.logit_bias = {{round, 1.0}};
    ids.push_back(engine.submit(request, deaf));
  }
  Request talk = asking("", 2);
  talk.prompt.text_or_ids = std::vector<TokenId>{1000, 2000, 3000};
  talk.prompt.expert = std::vector<TokenId>{4000};
  ids.push_back(engine.submit(talk, [](const Output &) { throw 7; }));
  talk.messages = {{"user", "2 + 2?"}};
  ids.push_back(engine.submit(talk, deaf));
  ids.push_back(engine.submit(asking("x", 1 << 20), deaf));
  engine.cancel(ids.back());
  std::future<Output> whole = engine.submit(asking("x", 3));
  EXPECT(throws<QueueFullError>([&] {
    while (true)
      ids.push_back(engine.submit(asking("x", 1), deaf));
  }));
  for (const RequestId id : ids)
    engine.await(id);
  EXPECT(whole.get().finished);
}

void nothing_is_held() {
  constexpr int ROUNDS = 100;
  EngineOptions options;
  options.base = "stub";
  options.max_pending = 20;
  Engine engine(options);
  python(CENSUS);
  for (int round = 0; round < 3 * ROUNDS; ++round) {
    if (round == ROUNDS)
      python("first = census()");
    if (round == 2 * ROUNDS)
      python("second = census()");
    one_of_each(engine, round);
  }
  EXPECT(engine.stats().accepted > 3 * ROUNDS * 15);
  python("check(first, second, 100)");
}

// Nor of engines, whether they could be loaded or not.
void engines_are_let_go_of() {
  const auto open = [](int count) {
    EngineOptions options;
    options.base = "stub";
    EngineOptions missing = options;
    missing.base = "missing";
    for (int at = 0; at < count; ++at) {
      EXPECT(Engine(options).submit(asking("x", 2)).get().finished);
      EXPECT(throws<ModelError>([&] { Engine none(missing); }));
    }
  };
  open(10);
  python("first = census()");
  open(50);
  python("second = census()");
  open(50);
  python("check(first, second, 50)");
}

} // namespace

int main(int argc, char **argv) {
  return run(
      {{"nothing_is_held", nothing_is_held}, {"engines_are_let_go_of", engines_are_let_go_of}},
      argc, argv);
}
