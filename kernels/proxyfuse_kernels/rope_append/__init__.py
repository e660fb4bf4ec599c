"""Norm and rotate queries in place; norm, rotate and store keys; store values: rounded once."""
