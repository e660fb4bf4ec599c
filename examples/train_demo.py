"""Train the embedded demo trio: `python examples/train_demo.py --out DIR`.

Four stages one after the other: antiexpert, expert (the antiexpert trained on), base, tuned (the
base trained on). Each stage is checkpointed under DIR and picks up where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from demo.data import DOMAIN, GENERAL, prepare
from demo.shapes import base_config, proxy_config
from demo.trainer import Stage, train

STAGES = {
    "antiexpert": Stage("antiexpert", GENERAL, steps=1100, seed=1),
    "expert": Stage("expert", DOMAIN, steps=700, seed=2, start="antiexpert", matrix_lr=0.01),
    "base": Stage("base", GENERAL, steps=2000, seed=3),
    "tuned": Stage("tuned", DOMAIN, steps=400, seed=4, start="base", matrix_lr=0.01),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stages", nargs="*", choices=list(STAGES), default=list(STAGES))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    _, streams = prepare(arguments.out)
    for name in arguments.stages:
        config = base_config() if name in ("base", "tuned") else proxy_config()
        train(STAGES[name], config, streams, arguments.out)


if __name__ == "__main__":
    main()
