"""The whole engine against its rivals."""
