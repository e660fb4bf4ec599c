// The version of these headers, and of the library that runs.
#pragma once

#include "proxyfuse/export.h"

#define PROXYFUSE_VERSION_MAJOR 0
#define PROXYFUSE_VERSION_MINOR 1
#define PROXYFUSE_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

// "0.1.0": of the library, whatever headers a program was compiled with.
PROXYFUSE_API const char *proxyfuse_version(void);

#ifdef __cplusplus
}
#endif
