"""Kernels over raw addresses. Types: 0 float32, 1 bfloat16, 2 float16. Strides in elements."""

from typing import Any

Sampler: Any  # untyped so that a build without it can have None in its place

def isas() -> list[str]:
    """Instruction sets that this machine runs, the fastest first."""

class Team:
    """`threads` threads, the caller of `run` among them; the others park between runs.

    They stay awake for `spin_us` microseconds first, so that the next run begins at once. They
    start with the first run, and again in a forked child. ValueError for fewer than one.
    """

    def __init__(self, threads: int, spin_us: int = 1000) -> None: ...
    @property
    def threads(self) -> int: ...

class Tape:
    """Operations recorded over fixed buffers, replayed by a team in one parallel region."""

    def __init__(self, isa: str) -> None: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
    def run(self, team: Team) -> None: ...
    def embed(
        self, ids: int, table: int, out: int, rows: int, width: int, out_stride: int, type: int
    ) -> None: ...
    def rms_norm(
        self,
        x: int,
        weight: int,
        out: int,
        rows: int,
        width: int,
        x_stride: int,
        out_stride: int,
        eps: float,
        type: int,
        out_type: int,
    ) -> None: ...
    def linear(
        self,
        x: int,
        weight: int,
        scales: int,
        bias: int,
        out: int,
        rows: int,
        inputs: int,
        outputs: int,
        x_stride: int,
        out_stride: int,
        type: int,
        out_type: int,
        add: bool,
    ) -> None: ...
    def select(
        self,
        x: int,
        rows: int,
        out: int,
        count: int,
        width: int,
        x_stride: int,
        out_stride: int,
    ) -> None: ...
    def place(self, tokens: int, index: int, out: int, count: int, targets: int) -> None: ...
    def recall(
        self,
        logits: int,
        out: int,
        hindsight: tuple[int, ...],
        count: int,
        logits_stride: int,
        out_stride: int,
        trust: float,
    ) -> None: ...
    def remember(
        self,
        logits: tuple[int, ...],
        strides: tuple[int, ...],
        alpha: int,
        hindsight: tuple[int, ...],
        count: int,
        news: float,
    ) -> None: ...
    def silu_mul(
        self,
        gate_up: int,
        out: int,
        rows: int,
        width: int,
        in_stride: int,
        out_stride: int,
        type: int,
    ) -> None: ...
    def rope_append(
        self,
        qkv: int,
        positions: int,
        slots: int,
        rotation: int,
        q_norm: int,
        k_norm: int,
        cache: int,
        cache_strides: tuple[int, ...],
        slots_per_page: int,
        rows: int,
        heads: int,
        key_heads: int,
        head_size: int,
        qkv_stride: int,
        eps: float,
        type: int,
    ) -> None: ...
    def paged_attention(
        self,
        qkv: int,
        positions: int,
        lanes: int,
        page_table: int,
        out: int,
        cache: int,
        cache_strides: tuple[int, ...],
        slots_per_page: int,
        rows: int,
        heads: int,
        key_heads: int,
        head_size: int,
        qkv_stride: int,
        out_stride: int,
        table_stride: int,
        window: int,
        scale: float,
        softcap: float,
        type: int,
    ) -> None: ...

class Reel:
    """Tapes of one launch, played in one parallel region.

    `first`, then each draft (draw, feed, address of float32 margins, rows), then
    `verify[n]` after n drafts were fed. `run` returns n: drafting ends where no row's drafts have
    a sum of log(1 / (1 + exp(-steepness * m))) of `least`. ValueError unless verify has
    one more entry than drafts.
    """

    def __init__(
        self,
        first: list[Tape],
        drafts: list[tuple[list[Tape], list[Tape], int, int]],
        verify: list[list[Tape]],
    ) -> None: ...
    def run(self, team: Team, least: float, steepness: float) -> int: ...
