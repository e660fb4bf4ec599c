"""What each row of the sampler asks for, as tensors: the plan's samples in the op's own terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

import numpy as np
import torch
from torch import Tensor

from proxyfuse.plan import Sample
from proxyfuse.runner.device import Device
from proxyfuse.runner.layout import Layout
from proxyfuse.runner.staging import Fields, Staging
from proxyfuse.sampling import SamplingParams
from proxyfuse.sequence import Sequence
from proxyfuse_kernels.proxy_sample import SampleRows

FLOATS = ("alpha", "temperature", "top_p", "min_p", "repetition", "presence", "frequency")
INTS = ("top_k", "stream", "position", "history_start", "history_split", "history_end", "given")
SPARE = 16  # rows whose columns are written beyond those of a sequence by itself


def sampler_fields(rows: int) -> Fields:
    """The arrays that have one entry a row, at their largest."""
    return {
        **dict.fromkeys(FLOATS, ((rows,), torch.float32)),
        **dict.fromkeys(INTS, ((rows,), torch.int32)),
        "seed": ((rows,), torch.int64),
        "is_given": ((rows,), torch.bool),
    }


class SamplerWriter:
    """Writes a plan's samples into staging arrays; what lasts from step to step is written once."""

    def __init__(self, staging: Staging, vocab: int, device: Device | None) -> None:
        """`device`: None where the host computes."""
        self._host = staging.host
        self._device = staging.device
        self._vocab = vocab
        self._to = device
        self._at = staging.words.device
        self._most = len(self._host["alpha"])  # rows
        self._last: list[Sequence] = []
        self._kept: SampleRows | None = None  # of `_kept_of`, where only positions change
        self._kept_of: list[Sequence] = []
        self._histories: dict[Sequence, int] = {}  # where the generated tokens of each begin
        self._spare = 0  # the last word of the history
        self.plain = self._plain()  # all rows, of sequences that ask for nothing that has a length

    def write(self, samples: list[Sample], layout: Layout) -> SampleRows:
        """The rows of one step, or more of them; tensors are views that the next call overwrites.

        The same object as before means that nothing but positions changed.
        """
        rows = layout.rows
        sequences = [sequence for sequence, _ in rows]
        if sequences != self._last[: len(rows)]:
            # one by itself may draft more the next time
            spare = min(SPARE, self._most - len(rows)) if len(samples) == 1 else 0
            self._last, self._kept = sequences + sequences[:1] * spare, None
            self._write_lasting(self._last)
        self._host["position"][: len(rows)] = [row for _, row in rows]
        if self._kept is not None and sequences == self._kept_of[: len(rows)]:
            return self._kept
        scoring = self._write_given(rows)
        if scoring or any(sequence.params.changes for sequence in sequences):
            return self._make(samples, rows, sequences, scoring)
        edited = any(_edited(sequence.params) for sequence in sequences)
        self._kept_of = sequences  # of more rows what is made of them says nothing
        self._kept = self._make(samples, rows, sequences, False) if edited else self.plain
        return self._kept

    def _plain(self) -> SampleRows:
        """Its tensors never move, so that what was recorded over them lasts."""
        count = self._most
        columns = {name: self._device[name] for name in (*FLOATS, *INTS, "seed")}
        zeros = torch.zeros(count + 1, dtype=torch.int32, device=self._at)
        histories = {name: zeros[:count] for name in columns if name.startswith("history")}
        del columns["given"]
        return SampleRows(
            **(columns | histories),
            history=zeros[:1],
            bias_ids=zeros[:0],
            bias_values=torch.zeros(0, device=self._at),
            bias_start=zeros,
        )

    def history_index(self, layout: Layout) -> list[Tensor]:
        """For each draft, where it goes in `history`: [1, count] int32; none where no row looks.

        A sequence without penalties has none: its drafts go to a last word that nobody reads.
        """
        if not any(s.sequence in self._histories for s in layout.drafting):
            return []
        spots = [
            (self._histories[s.sequence] + s.row, 1)
            if s.sequence in self._histories
            else (self._spare, 0)
            for s in layout.drafting
        ]
        return [
            self._tensor([at + step * draft for at, step in spots[:count]], torch.int32)[None]
            for draft, (_, count) in enumerate(layout.stretches)
        ]

    def _make(
        self,
        samples: list[Sample],
        rows: list[tuple[Sequence, int]],
        sequences: list[Sequence],
        scoring: bool,
    ) -> SampleRows:
        count = len(rows)
        drafts = {s.sequence: s.proposed or (0,) * s.drawn for s in samples if s.drafts}
        return SampleRows(
            **{name: self._device[name][:count] for name in (*FLOATS, *INTS[:-1], "seed")},
            history=self._tensor(self._write_history(rows, drafts), torch.int32),
            **self._bias(rows),
            **self._allowed(sequences),
            given=self._device["given"][:count] if scoring else None,
            is_given=self._device["is_given"][:count] if scoring else None,
        )

    def _write_lasting(self, sequences: list[Sequence]) -> None:
        count = len(sequences)
        columns = zip(*(_lasting(sequence) for sequence in sequences), strict=True)
        names = ("alpha", "seed", "stream", *_PARAMETERS)
        for name, column in zip(names, columns, strict=True):
            self._host[name][:count] = column

    def _write_given(self, rows: list[tuple[Sequence, int]]) -> bool:
        given = [_given(sequence, row) for sequence, row in rows]
        scoring = any(token is not None for token in given)
        if scoring:
            self._host["given"][: len(rows)] = [token or 0 for token in given]
            self._host["is_given"][: len(rows)] = [token is not None for token in given]
        return scoring

    def _write_history(
        self, rows: list[tuple[Sequence, int]], drafts: Mapping[Sequence, tuple[int, ...]]
    ) -> list[int]:
        """The tokens that penalties look at; the rows of a sequence share one stretch."""
        history: list[int] = []
        splits = self._histories = {}
        for at, (sequence, row) in enumerate(rows):
            if not sequence.params.penalised:
                self._put_history(at, 0, 0, 0)
                continue
            prompt = sequence.lanes.base.prompt
            if sequence not in splits:
                splits[sequence] = len(history) + len(prompt)
                history += [*prompt, *sequence.continuation, *drafts.get(sequence, ())]
            split = splits[sequence]
            self._put_history(at, split - len(prompt), min(split, split + row), split + row)
        self._spare = len(history)
        return [*history, 0]

    def _put_history(self, at: int, start: int, split: int, end: int) -> None:
        for name, value in (("start", start), ("split", split), ("end", end)):
            self._host[f"history_{name}"][at] = value

    def _bias(self, rows: list[tuple[Sequence, int]]) -> dict[str, Tensor]:
        ids: list[int] = []
        values: list[float] = []
        ends: list[int] = []
        for sequence, row in rows:
            bias: Mapping[int, float] = sequence.params.logit_bias
            if row < sequence.params.min_tokens:
                bias = {**bias, **dict.fromkeys(sequence.stop_ids, -inf)}
            if bias:
                ids += bias.keys()
                values += bias.values()
            ends.append(len(ids))
        return {
            "bias_ids": self._tensor(ids, torch.int32),
            "bias_values": self._tensor(values, torch.float32),
            "bias_start": self._tensor([0, *ends], torch.int32),
        }

    def _allowed(self, sequences: list[Sequence]) -> dict[str, Tensor]:
        """One mask for each distinct set of allowed ids, and one of all ones for everybody else."""
        sets = {sequence.params.allowed_token_ids for sequence in sequences}
        if sets == {None}:
            return {}
        order = {ids: at for at, ids in enumerate(sets)}
        masks = np.stack([_bitmask(ids, self._vocab) for ids in order])
        rows = [order[sequence.params.allowed_token_ids] for sequence in sequences]
        return {
            "allowed": self._tensor(masks, torch.int32),
            "allowed_row": self._tensor(rows, torch.int32),
        }

    def _tensor(self, values: list[int] | list[float] | np.ndarray, dtype: torch.dtype) -> Tensor:
        if self._to is None:
            return torch.tensor(values, dtype=dtype)
        return self._to.tensor(values, dtype)


_PARAMETERS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition": "repetition_penalty",
    "presence": "presence_penalty",
    "frequency": "frequency_penalty",
}


def _lasting(sequence: Sequence) -> tuple[float, ...]:
    """A row's values that do not change while its sequence is being written."""
    params = sequence.params
    values = {name: getattr(params, field) for name, field in _PARAMETERS.items()}
    values["temperature"] = 0.0 if params.greedy else params.temperature
    values["top_k"] = max(0, params.top_k)
    return (sequence.alpha, sequence.seed, sequence.index, *values.values())


def _given(sequence: Sequence, row: int) -> int | None:
    """The token whose log-probability is wanted at `row`; None where one is to be drawn."""
    if row < 0:
        return sequence.lanes.base.prompt[row]
    return sequence.continuation[row] if row < len(sequence.continuation) else None


def _edited(params: SamplingParams) -> bool:
    """Whether some ids are treated unlike the others, the same ones in every row."""
    return bool(params.logit_bias) or params.allowed_token_ids is not None


def _bitmask(ids: Iterable[int] | None, vocab: int) -> np.ndarray:
    """Id v is bit v % 32 of word v // 32."""
    bits = np.full(-(-vocab // 32) * 32, ids is None, dtype=np.uint8)
    if ids is not None:
        bits[list(ids)] = 1
    return np.packbits(bits, bitorder="little").view(np.int32)
