"""<proxyfuse/sampler.h> in a program outside the tree: the draws of Python's op, bit for bit."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from proxyfuse_kernels.proxy_sample import (
    CompiledSampler,
    SampleDraws,
    Sampler,
    SampleRows,
    reference,
)
from tests.proxyfuse_kernels.proxy_sample.batches import mixed_logits, mixed_rows, told

TYPES = [torch.float32, torch.bfloat16, torch.float16]  # in the order of LogitType
FLOATS = ("alpha", "temperature", "top_p", "min_p", "repetition", "presence", "frequency")
TOP = 3
Batch = tuple[int, list[Tensor], SampleRows]


def values(code: str, *numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def logits_bytes(logits: Tensor | None) -> bytes:
    """A role as replay.cpp reads it: type, rows, stride, and every byte of its memory."""
    if logits is None:
        return values("q", 0, 0, 0, 0)
    rows, stride = logits.shape[0], logits.stride(0)
    memory = logits.as_strided((rows * stride,), (1,)).view(torch.uint8).numpy().tobytes()
    return values("q", TYPES.index(logits.dtype), rows, stride, len(memory)) + memory


def row_bytes(rows: SampleRows, s: int) -> bytes:
    start, split, end = (
        int(x[s]) for x in (rows.history_start, rows.history_split, rows.history_end)
    )
    assert rows.allowed is not None and rows.allowed_row is not None
    assert rows.given is not None and rows.is_given is not None
    mask = rows.allowed[rows.allowed_row[s]]
    mask = mask[:0] if (mask == -1).all() else mask
    first, last = rows.bias_start[s : s + 2].tolist()
    bias = zip(
        rows.bias_ids[first:last].tolist(), rows.bias_values[first:last].tolist(), strict=True
    )
    prompt, generated = rows.history[start:split], rows.history[split:end]
    return b"".join(
        [
            values("f", *(float(getattr(rows, name)[s]) for name in FLOATS)),
            values("i", int(rows.top_k[s]), int(rows.stream[s]), int(rows.position[s])),
            values("q", int(rows.seed[s])),
            values("i", int(rows.given[s]) if rows.is_given[s] else -1),
            values("q", len(prompt)) + prompt.numpy().tobytes(),
            values("q", len(generated)) + generated.numpy().tobytes(),
            values("q", last - first) + b"".join(struct.pack("<if", *pair) for pair in bias),
            values("q", len(mask)) + mask.numpy().tobytes(),
        ]
    )


def batch_bytes(batch: Batch, threads: int, instruction_set: int) -> bytes:
    vocab, logits, rows = batch
    roles = [*logits, None, None][:3]
    return b"".join(
        [
            values("q", vocab, threads, instruction_set, TOP),
            *map(logits_bytes, roles),
            *(row_bytes(rows, s) for s in range(logits[0].shape[0])),
        ]
    )


def draws_of(answer: memoryview, count: int, top: int) -> tuple[SampleDraws, memoryview]:
    """The draws at the front of what replay.cpp wrote, and what follows them."""
    row = struct.Struct(f"<3i5f{top}i{top}f")
    found = [row.unpack_from(answer, s * row.size) for s in range(count)]
    ints = torch.tensor([x[:3] for x in found], dtype=torch.int32)
    floats = torch.tensor([x[3:8] for x in found])
    draws = SampleDraws(
        tokens=ints[:, 0],
        finite=ints[:, 1].bool(),
        ranks=ints[:, 2],
        logprobs=floats[:, 0],
        logsumexp=floats[:, 1],
        role_logprobs=floats[:, 2:],
        top_ids=torch.tensor([x[8 : 8 + top] for x in found], dtype=torch.int32),
        top_logprobs=torch.tensor([x[8 + top :] for x in found]),
    )
    return draws, answer[count * row.size :]


def replay(programs: Path, batches: Sequence[Batch]) -> list[SampleDraws]:
    """What the program draws, each batch with another team and instruction set."""
    asked = b"".join(
        batch_bytes(batch, threads=1 + i % 3, instruction_set=i // 3)
        for i, batch in enumerate(batches)
    )
    done = subprocess.run([programs / "replay"], input=asked, capture_output=True, check=True)
    rest, drawn = memoryview(done.stdout), []
    for vocab, logits, _ in batches:
        draws, rest = draws_of(rest, logits[0].shape[0], min(TOP, vocab))
        drawn.append(draws)
    assert not rest
    return drawn


def random_batch(seed: int, vocab: int, count: int) -> Batch:
    """Rows of every kind and wish; every mask allows at least one id, as the header demands."""
    dice = torch.Generator().manual_seed(seed)
    types = [TYPES[i] for i in torch.randint(3, (3,), generator=dice).tolist()]
    types = types if seed % 2 else types[:1] * 3
    fused = int(torch.randint(count + 1, (1,), generator=dice))
    logits = mixed_logits(count, fused, vocab, types, dice)
    rows = mixed_rows(count, vocab, dice)
    assert rows.allowed is not None
    rows.allowed[:, 0] |= 1
    return vocab, logits, replace(rows, allowed=rows.allowed)


BATCHES = [
    random_batch(seed, vocab, count)
    for vocab, counts in {1: 4, 5: 12, 111: 12, 4097: 6, 32000: 3, 32001: 3}.items()
    for seed, count in enumerate([1, 3, 8, 2, 5, 16, 4, 1, 9, 2, 3, 7][:counts])
]


@pytest.fixture(scope="module")
def drawn(programs: Path) -> list[SampleDraws]:
    return replay(programs, BATCHES)


def check(drawn: list[SampleDraws], op: Callable[..., SampleDraws], tolerance: float) -> None:
    """Tokens, flags, ranks and order to the bit, log-probabilities to the tolerance."""
    for got, (vocab, logits, rows) in zip(drawn, BATCHES, strict=True):
        expected = op(logits, rows, vocab=vocab)
        numbers, wanted = told(got), told(expected)
        assert numbers.keys() == wanted.keys()
        for name, b in wanted.items():
            a = numbers[name]
            slack = tolerance if b.is_floating_point() else 0.0
            torch.testing.assert_close(a, b, rtol=slack, atol=slack, equal_nan=True)


def test_draws_are_those_of_the_plain_version(drawn: list[SampleDraws]) -> None:
    def plain(logits: list[Tensor], rows: SampleRows, *, vocab: int) -> SampleDraws:
        return reference.proxy_sample(logits, rows, vocab=vocab, top=TOP, ranks=True, roles=True)

    check(drawn, plain, tolerance=1e-5)


@pytest.mark.skipif(CompiledSampler is None, reason="the Python module is not built")
def test_bits_are_those_of_the_compiled_op(drawn: list[SampleDraws]) -> None:
    def compiled(logits: list[Tensor], rows: SampleRows, *, vocab: int) -> SampleDraws:
        return Sampler(vocab)(logits, rows, top=TOP, ranks=True, roles=True)

    check(drawn, compiled, tolerance=0.0)


@pytest.mark.parametrize("build", ["programs", "sanitized"])
@pytest.mark.parametrize("program", ["mistakes", "conduct"])
def test_what_a_caller_may_rely_on(
    build: str, program: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(build) / program
    done = subprocess.run([path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
