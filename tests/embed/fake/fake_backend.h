// Prompts that make the fake backend misbehave.
#pragma once

namespace fake {

constexpr const char *REFUSED = "refused"; // with a RequestError
constexpr const char *BROKEN = "broken";   // with an exception of somebody else's
constexpr const char *DEADLY = "deadly";   // the step throws

} // namespace fake
