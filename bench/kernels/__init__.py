"""Every version of every operation, over the shapes that matter, against a plain read of memory."""
