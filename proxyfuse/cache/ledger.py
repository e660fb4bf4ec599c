"""Lanes and their pages: finding, taking, naming and giving back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from proxyfuse.cache.geometry import Geometry
from proxyfuse.cache.pool import PagePool
from proxyfuse.cache.prefix import name_pages
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.trio import Role


class Ledger:
    """The only place that moves pages between lanes and the pool.

    The first `published` pages of a lane may be held by other lanes too, and nobody writes them any
    more; the pages after them belong to the lane alone. With `caching` off only the sequences of
    one request share pages, and only while one of them holds them.
    """

    __slots__ = ("_caching", "_slots", "geometry", "pool")

    def __init__(self, geometry: Geometry, pages: int, *, caching: bool) -> None:
        self.geometry = geometry
        self.pool = PagePool(pages, keep=caching)
        self._caching = caching
        self._slots = list(geometry.slots.values())  # by role

    def cover(self, sequence: Sequence, stops: list[int], spared: int = 0) -> bool:
        """Give each lane pages for tokens [0, stop), one stop a lane.

        False, and nothing changed, if taking pages would leave fewer than `spared` in the pool.
        """
        short = []
        for (role, lane), stop in zip(sequence.lanes.items(), stops, strict=True):
            count = -(-stop // self._slots[role]) - len(lane.pages)
            if count > 0:
                short.append((lane, count))
        if not short:
            return True
        need = sum(count for _, count in short)
        pages = self.pool.allocate(need) if need + spared <= self.pool.available else None
        if pages is None:
            return False
        for lane, count in short:
            lane.pages += pages[:count]
            del pages[:count]
        return True

    def owed(self, sequence: Sequence) -> int:
        """Pages that the sequence's tokens so far will need beyond those it holds.

        A model is never fed the last of the tokens that were given to be scored.
        """
        unfed = 1 if sequence.given else 0
        return sum(
            max(0, self.geometry.pages_for(role, sequence.length(lane) - unfed) - len(lane.pages))
            for role, lane in sequence.lanes.items()
        )

    def match(self, sequence: Sequence, like: Sequence | None = None) -> list[list[int]]:
        """The known pages that each lane could begin with; all of them end before the next row.

        like: another sequence; where they share a prompt its page names are not hashed again.
        """
        if not self._reads(sequence):
            return [[] for _ in sequence.lanes]
        if like is not None and self._salt(like) == self._salt(sequence):
            self._copy_names(sequence, like)
        return [self._match(sequence, role, lane) for role, lane in sequence.lanes.items()]

    def price(self, sequence: Sequence, found: list[list[int]]) -> int:
        """Available pages that would be used up by adopting `found` and computing all the rest."""
        shared = sum(self.pool.holders(page) > 0 for pages in found for page in pages)
        return self.owed(sequence) - shared

    def misses(self, sequence: Sequence, found: list[list[int]]) -> Iterable[bytes]:
        """The name of the page that ended each lane's match, where one could have been used."""
        if not self._reads(sequence):
            return
        for (role, lane), pages in zip(sequence.lanes.items(), found, strict=True):
            if len(pages) < min(len(lane.hashes), sequence.front(lane) // self._slots[role]):
                yield lane.hashes[len(pages)]

    def adopt(self, sequence: Sequence, found: list[list[int]]) -> None:
        """The lanes hold the pages that `match` found, and count their tokens as computed."""
        for (role, lane), pages in zip(sequence.lanes.items(), found, strict=True):
            assert not lane.pages and not lane.computed
            for page in pages:
                self.pool.hold(page)
            lane.pages = pages
            lane.published = len(pages)
            lane.computed = len(pages) * self._slots[role]

    def fills(self, sequence: Sequence, stops: list[int]) -> Iterable[bytes]:
        """Names of the pages that fill up with known tokens when each lane gets to its stop."""
        if not self._shares(sequence):
            return
        for (role, lane), stop in zip(sequence.lanes.items(), stops, strict=True):
            slots = self._slots[role]
            full = min(stop, sequence.length(lane)) // slots
            if full > lane.computed // slots:
                name_pages(sequence, role, lane, full, slots, self._salt(sequence))
                yield from lane.hashes[lane.computed // slots : full]

    def publish(self, sequence: Sequence, role: Role, lane: Lane) -> None:
        """Tell the index which of the lane's pages are full of tokens that are known."""
        slots = self._slots[role]
        if lane.computed < (lane.published + 1) * slots:
            return  # the usual case: no page was filled
        full = min(lane.computed, sequence.length(lane)) // slots
        if full <= lane.published or not self._shares(sequence):
            return
        name_pages(sequence, role, lane, full, slots, self._salt(sequence))
        for index in range(lane.published, full):
            self.pool.publish(lane.pages[index], lane.hashes[index])
        lane.published = full

    def release(self, sequence: Sequence) -> None:
        """The sequence holds nothing any more and has computed nothing."""
        for lane in sequence.lanes.values():
            self.pool.release(lane.pages)
            lane.pages = []
            lane.published = lane.computed = 0

    def check(self, holding: Iterable[Sequence]) -> None:
        """The books agree with the lanes of `holding`: all sequences that hold pages. For tests."""
        self.pool.check()
        lanes = [(role, lane) for sequence in holding for role, lane in sequence.lanes.items()]
        holders = Counter(page for _, lane in lanes for page in lane.pages)
        assert holders == {p: n for p in range(self.pool.total) if (n := self.pool.holders(p))}
        for role, lane in lanes:
            assert lane.computed <= len(lane.pages) * self._slots[role], "tokens without a page"
            assert lane.published * self._slots[role] <= lane.computed, "published before computed"
            writable = lane.pages[lane.published :]
            assert all(holders[page] == 1 for page in writable), "a page has two writers"

    def _copy_names(self, sequence: Sequence, like: Sequence) -> None:
        for role, lane in sequence.lanes.items():
            other = like.lanes.get(role)
            if other is not None and other.prompt is lane.prompt:
                names = other.hashes[: len(lane.prompt) // self._slots[role]]
                lane.hashes.extend(names[len(lane.hashes) :])

    def _match(self, sequence: Sequence, role: Role, lane: Lane) -> list[int]:
        slots, salt = self._slots[role], self._salt(sequence)
        found: list[int] = []
        for index in range(sequence.front(lane) // slots):
            name_pages(sequence, role, lane, index + 1, slots, salt)
            page = self.pool.lookup(lane.hashes[index])
            if page is None:
                break
            found.append(page)
        return found

    def _reads(self, sequence: Sequence) -> bool:
        return sequence.cacheable and self._shares(sequence)

    def _shares(self, sequence: Sequence) -> bool:
        return self._caching or sequence.params.n > 1

    def _salt(self, sequence: Sequence) -> bytes:
        return sequence.salt if self._caching else sequence.request_id.encode()
