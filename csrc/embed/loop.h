// What the threads of an engine run.
#pragma once

#include "backend.h"
#include "desk.h"

namespace proxyfuse::embed {

// The engine thread, until the desk is stopped: takes work in, steps, tells.
void step_until_stopped(Backend &backend, Desk &desk);

// A delivery thread, until the desk is stopped: calls callbacks, one at a time.
void deliver_until_stopped(Desk &desk);

// Whether the calling thread delivers for the desk: then it must not wait for callbacks.
bool delivers(const Desk &desk);

} // namespace proxyfuse::embed
