"""What is made ready, in which order."""

from __future__ import annotations

from proxyfuse.runner.warmup import Shape, shapes
from proxyfuse.trio import Role

ALL, BASE = tuple(Role), (Role.BASE,)


def test_no_drafts_first_then_the_smallest_batches_the_longest_drafts_first() -> None:
    found = shapes([1, 2, 16], [1, 4], ALL)
    assert len(found) == len(set(found))
    assert found[:5] == [
        *(Shape(size, ALL) for size in (16, 2, 1)),
        *(Shape(1, ALL, drafts) for drafts in (4, 1)),
    ]
    assert found[-4:] == [Shape(size, ALL, drafts) for size in (2, 16) for drafts in (4, 1)]
    assert {shape for shape in found if shape.roles == BASE} == {Shape(1, BASE), Shape(2, BASE)}
    others = [shape for shape in found if shape.drawer is Role.ANTIEXPERT]
    assert others == [Shape(1, ALL, drafts, Role.ANTIEXPERT) for drafts in (4, 1)]


def test_a_base_alone_looks_its_drafts_up() -> None:
    plain = [Shape(2, BASE), Shape(1, BASE)]
    assert shapes([1, 2], [1, 4], BASE) == [
        *plain,
        Shape(1, BASE, 4, None),
        Shape(1, BASE, 1, None),
    ]
    assert shapes([1, 2], [], BASE) == plain
