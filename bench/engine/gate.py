"""Nothing is timed that is not right: what a rival writes, against Hugging Face's float32 model.

Every token that it writes is looked up in the rows that the reference computes for the same
history, each text in one forward without a cache, so that no rival is its own judge. In float32 the
token must be the row's largest: by induction, the whole text is the reference's. In a narrower type
it may fall short of the largest logit by 4 e, where e is the largest error that Hugging Face's
model makes on these rows in that type (for q8_0 and for a base in fp8: with its weights rounded to
it, in float32 or in bfloat16): a rival whose
logits are off by at most 2 e picks a token at most 2 * 2 e below the best.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.peers import hf_loop
from bench.peers.peer import Peer, Setup, Write
from bench.peers.rounded_fp8 import round_to_fp8
from proxyfuse.models.config import read_config
from proxyfuse.trio import Role, Trio

SLACK = 4
TEXTS, LENGTHS, WRITTEN = 3, (2, 40), 8  # prompts of the check, their lengths, tokens after each


class WrongOutputError(Exception):
    """A rival, or this engine, writes what the reference does not; there is nothing to time."""


def random_prompts(count: int, lengths: tuple[int, int], vocab: int, seed: int) -> list[list[int]]:
    """The same ones every time; ids that no tokenizer of ours gives a special meaning."""
    rng = random.Random(seed)
    return [[rng.randrange(3, vocab) for _ in range(rng.randint(*lengths))] for _ in range(count)]


class Gate:
    """Reference models of a trio, in float32 and in the types that rivals run in."""

    def __init__(self, folders: Trio[Path], device: str) -> None:
        self._folders = folders
        self._device = device
        self._loaded: dict[tuple[Role, str], PreTrainedModel] = {}
        self._known: dict[tuple[tuple[Role, ...], str, str], Tensor] = {}  # most write one text
        vocab = min(read_config(folder).vocab_size for folder in folders.values())
        self.prompts = random_prompts(TEXTS, LENGTHS, vocab, seed=1)

    def require_right(self, peer: Peer, setup: Setup) -> None:
        """Raise `WrongOutputError` where the peer writes anything else than it should."""
        folders = self._folders.only(peer.roles)
        if peer.exact:
            exact = replace(setup, dtype="float32")
            self._require(peer, self._written(peer.open(folders, exact)), "float32")
        if peer.dtype != "float32":
            self._require(peer, self._written(peer.open(folders, setup)), peer.dtype)

    def _written(self, opened: AbstractContextManager[Write]) -> list[list[int]]:
        with opened as write:
            return [text.ids for text in write(self.prompts, [WRITTEN] * len(self.prompts))]

    def _require(self, peer: Peer, written: Sequence[Sequence[int]], dtype: str) -> None:
        if [len(text) for text in written] != [WRITTEN] * len(self.prompts):
            raise WrongOutputError(f"{peer.name}: got {written}, want {WRITTEN} tokens of each")
        rows = self._rows(peer.roles, written, "float32")
        chosen = torch.tensor(written, device=rows.device).flatten()
        short = float((rows.max(-1).values - rows.gather(-1, chosen[:, None])[:, 0]).max())
        error = (self._rows(peer.roles, written, dtype) - rows).abs().max()
        allowed = SLACK * float(error)  # 0 in float32
        if not short <= allowed:
            raise WrongOutputError(
                f"{peer.name}, {dtype}: a token that it wrote is {short:.3g} below the likeliest"
                f" in the float32 reference, want at most {allowed:.3g}"
            )

    def _rows(
        self, roles: tuple[Role, ...], written: Sequence[Sequence[int]], dtype: str
    ) -> Tensor:  # [texts * WRITTEN, V] float32
        """The fused logits that each written token was to be chosen from."""
        key = roles, str(written), dtype
        if key not in self._known:
            self._known[key] = self._compute(roles, written, dtype)
        return self._known[key]

    @torch.inference_mode()
    def _compute(
        self, roles: tuple[Role, ...], written: Sequence[Sequence[int]], dtype: str
    ) -> Tensor:  # [texts * WRITTEN, V] float32
        found = []
        for prompt, text in zip(self.prompts, written, strict=True):
            ids = torch.tensor([[*prompt, *text[:-1]]], device=self._device)
            logits = {role: self._model(role, dtype)(ids).logits[0].float() for role in roles}
            found.append(hf_loop.fuse(logits)[-len(text) :])
        return torch.cat(found)

    def _model(self, role: Role, dtype: str) -> PreTrainedModel:
        if (role, dtype) not in self._loaded:
            stored = {"q8_0": "float32", "fp8": "bfloat16"}.get(dtype, dtype)
            model = hf_loop.load_one(self._folders[role], stored, self._device)
            if dtype == "q8_0":  # asked for only by a rival that needs the gguf package itself
                model = import_module("bench.peers.rounded").round_to_q8(model)
            if dtype == "fp8" and role is Role.BASE:
                model = round_to_fp8(model)
            self._loaded[role, dtype] = model
        return self._loaded[role, dtype]
