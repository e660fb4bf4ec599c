"""Where the keys and values of positions stand: exact."""
