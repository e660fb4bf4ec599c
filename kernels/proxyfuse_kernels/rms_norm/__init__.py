"""out = x / rms(x) * weight, computed in float32 and rounded once."""
