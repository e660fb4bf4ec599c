"""Slots of a page per role, against the arithmetic done by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.trio import Role, Trio

SHAPES = st.builds(
    KVShape,
    layers=st.integers(1, 80),
    kv_heads=st.integers(1, 16),
    head_dim=st.sampled_from([1, 6, 64, 80, 128]),
    itemsize=st.sampled_from([1, 2, 4]),
)


def test_a_70b_and_two_7b_share_pages() -> None:
    big, small = (
        KVShape(80, 8, 128, 2),
        KVShape(32, 32, 128, 2),
    )  # grouped heads make the 70B cheaper
    geometry = Geometry(
        Trio({Role.BASE: big, Role.EXPERT: small, Role.ANTIEXPERT: small}), page_size=16
    )
    assert small.bytes_per_token == 524288 and big.bytes_per_token == 327680
    assert geometry.page_bytes == 16 * 524288
    assert dict(geometry.slots) == {Role.BASE: 25, Role.EXPERT: 16, Role.ANTIEXPERT: 16}
    assert geometry.pages_in(10**9) == 119
    assert [geometry.pages_for(Role.BASE, n) for n in (0, 1, 25, 26)] == [0, 1, 1, 2]


def test_the_base_alone() -> None:
    geometry = Geometry(Trio({Role.BASE: KVShape(1, 1, 3, 2)}), page_size=16)
    assert geometry.page_bytes == 192 and geometry.slots.base == 16


@given(shapes=st.tuples(SHAPES, SHAPES, SHAPES), page_size=st.integers(1, 64))
def test_every_role_gets_what_fits(
    shapes: tuple[KVShape, KVShape, KVShape], page_size: int
) -> None:
    geometry = Geometry(Trio(dict(zip(Role, shapes, strict=True))), page_size)
    costliest = max(shapes, key=lambda shape: shape.bytes_per_token)
    assert geometry.page_bytes % 64 == 0
    assert 0 <= geometry.page_bytes - page_size * costliest.bytes_per_token < 64
    for role, shape in zip(Role, shapes, strict=True):
        slots = geometry.slots[role]
        assert slots >= page_size
        assert 0 <= geometry.page_bytes - slots * shape.bytes_per_token < shape.bytes_per_token
        assert geometry.page_bytes % shape.itemsize == 0


def test_a_page_needs_a_slot() -> None:
    with pytest.raises(AssertionError):
        Geometry(Trio({Role.BASE: KVShape(1, 1, 3, 2)}), page_size=0)
