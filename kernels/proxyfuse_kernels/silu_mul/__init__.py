"""out = silu(gate) * up, computed in float32 and rounded once."""
