"""How far the drafts of each sample hold, and its last token: exact."""
