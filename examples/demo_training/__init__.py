"""Training of the demo trio, from text that its own dependencies install."""
