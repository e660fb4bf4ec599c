#include "proxyfuse/version.h"

#define PROXYFUSE_TEXT_(x) #x
#define PROXYFUSE_TEXT(x) PROXYFUSE_TEXT_(x)

const char *proxyfuse_version(void) {
  return PROXYFUSE_TEXT(PROXYFUSE_VERSION_MAJOR) "." PROXYFUSE_TEXT(
      PROXYFUSE_VERSION_MINOR) "." PROXYFUSE_TEXT(PROXYFUSE_VERSION_PATCH);
}
