"""How big a page is, and how many tokens of each role fit into one."""

from __future__ import annotations

from dataclasses import dataclass

from proxyfuse.trio import Role, Trio

ALIGNMENT = 64  # bytes; a multiple of every itemsize, so each role's rows stay aligned in any page


@dataclass(frozen=True, slots=True)
class KVShape:
    """What one model keeps of a token: keys and values of every layer."""

    layers: int
    kv_heads: int
    head_dim: int
    itemsize: int  # bytes of one number

    @property
    def bytes_per_token(self) -> int:
        """Bytes of the arena that one token of this model takes."""
        return 2 * self.layers * self.kv_heads * self.head_dim * self.itemsize


class Geometry:
    """One page for all roles: the costliest token gets `page_size` slots, cheaper ones more.

    A role sees a page as [layers, 2, slots[role], kv_heads, head_dim]; what is left over at the
    end of its page is less than one token.
    """

    __slots__ = ("page_bytes", "shapes", "slots")

    def __init__(self, shapes: Trio[KVShape], page_size: int) -> None:
        assert page_size >= 1 and all(shape.bytes_per_token >= 1 for shape in shapes.values())
        costliest = max(shape.bytes_per_token for shape in shapes.values())
        self.shapes = shapes
        self.page_bytes: int = -(-costliest * page_size // ALIGNMENT) * ALIGNMENT
        self.slots: Trio[int] = shapes.map(lambda shape: self.page_bytes // shape.bytes_per_token)

    def pages_in(self, budget: int) -> int:
        """Whole pages that fit in `budget` bytes."""
        return budget // self.page_bytes

    def pages_for(self, role: Role, tokens: int) -> int:
        """Pages that hold `tokens` tokens of a role."""
        return -(-tokens // self.slots[role])
