"""out = the rows of a table that ids name, in float32: exact."""
