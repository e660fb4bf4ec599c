"""How far logits in 16 bits are from float32's: Hugging Face's and ours, on the demo trio.

    python -m bench.engine.accuracy

The measure is Hugging Face's model in float32 over the same weights rounded to 16 bits, so that all
that is left is the error of the computation. Every position of a text counts.
"""

from __future__ import annotations

import argparse
import inspect
import tempfile
import textwrap
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from bench.engine.trios import folders
from bench.harness import save
from bench.peers.hf_loop import load_one
from proxyfuse.models.config import read_config
from proxyfuse.models.decoder import Decoder, Rows, allocate_work
from proxyfuse.models.loading import load_weights
from proxyfuse.runner.team import make_team
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse_kernels.cpu import CpuOps, Tape

SLOTS = 16  # of a page


@torch.inference_mode()
def theirs(folder: Path, ids: list[int], dtype: torch.dtype) -> Tensor:  # [T, V] float32
    """Hugging Face's logits after each token, from weights stored in the folder's own type."""
    model = load_one(folder, str(dtype).removeprefix("torch."), "cpu")
    logits: Tensor = model(torch.tensor([ids])).logits[0]
    return logits.float()


@torch.inference_mode()
def ours(folder: Path, ids: list[int], dtype: torch.dtype) -> Tensor:  # [T, V] float32
    """The compiled kernels' logits after each token, in one forward."""
    config = read_config(folder)
    decoder = Decoder(config, load_weights(folder, config, dtype), len(ids))
    count = torch.arange(len(ids), dtype=torch.int32)
    pages = -(-len(ids) // SLOTS)
    rows = Rows(
        ids=torch.tensor(ids, dtype=torch.int32),
        positions=count,
        slots=count,
        lanes=torch.zeros_like(count),
        page_table=torch.arange(pages, dtype=torch.int32)[None],
        samples=count,
    )
    shape = (pages, config.num_layers, 2, SLOTS, config.num_kv_heads, config.head_dim)
    team = make_team(None)
    if team is None:
        raise RuntimeError("got no compiled kernels, want them built: they are what is measured")
    work = allocate_work(config, len(ids), len(ids), dtype)
    tape = Tape()
    logits = decoder.forward(CpuOps(tape), rows, torch.empty(shape, dtype=dtype), work)
    tape.run(team)
    return logits


def measure(folder: Path, length: int, dtype: torch.dtype) -> dict[str, float]:
    """The largest and the root-mean-square error of a logit, theirs and ours."""
    ids = Tokenizer(folder).encode(inspect.getsource(textwrap))[:length]
    with tempfile.TemporaryDirectory() as scratch:  # weights rounded once, for all three
        rounded = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        rounded.save_pretrained(scratch)
        exact = theirs(Path(scratch), ids, torch.float32)
        errors = {
            "hf": theirs(Path(scratch), ids, dtype) - exact,
            "ours": ours(Path(scratch), ids, dtype) - exact,
            "ours_float32": ours(Path(scratch), ids, torch.float32) - exact,
        }
    worst = {f"{name}_max": float(error.abs().max()) for name, error in errors.items()}
    return worst | {
        f"{name}_rms": float(error.square().mean().sqrt()) for name, error in errors.items()
    }


def main() -> None:
    """Measure each model, print a line for each, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=("bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--length", type=int, default=200, help="tokens of text")
    asked = parser.parse_args()
    trio = folders("demo", Path())
    found = {}
    for role, folder in trio.items():
        figures = measure(folder, asked.length, getattr(torch, asked.dtype))
        found[role.label] = figures
        print(
            f"{role.label:10}  {asked.dtype} max abs logit error: HF {figures['hf_max']:.4f},"
            f" ours {figures['ours_max']:.4f} (rms {figures['hf_rms']:.4f},"
            f" {figures['ours_rms']:.4f}); ours in float32: {figures['ours_float32_max']:.1e}"
        )
    save(f"accuracy-{asked.dtype}", f"python -m bench.engine.accuracy --dtype {asked.dtype}", found)


if __name__ == "__main__":
    main()
