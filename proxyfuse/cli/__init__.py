"""The command `proxyfuse`."""

from proxyfuse.cli.app import app, main

__all__ = ["app", "main"]
