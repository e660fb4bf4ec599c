"""Tokenizers and whether three agree, chat templates per role, ids back to text as they come."""
