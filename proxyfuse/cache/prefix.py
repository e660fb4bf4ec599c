"""What a full page is called: a hash of everything that its keys and values depend on.

They depend on the role, on the tokens of the page and on all those before it (whose hash is the
parent), never on the batch they were computed in. The salt keeps strangers apart.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b

from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role

NAME_BYTES = 32  # no two contents share a name: a collision takes 2**128 tries


def root(role: Role, salt: bytes) -> bytes:
    """The parent of a lane's first page."""
    return blake2b(bytes([role]) + salt, digest_size=NAME_BYTES).digest()


def child(parent: bytes, tokens: Iterable[int]) -> bytes:
    """The name of the full page that holds `tokens` (each in [0, 2**31)) after its parent."""
    return blake2b(parent + array("i", tokens).tobytes(), digest_size=NAME_BYTES).digest()


def name_pages(
    sequence: Sequence, role: Role, lane: Lane, pages: int, slots: int, salt: bytes
) -> None:
    """Extend `lane.hashes` to the first `pages` pages, each full of tokens that are known."""
    names = lane.hashes
    while len(names) < pages:
        start = len(names) * slots
        parent = names[-1] if names else root(role, salt)
        names.append(child(parent, sequence.tokens(lane, start, start + slots)))
