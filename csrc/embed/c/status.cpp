#include "status.h"

#include "../kinds.h"

namespace proxyfuse::c {
namespace {

thread_local std::string last_error;

}

proxyfuse_status failed(proxyfuse_status status, const char *message) noexcept {
  try {
    last_error = message;
  } catch (const std::bad_alloc &) {
    last_error.clear();
  }
  return status;
}

} // namespace proxyfuse::c

int proxyfuse_abi(void) { return PROXYFUSE_ABI; }

const char *proxyfuse_status_name(int status) {
  switch (status) {
  case PROXYFUSE_OK:
    return "ok";
  case PROXYFUSE_TIMEOUT:
    return "timeout";
  case PROXYFUSE_UNKNOWN:
    return "unknown";
  }
  const std::string_view name =
      proxyfuse::embed::name_of(static_cast<proxyfuse::ErrorKind>(status));
  return name.empty() ? nullptr : name.data();
}

const char *proxyfuse_last_error(void) { return proxyfuse::c::last_error.c_str(); }
