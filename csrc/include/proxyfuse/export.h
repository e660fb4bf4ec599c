// What a shared library of ours lets out. Everything else is compiled with hidden visibility.
#pragma once

#if defined(_WIN32)
#define PROXYFUSE_API
#else
#define PROXYFUSE_API __attribute__((visibility("default")))
#endif
