// The C ABI without linking: loaded as most languages load a library, twice, and let go of between.
//   loaded LIBRARY
#include <proxyfuse/engine_c.h>

#include <cstdlib>
#include <dlfcn.h>
#include <iostream>
#include <string>

namespace {

#define FIND(name) const auto name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name))

bool opened(const char *path) {
  void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::cerr << dlerror() << '\n';
    return false;
  }
  FIND(proxyfuse_options_create);
  FIND(proxyfuse_options_set);
  FIND(proxyfuse_options_destroy);
  FIND(proxyfuse_engine_create);
  FIND(proxyfuse_engine_destroy);
  FIND(proxyfuse_last_error);
  proxyfuse_options *options = nullptr;
  proxyfuse_engine *engine = nullptr;
  proxyfuse_options_create(&options);
  proxyfuse_options_set(options, "base",
                        (std::getenv("PROXYFUSE_DEMO") + std::string("/base")).c_str());
  proxyfuse_options_set(options, "device", "cpu");
  proxyfuse_options_set(options, "kv_cache_bytes", "16777216");
  const proxyfuse_status status = proxyfuse_engine_create(options, &engine);
  if (status != PROXYFUSE_OK)
    std::cerr << proxyfuse_last_error() << '\n';
  proxyfuse_options_destroy(options);
  proxyfuse_engine_destroy(engine);
  return status == PROXYFUSE_OK && dlclose(library) == 0;
}

} // namespace

int main(int argc, char **argv) { return argc == 2 && opened(argv[1]) && opened(argv[1]) ? 0 : 1; }
