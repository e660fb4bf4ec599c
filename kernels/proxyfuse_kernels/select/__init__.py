"""out = the rows of x that are wanted: exact."""
