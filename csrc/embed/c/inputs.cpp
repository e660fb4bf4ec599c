// Options and requests of the C ABI.
#include "../check.h"
#include "handles.h"
#include "names.h"
#include "status.h"

namespace proxyfuse::c {
namespace {

template <class Error, class Struct>
proxyfuse_status set(const Fields<Struct> &fields, Struct *object, const char *name,
                     const char *value) {
  return guarded({object, name, value}, [&] {
    const auto found = fields.find(name);
    if (found == fields.end())
      return failed(PROXYFUSE_UNKNOWN, (std::string("got no field named ") + name).c_str());
    try {
      found->second(*object, value);
    } catch (const std::invalid_argument &wanted) {
      throw Error(std::string(name) + ": got \"" + value + "\", want " + wanted.what());
    }
    return PROXYFUSE_OK;
  });
}

// Throws unless so many items can lie there.
void want_list(const char *name, const void *items, std::size_t count) {
  if (!items && count > 0)
    throw RequestError(std::string(name) + ": got NULL for " + std::to_string(count) +
                       ", want what they are");
  if (count > PROXYFUSE_MOST)
    throw RequestError(std::string(name) + ": got " + std::to_string(count) + ", want at most " +
                       std::to_string(PROXYFUSE_MOST));
}

proxyfuse_status set_prompt(Prompt &prompt, int role, TextOrIds &&part) {
  switch (role) {
  case PROXYFUSE_BASE:
    prompt.text_or_ids = std::move(part);
    return PROXYFUSE_OK;
  case PROXYFUSE_EXPERT:
    prompt.expert = std::move(part);
    return PROXYFUSE_OK;
  case PROXYFUSE_ANTIEXPERT:
    prompt.antiexpert = std::move(part);
    return PROXYFUSE_OK;
  }
  return failed(PROXYFUSE_UNKNOWN, "got no role, want base, expert or antiexpert");
}

} // namespace
} // namespace proxyfuse::c

using namespace proxyfuse;
using c::guarded;

proxyfuse_status proxyfuse_options_create(proxyfuse_options **options) {
  return guarded({options}, [&] {
    *options = new proxyfuse_options{};
    return PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_options_set(proxyfuse_options *options, const char *name,
                                       const char *value) {
  return c::set<ConfigError>(c::option_fields(), options ? &options->fields : nullptr, name, value);
}

void proxyfuse_options_destroy(proxyfuse_options *options) { delete options; }

proxyfuse_status proxyfuse_request_create(proxyfuse_request **request) {
  return guarded({request}, [&] {
    *request = new proxyfuse_request{};
    return PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_request_set(proxyfuse_request *request, const char *name,
                                       const char *value) {
  return c::set<RequestError>(c::param_fields(), request ? &request->fields.params : nullptr, name,
                              value);
}

proxyfuse_status proxyfuse_request_text(proxyfuse_request *request, int role, const char *utf8,
                                        size_t bytes) {
  return guarded({request}, [&] {
    c::want_list("text", utf8, bytes);
    return c::set_prompt(request->fields.prompt, role,
                         bytes ? std::string(utf8, bytes) : std::string());
  });
}

proxyfuse_status proxyfuse_request_ids(proxyfuse_request *request, int role, const int32_t *ids,
                                       size_t count) {
  return guarded({request}, [&] {
    c::want_list("ids", ids, count);
    return c::set_prompt(request->fields.prompt, role,
                         count ? std::vector<TokenId>(ids, ids + count) : std::vector<TokenId>());
  });
}

proxyfuse_status proxyfuse_request_message(proxyfuse_request *request, const char *role,
                                           const char *content) {
  return guarded({request, role, content}, [&] {
    request->fields.messages.push_back({role, content});
    return PROXYFUSE_OK;
  });
}

proxyfuse_status proxyfuse_request_check(const proxyfuse_request *request) {
  return guarded({request}, [&] {
    embed::check(request->fields);
    return PROXYFUSE_OK;
  });
}

void proxyfuse_request_destroy(proxyfuse_request *request) { delete request; }
