// Outputs that come faster than they are called back for, and outputs of requests that ended.
#pragma once

#include "proxyfuse/output.h"

namespace proxyfuse::embed {

// What `into` and then `more` say, as one output. Either may be of any subset of the n, in
// the order of their index; so is what comes of it.
void join(Output &into, Output &&more);

// The last output of a request that ended without the engine's: every one of its n says why.
Output last_output(RequestId id, std::int64_t n, FinishReason reason, ErrorKind kind,
                   const std::string &why);

// Makes a last output say that the request failed.
void fail(Output &last, ErrorKind kind, const std::string &why);

} // namespace proxyfuse::embed
