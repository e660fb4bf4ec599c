"""The rivals, each behind one small function."""
