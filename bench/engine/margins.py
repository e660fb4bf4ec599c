"""What says that a draft will hold: its probability, or the margin by which it was drawn.

    python -m bench.engine.margins

The demo trio writes held-out code without drafts. At each token the expert's draft is what it would
have drawn there from Hugging Face's float32 logits with the noise of that position; it holds if it
is the token that was written. `auc`: how often one that held scores above one that did not.
"""

from __future__ import annotations

import argparse
from math import exp, log1p
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from bench.engine.options import command
from bench.harness import save
from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.demo.material import gather
from proxyfuse.speculation.acceptance import chance_to_hold
from proxyfuse_kernels.proxy_sample.noise import gumbel, random_bits

TEMPERATURES = (0.0, 0.8)
READ, WRITTEN, SEED = 64, 96, 1
PARTS = 8  # of all drafts, by margin
STEEPNESSES = [0.1 * step for step in range(1, 101)]


class Draft(NamedTuple):
    """One draft: how likely its model found it, how far it led, whether it held."""

    probability: float
    margin: float
    held: bool


def drafts_of(logits: Tensor, tokens: list[int], temperature: float) -> list[Draft]:
    """logits: [T, V] float32 of the expert, each before the token of its place."""
    found = []
    for position, (row, token) in enumerate(zip(logits, tokens, strict=True)):
        scores = row
        if temperature > 0:
            seed, stream, at = (torch.tensor([value]) for value in (SEED, 0, position))
            scores = row / temperature + gumbel(random_bits(seed, stream, at, len(row))[0])
        (best, second), (drawn, _) = scores.topk(2)
        probability = float(row.softmax(0)[drawn])
        found.append(Draft(probability, float(best - second), int(drawn) == token))
    return found


def auc(scores: list[float], held: list[bool]) -> float:
    """The share of pairs of one that held and one that did not that are in order."""
    ranked = sorted(range(len(scores)), key=lambda at: scores[at])
    below = wrong = 0
    for at in ranked:
        if held[at]:
            below += wrong
        else:
            wrong += 1
    return below / (wrong * (len(held) - wrong))


def fitted(drafts: list[Draft]) -> float:
    """The likeliest steepness of 1 / (1 + exp(-steepness * margin)), to a tenth."""

    def likelihood(steepness: float) -> float:
        return sum(
            -log1p(exp(-steepness * one.margin)) - (0 if one.held else steepness * one.margin)
            for one in drafts
        )

    return max(STEEPNESSES, key=likelihood)


def figures(drafts: list[Draft]) -> dict[str, Any]:
    """What a record keeps of one temperature."""
    held, ranked = [one.held for one in drafts], sorted(drafts, key=lambda one: one.margin)
    steepness, size = fitted(drafts), len(drafts) / PARTS
    parts = [ranked[round(size * at) : round(size * (at + 1))] for at in range(PARTS)]
    return {
        "drafts": len(drafts),
        "held": fmean(held),
        "auc_probability": auc([one.probability for one in drafts], held),
        "auc_margin": auc([one.margin for one in drafts], held),
        "steepness": steepness,
        "parts": [
            {
                "margin": [part[0].margin, part[-1].margin],
                "held": fmean(one.held for one in part),
                "fitted": fmean(chance_to_hold(steepness * one.margin) for one in part),
            }
            for part in parts
        ],
    }


def main() -> None:
    """Write, redraw, compare, save."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    prompts = [window[:READ] for window in gather(0, 1).windows["code"]]
    roles = [model_folder(role) for role in ("base", "expert", "antiexpert")]
    expert = AutoModelForCausalLM.from_pretrained(roles[1], dtype=torch.float32)
    found = {}
    with LLM(*roles, device="cpu", dtype="float32", speculate=0) as llm, torch.inference_mode():
        for temperature in TEMPERATURES:
            params = SamplingParams(
                temperature=temperature, max_tokens=WRITTEN, seed=SEED, ignore_eos=True
            )
            drafts: list[Draft] = []
            for prompt, output in zip(prompts, llm.generate(prompts, params), strict=True):
                tokens = output.outputs[0].token_ids
                logits = expert(torch.tensor([[*prompt, *tokens]])).logits[0, READ - 1 : -1]
                drafts += drafts_of(logits.float(), tokens, temperature)
            found[f"temperature {temperature:g}"] = figures(drafts)
    for name, its in found.items():
        by = f"by probability {its['auc_probability']:.3f}, by margin {its['auc_margin']:.3f}"
        print(f"{name}: {its['held']:.3f} hold; auc {by}; steepness {its['steepness']:.1f}")
        for part in its["parts"]:
            print("  {:.2f} to {:.2f}: {held:.3f} ({fitted:.3f})".format(*part["margin"], **part))
    save("margins", command("bench.engine.margins"), {"settings": found})


if __name__ == "__main__":
    main()
