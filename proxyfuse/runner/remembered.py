"""What verification taught of the text that a step drafts for, kept from step to step."""

from __future__ import annotations

import torch
from torch import Tensor

from proxyfuse.runner.forward import Forward
from proxyfuse.runner.stage import Part, Stage
from proxyfuse.runner.staging import Fields, Staging
from proxyfuse.sequence import Sequence
from proxyfuse.trio import Role, Trio
from proxyfuse_kernels.hindsight import Hindsight

TEXT = "hindsight.text"
TEXTS = 2**29  # until their numbers, three for each, come again


def remembered_fields() -> Fields:
    """One word: which text it is."""
    return {TEXT: ((1,), torch.int32)}


class Remembered:
    """`Hindsight` of one text at a time, drafted by one model, in steps that are its own."""

    def __init__(self, stage: Stage, forwards: Trio[Forward], staging: Staging, vocab: int) -> None:
        at = staging.words.device
        self._stage = stage
        self._forwards = forwards
        self._hindsight = Hindsight.allocate(vocab, at)
        self._logits = torch.empty(1, vocab, device=at)
        self._written, self._text = staging.host[TEXT], staging.device[TEXT]
        self._alpha = staging.device["alpha"]  # of each row of the sampler
        self._last: Sequence | None = None
        self._texts = 0
        self._recalled: dict[tuple[Role, int, int], Part] = {}  # a few of each draft
        self._kept: dict[tuple[Role, int], Part] = {}  # one a number of rows

    def turn_to(self, sequence: Sequence, drawer: Role) -> None:
        """The step drafts for this sequence: what is known of another is forgotten.

        What helps one model's drafts is no help to another's: each has a number of its own.
        """
        if self._last is not sequence:
            self._last = sequence
            self._texts = (self._texts + 1) % TEXTS
        self._written[0] = self._texts * len(Role) + drawer

    def recalled(self, drawer: Role, draft: int, at: int) -> tuple[Part, Tensor]:
        """What makes the logits [1, V] that the draft of this number (0 is the first) is drawn
        from, of the drawing model's own in row `at`; and where they are."""
        key = drawer, draft, at
        if key not in self._recalled:
            logits = self._forwards[drawer].logits(at, 1)
            ids, rows = self._forwards[drawer].read(draft)
            whose, out = (ids, rows[:1], self._text, self._hindsight), self._logits
            self._recalled[key] = self._stage.record(lambda ops: ops.recall(logits, *whose, out))
        return self._recalled[key], self._logits

    def remember(self, drawer: Role, count: int) -> Part:
        """What all roles' logits of `count` rows say is kept."""
        key = drawer, count
        if key not in self._kept:
            own = {role: forward.logits(0, count) for role, forward in self._forwards.items()}
            ids, heads = self._forwards[Role.BASE].read(0)
            whose = ids, heads[:count], self._text, self._hindsight
            alpha = self._alpha[:count]
            self._kept[key] = self._stage.record(
                lambda ops: ops.remember(list(own.values()), alpha, own[drawer], *whose)
            )
        return self._kept[key]
