"""As much of the engine as libproxyfuse calls."""
