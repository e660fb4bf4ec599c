#include "status.h"

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

const char *proxyfuse_last_error(void) { return proxyfuse::c::last_error.c_str(); }
