"""Train the embedded demo trio: `python examples/train_demo.py --out DIR`.

One stage after the other: seed (a proxy from scratch), domain (the seed trained on), expert (that
trained on, with more code), base (grown from the seed, then trained on), tuned (the base trained
on), pupil (the seed, taught by the base), antiexpert (that taught on, with more code). Each stage
is checkpointed under DIR and picks up where it was stopped. The folders end up in DIR/models, the
figures in DIR/demo-trio.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from demo_training.data import DISTILLED, DISTILLED_CODE, DOMAIN, GENERAL, MORE_CODE, prepare
from demo_training.export import export
from demo_training.judge import ROLES
from demo_training.report import report
from demo_training.shapes import config_of
from demo_training.trainer import Stage, train

STAGES = {
    "seed": Stage("seed", GENERAL, steps=1100, seed=1, warm_up=33),
    "domain": Stage("domain", DOMAIN, steps=700, seed=2, start="seed", matrix_lr=0.01, warm_up=21),
    "expert": Stage(
        "expert",
        MORE_CODE,
        steps=2600,
        seed=6,
        start="domain",
        matrix_lr=0.01,
        vector_lr=2e-3,
        warm_up=40,
    ),
    "base": Stage(
        "base",
        GENERAL,
        steps=400,
        seed=3,
        start="seed",
        matrix_lr=0.012,
        vector_lr=2e-3,
        warm_up=40,
        cool_down=0.5,
    ),
    "tuned": Stage(
        "tuned", DOMAIN, steps=500, seed=4, start="base", matrix_lr=0.01, warm_up=20, cool_down=0.5
    ),
    "pupil": Stage(
        "pupil",
        DISTILLED,
        steps=750,
        seed=5,
        start="seed",
        teacher="base",
        matrix_lr=0.015,
        vector_lr=2e-3,
        warm_up=20,
    ),
    "antiexpert": Stage(
        "antiexpert",
        DISTILLED_CODE,
        steps=1100,
        seed=7,
        start="pupil",
        teacher="base",
        matrix_lr=0.012,
        vector_lr=1.5e-3,
        warm_up=30,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="where the folders go (default OUT/models)")
    parser.add_argument("--stages", nargs="*", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    folder = arguments.models or arguments.out / "models"
    torch.set_num_threads(arguments.threads)
    tokenizer, streams = prepare(arguments.out)
    for name in arguments.stages:
        train(STAGES[name], streams, arguments.out)
        if name in ROLES:
            export(name, config_of(name), tokenizer, arguments.out, folder)
    if "antiexpert" not in arguments.stages:
        return
    record = json.dumps(report(STAGES.values(), arguments.out, folder), indent=2)
    (arguments.out / "demo-trio.json").write_text(record + "\n")
    print(record)


if __name__ == "__main__":
    main()
