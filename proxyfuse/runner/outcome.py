"""What a step's samples and drafts leave: memory on the device, and where it comes up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from proxyfuse.plan import Sample
from proxyfuse.runner.device import Device
from proxyfuse.runner.landing import Landing
from proxyfuse.runner.staging import Fields
from proxyfuse_kernels.proxy_sample import SampleDraws

ALWAYS = ("tokens", "logprobs", "logsumexp", "finite")
ASKED = ("ranks", "role_logprobs")  # where log-probabilities are wanted
TOPS = (20, 1000)  # likeliest tokens of a row; there is memory for either number


class Risen(NamedTuple):
    """On the host, once the flight has landed."""

    draws: SampleDraws
    ids: Tensor  # [drafts, sequences] int32, as they were drawn
    logprobs: Tensor  # [drafts, sequences] float32, under the model that drew them


class Outcome:
    """The buffers, for up to so many rows of the sampler, and drafts of so many sequences."""

    def __init__(
        self, samples: int, drafts: int, sequences: int, vocab: int, device: Device | None
    ) -> None:
        self._samples = samples
        self._vocab = vocab
        self._device = device
        self._fixed = Landing(_fields(samples, drafts, sequences), device)
        self.ids = self._fixed.device["draft.ids"]
        self.logprobs = self._fixed.device["draft.logprobs"]
        self._tops = {most: Landing(_top_fields(samples, most), device) for most in TOPS}
        self._made: dict[tuple[int, bool], SampleDraws] = {}

    def draws(self, samples: list[Sample]) -> SampleDraws:
        """Memory on the device for what the samples report: the same whenever that is the same."""
        wanted = [_likeliest(sample) for sample in samples]
        more = any(count is not None for count in wanted)
        top = min(max((count or 0 for count in wanted), default=0), self._vocab)
        if (top, more) not in self._made:
            tops = self._landing(top).device if top else {}
            self._made[top, more] = self._draws(self._fixed.device, tops, top, more)
        return self._made[top, more]

    def rise(self, draws: SampleDraws) -> Risen:
        """Begin the copy up of what was drawn into `draws`, and of the drafts."""
        if self._device is None:
            return Risen(draws, self.ids, self.logprobs)
        fixed = self._fixed.rise()
        top = 0 if draws.top_ids is None else draws.top_ids.shape[1]
        tops = self._landing(top).rise() if top else {}
        risen = self._draws(fixed, tops, top, draws.ranks is not None)
        return Risen(risen, fixed["draft.ids"], fixed["draft.logprobs"])

    def _landing(self, top: int) -> Landing:
        return self._tops[next(most for most in TOPS if top <= most)]

    def _draws(
        self, fixed: Mapping[str, Tensor], tops: Mapping[str, Tensor], top: int, more: bool
    ) -> SampleDraws:
        names = (*ALWAYS, *(ASKED if more else ()))
        shape = (self._samples, top)
        wide = {name: flat[: self._samples * top].view(shape) for name, flat in tops.items()}
        return SampleDraws(**{name: fixed[name] for name in names}, **wide)


def _fields(samples: int, drafts: int, sequences: int) -> Fields:
    return {
        "tokens": ((samples,), torch.int32),
        "logprobs": ((samples,), torch.float32),
        "logsumexp": ((samples,), torch.float32),
        "finite": ((samples,), torch.bool),
        "ranks": ((samples,), torch.int32),
        "role_logprobs": ((samples, 3), torch.float32),
        "draft.ids": ((drafts, sequences), torch.int32),
        "draft.logprobs": ((drafts, sequences), torch.float32),
    }


def _top_fields(samples: int, top: int) -> Fields:
    return {
        "top_ids": ((samples * top,), torch.int32),
        "top_logprobs": ((samples * top,), torch.float32),
    }


def _likeliest(sample: Sample) -> int | None:
    """The most of the likeliest tokens that a row of it reports; None: no log-probabilities."""
    params = sample.sequence.params
    of_prompt = params.prompt_logprobs if sample.row < 0 else None
    drawn = params.logprobs if sample.row + sample.count > 0 else None
    return max((count for count in (of_prompt, drawn) if count is not None), default=None)
