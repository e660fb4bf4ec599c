// Prompts that make the fake backend do something else than count.
#pragma once

namespace fake {

constexpr const char *REFUSED = "refused"; // with a RequestError
constexpr const char *BROKEN = "broken";   // with an exception of somebody else's
constexpr const char *DEADLY = "deadly";   // the step throws
constexpr const char *TALKATIVE = "talk";  // not wrong: one output with all that there can be

} // namespace fake
