"""What embedding costs: libproxyfuse against the Python engine that it steps."""
