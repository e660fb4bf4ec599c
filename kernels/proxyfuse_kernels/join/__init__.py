"""out = words[index] + shifts: the rows of several models put side by side."""
