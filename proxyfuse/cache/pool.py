"""Identical pages: who holds them, which are free, which are worth remembering."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence as Seq


class PagePool:
    """`total` pages, numbered from 0. Each one is free, held by at least one lane, or cached.

    A cached page is held by nobody but known by the name of its content, so it can be taken up
    again; the least recently used goes first when pages run short. With `keep` false nothing is
    cached: a page can be shared while somebody holds it and is free as soon as nobody does.
    """

    __slots__ = ("_cached", "_free", "_holders", "_keep", "_known", "_names", "total")

    def __init__(self, total: int, *, keep: bool = True) -> None:
        self.total = total
        self._keep = keep
        self._free = list(range(total - 1, -1, -1))
        self._holders = [0] * total
        self._names: list[bytes | None] = [None] * total
        self._known: dict[bytes, int] = {}  # name -> page
        self._cached: OrderedDict[int, None] = OrderedDict()  # least recently used first

    @property
    def free(self) -> int:
        """Pages that hold nothing of worth."""
        return len(self._free)

    @property
    def cached(self) -> int:
        """Pages that nobody holds and that can still be found by name."""
        return len(self._cached)

    @property
    def held(self) -> int:
        """Pages that some lane holds."""
        return self.total - len(self._free) - len(self._cached)

    @property
    def available(self) -> int:
        """Pages that `allocate` can give: free ones and cached ones."""
        return len(self._free) + len(self._cached)

    def holders(self, page: int) -> int:
        """How many lanes hold a page."""
        return self._holders[page]

    def allocate(self, count: int) -> list[int] | None:
        """`count` nameless pages, each held once; None, and nothing changed, if too few."""
        if count > self.available:
            return None
        while len(self._free) < count:
            page, _ = self._cached.popitem(last=False)
            self._forget(page)
            self._free.append(page)
        pages = [self._free.pop() for _ in range(count)]
        for page in pages:
            self._holders[page] = 1
        return pages

    def hold(self, page: int) -> None:
        """One more lane holds a page that is held or cached."""
        if not self._holders[page]:
            del self._cached[page]
        self._holders[page] += 1

    def release(self, pages: Seq[int]) -> None:
        """One lane lets go of its pages, in lane order.

        The last of them are the first to be evicted: a page is of no use without those before it.
        """
        for page in reversed(pages):
            self._holders[page] -= 1
            assert self._holders[page] >= 0, f"page {page} was released more often than held"
            if self._holders[page]:
                continue
            if self._keep and self._names[page] is not None:
                self._cached[page] = None
            else:
                self._forget(page)
                self._free.append(page)

    def publish(self, page: int, name: bytes) -> None:
        """A held page is complete and goes by `name`; the first page of a name keeps it."""
        assert self._holders[page], f"page {page} is published but held by nobody"
        if self._names[page] is None and self._known.setdefault(name, page) == page:
            self._names[page] = name

    def lookup(self, name: bytes) -> int | None:
        """The page known by this name, held or cached."""
        return self._known.get(name)

    def check(self) -> None:
        """Every page is in exactly one state and the names agree both ways. For tests."""
        free, cached = set(self._free), set(self._cached)
        held = {page for page, holders in enumerate(self._holders) if holders}
        assert len(free) == len(self._free), "a page is free twice"
        assert free | cached | held == set(range(self.total)), "a page is lost"
        assert len(free) + len(cached) + len(held) == self.total, "a page is in two states"
        named = {name: page for page, name in enumerate(self._names) if name is not None}
        assert named == self._known, "names and pages disagree"
        assert cached <= set(named.values()) <= cached | held, (
            "a name is lost, or a free page has one"
        )

    def _forget(self, page: int) -> None:
        name, self._names[page] = self._names[page], None
        if name is not None:
            del self._known[name]
