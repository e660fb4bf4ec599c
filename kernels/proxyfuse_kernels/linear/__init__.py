"""out = x @ weight.T + bias, or added to out: accumulated in float32, rounded once."""
