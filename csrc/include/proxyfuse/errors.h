// Every error that the library throws. The names and meanings are those of Python's
// proxyfuse.errors; each message says what was got and what was wanted.
#pragma once

#include "proxyfuse/export.h"

#include <stdexcept>
#include <string>

namespace proxyfuse {

// What went wrong, also where no exception can be thrown: in an output, and through the C ABI.
enum class ErrorKind {
  none = 0,
  config = 1,        // an engine option is out of range, or two contradict each other
  request = 2,       // a prompt or a sampling parameter is unusable; its own request is refused
  model = 3,         // a model folder is missing, unreadable or of an unsupported architecture
  weights = 4,       // weight files are missing, truncated, corrupt, or do not fit the model
  tokenizer = 5,     // a tokenizer is missing or unusable
  vocabulary = 6,    // the three tokenizers give different strings to one id
  memory_budget = 7, // weights or KV pages do not fit
  non_finite = 8,    // a model produced NaN or an infinity for a request's next token
  engine = 9,        // the engine was shut down, or failed internally
  environment = 10,  // no Python environment with proxyfuse in it was found, or it does not load
  queue_full = 11,   // as many requests are unfinished as the engine was told to hold
  callback = 12,     // the request's own callback threw
};

// The root: catching it catches everything that this library throws on purpose.
class PROXYFUSE_API ProxyFuseError : public std::runtime_error {
public:
  ProxyFuseError(ErrorKind kind, const std::string &message);
  ErrorKind kind() const noexcept { return kind_; }

private:
  ErrorKind kind_;
};

struct PROXYFUSE_API ConfigError : ProxyFuseError {
  explicit ConfigError(const std::string &message);
};
struct PROXYFUSE_API RequestError : ProxyFuseError {
  explicit RequestError(const std::string &message);
};
struct PROXYFUSE_API ModelError : ProxyFuseError {
  explicit ModelError(const std::string &message);

protected:
  using ProxyFuseError::ProxyFuseError;
};
struct PROXYFUSE_API WeightsError : ModelError {
  explicit WeightsError(const std::string &message);
};
struct PROXYFUSE_API TokenizerError : ModelError {
  explicit TokenizerError(const std::string &message);

protected:
  using ModelError::ModelError;
};
struct PROXYFUSE_API VocabularyError : TokenizerError {
  explicit VocabularyError(const std::string &message);
};
struct PROXYFUSE_API MemoryBudgetError : ProxyFuseError {
  explicit MemoryBudgetError(const std::string &message);
};
struct PROXYFUSE_API NonFiniteError : ProxyFuseError {
  explicit NonFiniteError(const std::string &message);
};
struct PROXYFUSE_API EngineError : ProxyFuseError {
  explicit EngineError(const std::string &message);
};
struct PROXYFUSE_API EnvironmentError : ProxyFuseError {
  explicit EnvironmentError(const std::string &message);
};
struct PROXYFUSE_API QueueFullError : ProxyFuseError {
  explicit QueueFullError(const std::string &message);
};
struct PROXYFUSE_API CallbackError : ProxyFuseError {
  explicit CallbackError(const std::string &message);
};

// Throws the exception of a kind; ErrorKind::none is an EngineError too.
[[noreturn]] PROXYFUSE_API void raise(ErrorKind kind, const std::string &message);

} // namespace proxyfuse
