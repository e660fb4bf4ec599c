#include "proxyfuse/errors.h"

#include "proxyfuse/output.h"

namespace proxyfuse {

ProxyFuseError::ProxyFuseError(ErrorKind kind, const std::string &message)
    : std::runtime_error(message), kind_(kind) {}

#define PROXYFUSE_ERROR(Name, Parent, kind)                                                        \
  Name::Name(const std::string &message) : Parent(ErrorKind::kind, message) {}

PROXYFUSE_ERROR(ConfigError, ProxyFuseError, config)
PROXYFUSE_ERROR(RequestError, ProxyFuseError, request)
PROXYFUSE_ERROR(ModelError, ProxyFuseError, model)
PROXYFUSE_ERROR(WeightsError, ModelError, weights)
PROXYFUSE_ERROR(TokenizerError, ModelError, tokenizer)
PROXYFUSE_ERROR(VocabularyError, TokenizerError, vocabulary)
PROXYFUSE_ERROR(MemoryBudgetError, ProxyFuseError, memory_budget)
PROXYFUSE_ERROR(NonFiniteError, ProxyFuseError, non_finite)
PROXYFUSE_ERROR(EngineError, ProxyFuseError, engine)
PROXYFUSE_ERROR(EnvironmentError, ProxyFuseError, environment)
PROXYFUSE_ERROR(QueueFullError, ProxyFuseError, queue_full)
PROXYFUSE_ERROR(CallbackError, ProxyFuseError, callback)

#undef PROXYFUSE_ERROR

void raise(ErrorKind kind, const std::string &message) {
  switch (kind) {
  case ErrorKind::config:
    throw ConfigError(message);
  case ErrorKind::request:
    throw RequestError(message);
  case ErrorKind::model:
    throw ModelError(message);
  case ErrorKind::weights:
    throw WeightsError(message);
  case ErrorKind::tokenizer:
    throw TokenizerError(message);
  case ErrorKind::vocabulary:
    throw VocabularyError(message);
  case ErrorKind::memory_budget:
    throw MemoryBudgetError(message);
  case ErrorKind::non_finite:
    throw NonFiniteError(message);
  case ErrorKind::environment:
    throw EnvironmentError(message);
  case ErrorKind::queue_full:
    throw QueueFullError(message);
  case ErrorKind::callback:
    throw CallbackError(message);
  case ErrorKind::none:
  case ErrorKind::engine:
    break;
  }
  throw EngineError(message);
}

void Output::check() const {
  for (const Completion &completion : outputs)
    if (completion.finish_reason == FinishReason::error)
      raise(completion.error_kind, completion.error);
}

} // namespace proxyfuse
