"""Three is a type: one thing for each role, so that code loops instead of repeating itself."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Role(IntEnum):
    """Which of the three models; the value is its index wherever roles are stored in an array."""

    BASE = 0
    EXPERT = 1
    ANTIEXPERT = 2

    @property
    def label(self) -> str:
        """The role's name as it is written in options and messages."""
        return self.name.lower()


PROXIES = (Role.EXPERT, Role.ANTIEXPERT)
WHOLE = ((Role.BASE,), tuple(Role))  # what a trio may have


class Trio(Mapping[Role, T], Generic[T]):
    """One thing for each role: all three roles, or the base alone. Immutable, in role order."""

    __slots__ = ("_things",)

    def __init__(self, things: Mapping[Role, T]) -> None:
        roles = tuple(things)
        if roles not in WHOLE:
            roles = tuple(sorted(roles))
        if roles not in WHOLE:
            got = ", ".join(role.label for role in roles) or "nothing"
            raise ValueError(f"a trio needs all three roles or the base alone, got {got}")
        self._things = {role: things[role] for role in roles}

    def __getitem__(self, role: Role) -> T:
        return self._things[role]

    def __iter__(self) -> Iterator[Role]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def items(self) -> ItemsView[Role, T]:
        """(role, thing) in order: the dict's own view, since trios are walked for every token."""
        return self._things.items()

    def values(self) -> ValuesView[T]:
        """The things in role order, by the dict's own view."""
        return self._things.values()

    def __repr__(self) -> str:
        inside = ", ".join(f"{role.label}={thing!r}" for role, thing in self.items())
        return f"Trio({inside})"

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles present, in order."""
        return tuple(self._things)

    @property
    def base(self) -> T:
        """The base's thing, which every trio has."""
        return self._things[Role.BASE]

    def map(self, make: Callable[[T], U]) -> Trio[U]:
        """A trio of `make(thing)` for each role present."""
        return Trio({role: make(thing) for role, thing in self._things.items()})

    def only(self, roles: tuple[Role, ...]) -> Trio[T]:
        """The same things for fewer roles."""
        return Trio({role: self._things[role] for role in roles})
