"""Positions that were planned too far ahead, taken back: exact."""
