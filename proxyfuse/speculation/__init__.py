"""What to draft ahead, from whom and how far: in plain numbers, no torch."""

from proxyfuse.speculation.speculator import Speculator

__all__ = ["Speculator"]
