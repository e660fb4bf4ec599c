"""From a plan to tensors, forwards and draws: the only part that touches the device."""
