"""The rivals, and this engine, each behind one function of one signature."""
