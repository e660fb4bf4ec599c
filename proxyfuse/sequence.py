"""One continuation being written, and its three lanes: plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from proxyfuse.sampling import SamplingParams
from proxyfuse.trio import Trio


class Status(Enum):
    """Where a sequence stands: queued (new or preempted), holding pages, or done."""

    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()


@dataclass(slots=True, eq=False)
class Lane:
    """One sequence inside one model. Its tokens are its own prompt, then the shared continuation.

    `pages` covers tokens [0, len(pages) * slots); of these [0, computed) are in the arena.
    `hashes` names leading full pages of its tokens, held or not: a page is hashed once, and its
    name outlives preemption. The prefix index was told of the first `published` pages.
    """

    prompt: tuple[int, ...]
    pages: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    computed: int = 0
    published: int = 0


@dataclass(slots=True, eq=False)
class Sequence:
    """One of a request's n continuations.

    Rows of the sampler are numbered by the continuation token they predict: row r sits on lane
    position `len(lane.prompt) - 1 + r` and predicts continuation[r]. `row` is the next one wanted:
    while writing it equals len(continuation); while scoring it walks over tokens already given,
    and is negative inside a prompt whose own log-probabilities are wanted.
    """

    request_id: str
    index: int  # which of the n
    params: SamplingParams
    alpha: float
    seed: int  # 64 bits, shared by the n
    lanes: Trio[Lane]  # the base alone where alpha is 0
    stop_ids: frozenset[int] = frozenset()  # eos of every role, and stop_token_ids
    limit: int = 2**31  # the most tokens of the continuation
    continuation: list[int] = field(default_factory=list)
    row: int = 0
    ahead: int = 0  # rows of the sampler that were planned and are not settled
    given: int = 0  # this many continuation tokens were given to be scored; 0 while writing
    cacheable: bool = True  # prefix-cache hits allowed (not where prompt rows are wanted)
    salt: bytes = b""  # sequences share pages only with sequences of the same salt
    status: Status = Status.WAITING
    arrival: int = 0  # numbered by the scheduler; preemption takes the latest first

    @property
    def reach(self) -> int:
        """The next row to plan, if every row that was planned adds a token."""
        return self.row + self.ahead

    def length(self, lane: Lane) -> int:
        """Tokens the lane has in all, computed or not."""
        return len(lane.prompt) + len(self.continuation)

    def front(self, lane: Lane) -> int:
        """The lane position of the next row wanted, as far on as it may turn out to be.

        Lane tokens [0, front) may be computed in any step. Rows [row, row + count) sit on positions
        [front, front + count), which all lanes compute in the one step that samples them: so a
        slice stops at `front` or before it, or at `front + count` in a step that samples.
        """
        return len(lane.prompt) - 1 + self.reach

    def fronts(self) -> list[int]:
        """`front` of every lane, in role order."""
        last = self.reach - 1
        return [len(lane.prompt) + last for lane in self.lanes.values()]

    def tokens(self, lane: Lane, start: int, stop: int) -> list[int]:
        """The lane's tokens in [start, stop)."""
        cut = len(lane.prompt)
        if start >= cut:
            return self.continuation[start - cut : stop - cut]
        return [*lane.prompt[start:stop], *self.continuation[: max(0, stop - cut)]]
