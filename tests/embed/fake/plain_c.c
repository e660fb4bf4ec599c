/* A request from C, start to end. */
#include <proxyfuse/engine_c.h>

#include <stdio.h>
#include <string.h>

static void hear(const proxyfuse_output *news, void *user) {
  size_t bytes = 0, count = 0;
  const char *text = proxyfuse_output_text(news, 0, &bytes);
  proxyfuse_output_ids(news, 0, &count);
  if (text && strlen(text) == bytes && bytes == count)
    *(size_t *)user += count;
}

int main(void) {
  proxyfuse_options *options = NULL;
  proxyfuse_engine *engine = NULL;
  proxyfuse_request *request = NULL;
  size_t heard = 0;
  uint64_t id = 0;
  int good = proxyfuse_abi() == PROXYFUSE_ABI;
  good &= proxyfuse_options_create(&options) == PROXYFUSE_OK;
  good &= proxyfuse_options_set(options, "base", "fake") == PROXYFUSE_OK;
  good &= proxyfuse_engine_create(options, &engine) == PROXYFUSE_OK;
  proxyfuse_options_destroy(options);
  good &= proxyfuse_request_create(&request) == PROXYFUSE_OK;
  good &= proxyfuse_request_text(request, PROXYFUSE_BASE, "hello", 5) == PROXYFUSE_OK;
  good &= proxyfuse_request_set(request, "max_tokens", "7") == PROXYFUSE_OK;
  good &= proxyfuse_submit(engine, request, hear, &heard, &id) == PROXYFUSE_OK;
  proxyfuse_request_destroy(request);
  good &= proxyfuse_await(engine, id, -1) == PROXYFUSE_OK;
  proxyfuse_engine_destroy(engine);
  printf("%zu tokens, version %s\n", heard, proxyfuse_version());
  return good && heard == 7 ? 0 : 1;
}
