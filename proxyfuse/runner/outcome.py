"""What a step's samples and drafts leave: memory on the device, and where it comes up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from proxyfuse.plan import Sample
from proxyfuse.runner.device import Device
from proxyfuse.runner.landing import Landing
from proxyfuse.runner.staging import Field, Fields
from proxyfuse_kernels.proxy_sample import SampleDraws

ALWAYS = ("tokens", "logprobs", "logsumexp", "finite")
ASKED = ("ranks", "role_logprobs")  # where log-probabilities are wanted
TOPS = (20, 1000)  # likeliest tokens of a row; there is memory for either number


A = TypeVar("A", Tensor, np.ndarray)


class Risen(NamedTuple):
    """On the host, once the flight has landed: what `SampleDraws` and the drafts have, by name."""

    fixed: Mapping[str, np.ndarray]
    tops: Mapping[str, np.ndarray]  # of the likeliest tokens, where they are wanted
    more: bool  # whether ranks and the roles' log-probabilities were wanted


class Outcome:
    """The buffers, for up to so many rows of the sampler, and drafts of so many sequences."""

    def __init__(
        self, samples: int, drafts: int, sequences: int, vocab: int, device: Device | None
    ) -> None:
        self._samples = samples
        self._vocab = vocab
        fields = _fields(samples, drafts, sequences)
        if device is None:  # kernels of devices tell no margins
            fields["draft.margins"] = fields["draft.ids"][0], torch.float32
        self._fixed = Landing(fields, device)
        self.ids = self._fixed.device["draft.ids"]
        self.margins = self._fixed.device.get("draft.margins")
        self._tops = {most: Landing(_top_fields(samples, most), device) for most in TOPS}
        self._made: dict[tuple[int, bool], SampleDraws] = {}

    def draws(self, samples: list[Sample]) -> SampleDraws:
        """Memory on the device for what the samples report: the same whenever that is the same."""
        wanted = [_likeliest(sample) for sample in samples]
        more = any(count is not None for count in wanted)
        top = min(max((count or 0 for count in wanted), default=0), self._vocab)
        if (top, more) not in self._made:
            fixed, names = self._fixed.device, (*ALWAYS, *(ASKED if more else ()))
            tops = _wide(self._landing(top).device, self._samples, top) if top else {}
            made = SampleDraws(**{name: fixed[name] for name in names}, **tops)
            self._made[top, more] = made
        return self._made[top, more]

    def rise(self, draws: SampleDraws) -> Risen:
        """Begin the copy up of what was drawn into `draws`, and of the drafts."""
        top = 0 if draws.top_ids is None else draws.top_ids.shape[1]
        tops = _wide(self._landing(top).rise(), self._samples, top) if top else {}
        return Risen(self._fixed.rise(), tops, draws.ranks is not None)

    def _landing(self, top: int) -> Landing:
        return self._tops[next(most for most in TOPS if top <= most)]


def _wide(flat: Mapping[str, A], samples: int, top: int) -> dict[str, A]:
    """The arrays as [samples, top]."""
    return {name: array[: samples * top].reshape(samples, top) for name, array in flat.items()}


def _fields(samples: int, drafts: int, sequences: int) -> dict[str, Field]:
    return {
        "tokens": ((samples,), torch.int32),
        "logprobs": ((samples,), torch.float32),
        "logsumexp": ((samples,), torch.float32),
        "finite": ((samples,), torch.bool),
        "ranks": ((samples,), torch.int32),
        "role_logprobs": ((samples, 3), torch.float32),
        "draft.ids": ((drafts, sequences), torch.int32),
    }


def _top_fields(samples: int, top: int) -> Fields:
    return {
        "top_ids": ((samples * top,), torch.int32),
        "top_logprobs": ((samples * top,), torch.float32),
    }


def _likeliest(sample: Sample) -> int | None:
    """The most of the likeliest tokens that a row of it reports; None: no log-probabilities."""
    params = sample.sequence.params
    if params.logprobs is None and params.prompt_logprobs is None:
        return None
    of_prompt = params.prompt_logprobs if sample.row < 0 else None
    drawn = params.logprobs if sample.row + sample.count > 0 else None
    return max((count for count in (of_prompt, drawn) if count is not None), default=None)
