"""The operations of proxyfuse: for each its meaning in plain torch, and its fast versions."""
