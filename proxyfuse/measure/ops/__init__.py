"""Each operation as something to time: its inputs at a size, who can compute it, what is right."""
