// The fields that a C caller sets by their Python names.
#pragma once

#include "field.h"
#include "proxyfuse/engine.h"

namespace proxyfuse::c {

const Fields<EngineOptions> &option_fields();
const Fields<SamplingParams> &param_fields();

} // namespace proxyfuse::c
