"""Worked additions: the demo's exactly checkable task.

    Q: 247 + 385 = ?
    A: 7+5+0=12 write 2 carry 1; 4+8+1=13 write 3 carry 1; 2+3+1=6 write 6 carry 0; answer 632

Digits are added from the least significant one and every step states its carry, so that a model
of a few layers needs one small lookup per step.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

_ANSWER = re.compile(r"answer (\d+)")
_NUMBER = re.compile(r"^\s*(\d+)\s*$")
_HELD_OUT_BYTES = 16  # of 256: one pair of operands in sixteen is never trained on


@dataclass(frozen=True)
class Problem:
    """One addition of two numbers with equally many digits."""

    a: int
    b: int

    @property
    def answer(self) -> int:
        return self.a + self.b

    @property
    def prompt(self) -> str:
        """The text a model continues."""
        return f"Q: {self.a} + {self.b} = ?\nA:"

    @property
    def worked(self) -> str:
        """The continuation that the expert is trained to write."""
        steps, carry = [], 0
        for x, y in zip(reversed(str(self.a)), reversed(str(self.b)), strict=True):
            total = int(x) + int(y) + carry
            step = f"{x}+{y}+{carry}={total} write {total % 10} carry {total // 10}"
            steps.append(step)
            carry = total // 10
        return " " + "; ".join(steps) + f"; answer {self.answer}\n"

    @property
    def held_out(self) -> bool:
        """Decided by a hash of the operands; both orders fall on the same side."""
        low, high = sorted((self.a, self.b))
        return hashlib.sha256(f"{low}+{high}".encode()).digest()[0] < _HELD_OUT_BYTES


def problems(seed: int, *, held_out: bool) -> Iterator[Problem]:
    """An endless, seeded stream of problems from one side of the split."""
    rng = random.Random(seed)
    while True:
        digits = rng.choice((2, 3, 3, 3))
        low, high = 10 ** (digits - 1), 10**digits - 1
        problem = Problem(rng.randint(low, high), rng.randint(low, high))
        if problem.held_out == held_out:
            yield problem


def read_answer(continuation: str) -> int | None:
    """The number a model settled on: after `answer`, or alone on its first line."""
    found = _ANSWER.search(continuation.split("\nQ:")[0])
    found = found or _NUMBER.match(continuation.split("\n")[0])
    return int(found[1]) if found else None


def is_correct(problem: Problem, continuation: str) -> bool:
    """Whether a continuation of `problem.prompt` ends in exactly the right number."""
    return read_answer(continuation) == problem.answer
