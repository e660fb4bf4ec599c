// The least that a test program needs: what went wrong, where, and a number of failures.
#pragma once

#include <atomic>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

inline std::atomic<int> failures{0};

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      ++failures;                                                                                  \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                 \
    }                                                                                              \
  } while (false)

// That `action` throws an `Error`.
template <class Error, class Action>
bool throws(Action action) {
  try {
    action();
  } catch (const Error &) {
    return true;
  } catch (const std::exception &other) {
    std::fprintf(stderr, "threw something else: %s\n", other.what());
    return false;
  }
  std::fprintf(stderr, "threw nothing\n");
  return false;
}

using Test = std::pair<const char *, std::function<void()>>;

// Runs all of them, or those whose names contain argv[1].
inline int run(const std::vector<Test> &tests, int argc, char **argv) {
  for (const auto &[name, test] : tests) {
    if (argc > 1 && std::string(name).find(argv[1]) == std::string::npos)
      continue;
    std::fprintf(stderr, "%s\n", name);
    try {
      test();
    } catch (const std::exception &error) {
      ++failures;
      std::fprintf(stderr, "%s: threw %s\n", name, error.what());
    }
  }
  return failures == 0 ? 0 : 1;
}
