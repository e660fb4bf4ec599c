"""A trio's checkpoints: what their weights take, from their headers, and the decoders of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from proxyfuse.models.config import ModelConfig
from proxyfuse.models.decoder import Decoder
from proxyfuse.models.loading import load_weights, weights_bytes
from proxyfuse.models.pair import load_pair
from proxyfuse.models.weights import Weights, member
from proxyfuse.trio import PROXIES, Role, Trio


class Decoders(NamedTuple):
    """Each role's, and that of both proxies where their weights lie side by side."""

    own: Trio[Decoder]
    pair: Decoder | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """Folders, and how their weights are to be held.

    A folder named twice is loaded once on each device, in one way; but where proxies' weights lie
    side by side, they have nothing in common with others.
    """

    folders: Trio[Path]
    models: Trio[ModelConfig]
    dtype: torch.dtype
    kept: Trio[str | None]  # the quantisation of each role's weights
    seeds: Trio[int | None]  # that weights are drawn from; None: read from files
    at: Trio[torch.device]
    paired: bool  # proxies' weights lie side by side

    def read_bytes(self) -> Trio[int]:
        """What a pass of each role reads."""
        return Trio({role: self._bytes(role) for role in self.folders})

    def distinct_bytes(self) -> Trio[int]:
        """What each role adds."""
        seen: set[tuple[object, ...]] = set()
        sizes = {}
        for role in self.folders:
            sizes[role] = 0 if self._key(role) in seen else self._bytes(role)
            seen.add(self._key(role))
        return Trio(sizes)

    def load(self, longest: int) -> Decoders:
        """Read the weights; `longest`: tokens of a lane."""
        weights: dict[tuple[object, ...], Weights] = {}
        decoders = {}
        for role in (Role.BASE,) if self.paired else self.folders.roles:
            key, model = self._key(role), self.models[role]
            if key not in weights:
                how = (self.dtype, self.at[role], self.kept[role])
                seed = self.seeds[role]
                weights[key] = load_weights(self.folders[role], model, *how, seed=seed)
            decoders[role] = Decoder(model, weights[key], longest)
        if not self.paired:
            return Decoders(Trio(decoders), None)
        pair = self._load_pair(longest)
        proxies = {role: pair.over(member(pair.weights, i)) for i, role in enumerate(PROXIES)}
        return Decoders(Trio(decoders | proxies), pair)

    def _load_pair(self, longest: int) -> Decoder:
        folders = [self.folders[role] for role in PROXIES]
        models = [self.models[role] for role in PROXIES]
        seeds = [self.seeds[role] for role in PROXIES]
        weights = load_pair(folders, models, self.dtype, self.at[Role.EXPERT], seeds)
        return Decoder(models[0], weights, longest)

    def _key(self, role: Role) -> tuple[object, ...]:
        """Roles of one key have one copy of their weights."""
        alone = role if self.paired else None
        folder, seed = self.folders[role].resolve(), self.seeds[role]
        return folder, seed, self.kept[role], self.at[role], alone

    def _bytes(self, role: Role) -> int:
        how = (self.dtype, self.kept[role], self.seeds[role])
        return weights_bytes(self.folders[role], self.models[role], *how)
