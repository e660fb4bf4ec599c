"""The parts of a step, put into one launch."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from proxyfuse.runner.ahead import Ahead
from proxyfuse.runner.drafts import Drafts
from proxyfuse.runner.forward import Forward
from proxyfuse.runner.layout import Counted
from proxyfuse.runner.remembered import Remembered
from proxyfuse.runner.stage import Draft, Launch, Part, Stage
from proxyfuse.trio import PROXIES, Role, Trio
from proxyfuse_kernels.proxy_sample import SampleDraws, SampleRows

MOST_LAUNCHES = 256  # of shapes that were met; all are forgotten before there are more


class Assembly:
    """Makes launches of steps; one that comes again is found again."""

    def __init__(
        self,
        stage: Stage,
        forwards: Trio[Forward],
        drafts: Drafts,
        remembered: Remembered | None,
        words: Tensor,
        ahead: Ahead | None,
    ) -> None:
        """`remembered`: where a model drafts. `ahead`: where steps are planned before the last one
        has landed."""
        self._stage = stage
        self._forwards = forwards
        self._drafts = drafts
        self._remembered = remembered
        self._words = words
        self._ahead = ahead
        self._passing: SampleRows | None = None
        self._launches: dict[tuple[object, ...], Launch] = {}
        self._lasting: dict[tuple[object, ...], Launch] = {}
        self._ready: dict[tuple[object, ...], Launch] = {}  # never forgotten

    def launch(
        self,
        step: Counted,
        rows: SampleRows | None,
        draws: SampleDraws,
        histories: list[Tensor],
        lasting: bool,
        ready: bool,
    ) -> tuple[Launch, bool]:
        """The launch, and whether it was found.

        histories: for each draft, where it goes in rows.history; none where no row looks.
        lasting: whether these rows, or none, are those of later steps too.
        ready: to be kept for good, and prepared for being run often.
        """
        key = (id(draws), *step.shape)
        if lasting and key in self._ready:
            return self._ready[key], True
        launches = self._ready if ready else self._launches_of(rows, lasting)
        launch = launches.get(key)
        if launch is not None:
            return launch, True
        launch = launches[key] = self._assemble(step, rows, draws, histories, ready)
        return launch, False

    def _launches_of(
        self, rows: SampleRows | None, lasting: bool
    ) -> dict[tuple[object, ...], Launch]:
        if not lasting and rows is not self._passing:
            self._passing = rows
            self._launches.clear()
        found = self._lasting if lasting else self._launches
        if len(found) >= MOST_LAUNCHES:
            found.clear()
        return found

    def _assemble(
        self,
        step: Counted,
        rows: SampleRows | None,
        draws: SampleDraws,
        histories: list[Tensor],
        often: bool,
    ) -> Launch:
        first = self._begin(step)
        if step.drawer is None or rows is None:
            return self._stage.launch(first, [], [self._verify(step, rows, draws, 0)], often=often)
        first.append(self._forwards[step.drawer].run(*step.counts[step.drawer]))
        count = len(step.layout.stretches)
        drafts = [self._draft(step, rows, histories, draft) for draft in range(count)]
        verify = [self._verify(step, rows, draws, count - fed) for fed in range(count + 1)]
        return self._stage.launch(first, drafts, verify, often=often)

    def _begin(self, step: Counted) -> list[Part]:
        """What the last flight left is put in its place, and what runs as one side by side."""
        parts = []
        if self._ahead is not None:
            parts.append(self._stage.record(partial(self._ahead.begin, step)))
        if step.pair is not None:
            parts.append(step.pair.join(step.counts[Role.EXPERT][0]))
        return parts

    def _draft(self, step: Counted, rows: SampleRows, histories: list[Tensor], draft: int) -> Draft:
        """Draw from the rows before, tell those who read it, and run the rows that do."""
        assert step.drawer is not None
        drawer, stretches, drafts = self._forwards[step.drawer], step.layout.stretches, self._drafts
        begin, count = stretches[draft]
        before = stretches[draft - 1][0] if draft else 0
        drawn, tokens = drafts.draws(draft, count), drafts.tokens(draft, count)
        index = drafts.index(draft, count, len(self._forwards) - 1)
        draw: list[Part] = []
        logits = drawer.logits(before, count)
        if step.alone and self._remembered is not None:
            recalled, logits = self._remembered.recalled(step.drawer, draft, before)
            draw.append(recalled)
        draw.append(self._stage.sample([logits], rows, before, drawn))
        words = self._words
        draw.append(self._stage.record(lambda ops: ops.place(tokens, index, words)))
        if histories:
            spots, history = histories[draft], rows.history
            draw.append(self._stage.record(lambda ops: ops.place(tokens, spots, history)))
        return draw, [drawer.feed(draft + 1, count, begin)], drawn.margins

    def _verify(
        self, step: Counted, rows: SampleRows | None, draws: SampleDraws, unfed: int
    ) -> list[Part]:
        """Every other role over all rows, then the sampler; less what was not fed, if it can be."""
        less = unfed if step.alone else 0
        parts = [
            self._run(step, role, count - less, heads - less)
            for role, (count, heads) in step.counts.items()
            if count and role is not step.drawer and not (step.pair and role is PROXIES[1])
        ]
        if rows is not None:
            heads = (len(step.layout.rows) - less, *(step.layout.fused - less,) * 2)
            roles = step.counts if step.layout.fused else (Role.BASE,)
            logits = [self._logits(step, r, n) for r, n in zip(roles, heads, strict=False)]
            parts.append(self._stage.sample(logits, rows, 0, draws))
            if step.alone and step.drawer is not None and self._remembered is not None:
                parts.append(self._remembered.remember(step.drawer, heads[0]))
            if self._ahead is not None:
                parts.append(self._stage.record(partial(self._ahead.end, draws.tokens)))
        return parts

    def _run(self, step: Counted, role: Role, count: int, heads: int) -> Part:
        """A role's forward; the first proxy's is that of both where they run as one."""
        if step.pair is not None and role in PROXIES:
            return step.pair.run(count)
        return self._forwards[role].run(count, heads)

    def _logits(self, step: Counted, role: Role, count: int) -> Tensor:  # [count, V]
        """Those of the step's own rows."""
        if step.pair is not None and role in PROXIES:
            return step.pair.logits(role, count)
        return self._forwards[role].logits(0, count)
