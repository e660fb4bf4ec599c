"""Stands where proxyfuse stands, without torch: for the lines of libproxyfuse that speak Python."""
