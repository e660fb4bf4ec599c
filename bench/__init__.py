"""Measurements. Nothing in the package imports from here."""
