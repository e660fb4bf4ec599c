"""The decoder, in pages and chunks, against Hugging Face's models over whole texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from proxyfuse.models.config import read_config
from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.models.loading import load_weights
from proxyfuse.models.reference import next_logits
from proxyfuse_kernels.ops import Ops
from proxyfuse_kernels.reference import ReferenceOps
from tests.tiny import FAMILIES, make_model

PER_PAGE, PAGES = 5, 24
LENGTHS = (23, 4, 17)


def texts(vocab: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(vocab, (n,), generator=generator) for n in LENGTHS]


def decode(folder: Path, dtype: torch.dtype, chunk: int) -> list[Tensor]:
    """Each text's logits [n, V], all texts at once, `chunk` tokens of each at a time."""
    config = read_config(folder)
    decoder = Decoder(config, load_weights(folder, config, dtype))
    work = allocate_work(config, chunk * len(LENGTHS), chunk * len(LENGTHS), dtype)
    for buffer in (getattr(work, name) for name in work.__slots__):
        buffer.fill_(torch.nan)
    shape = (PAGES, config.num_layers, 2, PER_PAGE, config.num_kv_heads, config.head_dim)
    arena = torch.full((PAGES, 2, *shape[1:]), torch.nan, dtype=dtype)
    kv = arena[:, 1]  # strided over pages, as another role's bytes lie between
    table = torch.randperm(PAGES).view(len(LENGTHS), -1).int()
    got: list[list[Tensor]] = [[] for _ in LENGTHS]
    ids = texts(config.vocab_size)
    for start in range(0, max(LENGTHS), chunk):
        parts = [(lane, n) for lane, n in enumerate(LENGTHS) if start < n]
        at = [(lane, torch.arange(start, min(start + chunk, n))) for lane, n in parts]
        rows = Rows(
            ids=torch.cat([ids[lane][p] for lane, p in at]).int(),
            positions=torch.cat([p for _, p in at]).int(),
            slots=torch.cat([slots(table[lane], p) for lane, p in at]),
            lanes=torch.cat([torch.full_like(p, lane) for lane, p in at]).int(),
            page_table=table,
            samples=torch.arange(sum(len(p) for _, p in at)).flip(0).int(),
        )
        logits = decoder.forward(ReferenceOps(), rows, kv, work).flip(0).clone()
        for (lane, _), part in zip(at, logits.split([len(p) for _, p in at]), strict=True):
            got[lane].append(part)
    return [torch.cat(parts) for parts in got]


class Tape:
    """`Ops` that only writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **options: self.calls.append((name, args, options))

    def play(self) -> None:
        for name, args, options in self.calls:
            getattr(ReferenceOps, name)(*args, **options)


def slots(pages: Tensor, positions: Tensor) -> Tensor:
    return (pages[positions // PER_PAGE] * PER_PAGE + positions % PER_PAGE).int()


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_paged_and_dense_logits_are_hugging_faces(family: str, tmp_path: Path) -> None:
    model = make_model(tmp_path, family)
    config = read_config(tmp_path)
    weights = load_weights(tmp_path, config, torch.float32)
    for ids, got in zip(texts(301), decode(tmp_path, torch.float32, chunk=6), strict=True):
        want = model(ids[None]).logits[0]
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            next_logits(config, weights, ids.tolist()), want[-1], rtol=1e-4, atol=1e-4
        )
        assert want.std() > 1 and len(want.argmax(-1).unique()) > 1  # something is at stake


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_errs_at_most_twice_as_much_as_hugging_faces(family: str, tmp_path: Path) -> None:
    model = make_model(tmp_path, family, dtype=torch.bfloat16)
    ours = decode(tmp_path, torch.bfloat16, chunk=9)
    theirs = [model(ids[None]).logits[0].float() for ids in texts(301)]
    exact = [model.float()(ids[None]).logits[0] for ids in texts(301)]
    error, allowed = (
        (torch.cat(got) - torch.cat(exact)).square().mean().sqrt() for got in (ours, theirs)
    )
    assert 0 < error <= 2 * allowed


@torch.inference_mode()
@pytest.mark.parametrize("family", ["llama-biased", "mistral", "qwen3"])
def test_chunks_change_no_bit(family: str, tmp_path: Path) -> None:
    make_model(tmp_path, family, dtype=torch.bfloat16)
    whole = decode(tmp_path, torch.bfloat16, chunk=max(LENGTHS))
    for chunk in (1, 5):
        parts = decode(tmp_path, torch.bfloat16, chunk)
        assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


@torch.inference_mode()
def test_a_recorded_forward_replays_on_the_ids_it_then_finds(tmp_path: Path) -> None:
    make_model(tmp_path, "qwen3")
    config = read_config(tmp_path)
    decoder = Decoder(config, load_weights(tmp_path, config, torch.float32), positions=9)
    work = allocate_work(config, 8, 8, torch.float32)
    kv = torch.full((2, config.num_layers, 2, PER_PAGE, 2, config.head_dim), torch.nan)
    table = torch.tensor([[1, 0]], dtype=torch.int32)
    at = torch.arange(7).int()
    rows = Rows(
        ids=torch.zeros(7, dtype=torch.int32),
        positions=at,
        slots=slots(table[0], at),
        lanes=torch.zeros_like(at),
        page_table=table,
        samples=torch.tensor([6], dtype=torch.int32),
    )
    tape = Tape()
    logits = decoder.forward(cast(Ops, tape), rows, kv, work)
    ids = texts(config.vocab_size)[0][:7]
    rows.ids.copy_(ids)
    tape.play()
    expected = next_logits(config, decoder.weights, ids.tolist())
    torch.testing.assert_close(logits[0], expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_rows_of_which_none_is_sampled_only_fill_their_pages(tmp_path: Path) -> None:
    make_model(tmp_path)
    config = read_config(tmp_path)
    decoder = Decoder(config, load_weights(tmp_path, config, torch.float32))
    kv = torch.full((1, config.num_layers, 2, PER_PAGE, 2, config.head_dim), torch.nan)
    zeros = torch.zeros(3, dtype=torch.int32)
    at = torch.arange(3).int()
    rows = Rows(
        ids=at, positions=at, slots=at, lanes=zeros, page_table=zeros[:1, None], samples=zeros[:0]
    )
    logits = decoder.forward(ReferenceOps(), rows, kv, allocate_work(config, 4, 2, torch.float32))
    assert logits.shape == (0, config.vocab_size)
    assert kv[:, :, :, :3].isfinite().all() and kv[:, :, :, 3:].isnan().all()
