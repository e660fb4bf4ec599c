"""The pool against a model that keeps every page's state in plain dicts."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxyfuse.cache import PagePool


def cached(pool: PagePool, names: list[bytes]) -> list[int]:
    """One page per name, let go of in this order: the first is the least recently used."""
    pages = pool.allocate(len(names))
    assert pages is not None
    for page, name in zip(pages, names, strict=True):
        pool.publish(page, name)
        pool.release([page])
    return pages


def test_the_least_recently_used_page_is_evicted() -> None:
    pool = PagePool(3)
    a, b, c = cached(pool, [b"a", b"b", b"c"])
    pool.hold(a)
    pool.release([a])  # used again: now b is the oldest
    assert pool.allocate(1) == [b]
    assert [pool.lookup(name) for name in (b"a", b"b", b"c")] == [a, None, c]
    assert pool.allocate(1) == [c] and pool.allocate(1) == [a] and pool.allocate(1) is None
    pool.check()


def test_the_end_of_a_lane_is_evicted_before_its_beginning() -> None:
    pool = PagePool(3)
    lane = pool.allocate(3)
    assert lane is not None
    for index, page in enumerate(lane):
        pool.publish(page, bytes([index]))
    pool.release(lane)
    assert [pool.allocate(1) for _ in lane] == [[page] for page in reversed(lane)]


def test_free_pages_go_before_cached_ones() -> None:
    pool = PagePool(4)
    cached(pool, [b"a", b"b"])
    assert (pool.free, pool.cached, pool.held, pool.available) == (2, 2, 0, 4)
    pool.allocate(2)
    assert pool.lookup(b"a") is not None and pool.lookup(b"b") is not None


def test_too_few_pages_change_nothing() -> None:
    pool = PagePool(2)
    cached(pool, [b"a"])
    assert pool.allocate(3) is None
    assert (pool.free, pool.cached) == (1, 1) and pool.lookup(b"a") is not None


def test_the_first_page_of_a_name_keeps_it() -> None:
    pool = PagePool(2)
    pages = pool.allocate(2)
    assert pages is not None
    for page in pages:
        pool.publish(page, b"same")
    assert pool.lookup(b"same") == pages[0]
    pool.release(pages)
    assert (pool.free, pool.cached) == (1, 1)


def test_without_keeping_a_page_is_known_only_while_held() -> None:
    pool = PagePool(1, keep=False)
    (page,) = pool.allocate(1) or []
    pool.publish(page, b"a")
    pool.hold(page)
    pool.release([page])
    assert pool.lookup(b"a") == page
    pool.release([page])
    assert pool.lookup(b"a") is None and pool.free == 1


def test_releasing_twice_is_our_own_bug() -> None:
    pool = PagePool(1)
    pages = pool.allocate(1) or []
    pool.release(pages)
    with pytest.raises(AssertionError, match="more often"):
        pool.release(pages)


class PoolAgainstModel(RuleBasedStateMachine):
    """Any order of allocate, hold, release and publish."""

    @initialize(total=st.integers(0, 6), keep=st.booleans())
    def start(self, total: int, keep: bool) -> None:
        self.pool, self.keep = PagePool(total, keep=keep), keep
        self.refs: dict[int, int] = {}
        self.names: dict[bytes, int] = {}
        self.lru: list[int] = []

    @rule(count=st.integers(0, 4))
    def allocate(self, count: int) -> None:
        spare = self.pool.total - len(self.refs)
        untouched = spare - len(self.lru)
        pages = self.pool.allocate(count)
        assert (pages is None) == (count > spare)
        for page in pages or []:
            assert page not in self.refs
            self.refs[page] = 1
        if pages is not None:
            evicted, self.lru = (
                self.lru[: max(0, count - untouched)],
                self.lru[max(0, count - untouched) :],
            )
            assert set(evicted) <= set(pages) and not set(self.lru) & set(pages)
            self.names = {name: page for name, page in self.names.items() if page not in evicted}

    @precondition(lambda self: self.refs)
    @rule(data=st.data(), name=st.binary(min_size=1, max_size=1))
    def publish(self, data: st.DataObject, name: bytes) -> None:
        page = data.draw(st.sampled_from(sorted(self.refs)))
        self.pool.publish(page, name)
        if page not in self.names.values():
            self.names.setdefault(name, page)

    @precondition(lambda self: self.refs or self.lru)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(sorted({*self.refs, *self.lru})))
        self.pool.hold(page)
        self.refs[page] = self.refs.get(page, 0) + 1
        self.lru = [other for other in self.lru if other != page]

    @precondition(lambda self: self.refs)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lane = data.draw(st.lists(st.sampled_from(sorted(self.refs)), unique=True))
        self.pool.release(lane)
        for page in reversed(lane):
            self.refs[page] -= 1
            if not self.refs[page]:
                del self.refs[page]
                if self.keep and page in self.names.values():
                    self.lru.append(page)
                else:
                    self.names = {n: p for n, p in self.names.items() if p != page}

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "pool"):
            return
        self.pool.check()
        assert self.pool.held == len(self.refs) and self.pool.cached == len(self.lru)
        assert all(self.pool.holders(page) == refs for page, refs in self.refs.items())
        for name in (bytes([value]) for value in range(256)):
            assert self.pool.lookup(name) == self.names.get(name)


TestPoolAgainstModel = PoolAgainstModel.TestCase
TestPoolAgainstModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
