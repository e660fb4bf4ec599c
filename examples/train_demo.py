"""Train the embedded demo trio: `python examples/train_demo.py --out DIR`.

Four stages one after the other: antiexpert, expert (the antiexpert trained on), base (grown from
the antiexpert, then trained on), tuned (the base trained on). Each stage is checkpointed under DIR
and picks up where it was stopped. The folders end up in DIR/models, the figures in
DIR/demo-trio.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from demo_training.data import DOMAIN, GENERAL, prepare
from demo_training.export import export
from demo_training.report import report
from demo_training.shapes import base_config, proxy_config
from demo_training.trainer import Stage, train
from transformers import LlamaConfig

STAGES = {
    "antiexpert": Stage("antiexpert", GENERAL, steps=1100, seed=1, warm_up=33),
    "expert": Stage(
        "expert", DOMAIN, steps=700, seed=2, start="antiexpert", matrix_lr=0.01, warm_up=21
    ),
    "base": Stage(
        "base",
        GENERAL,
        steps=400,
        seed=3,
        start="antiexpert",
        matrix_lr=0.012,
        vector_lr=2e-3,
        warm_up=40,
        cool_down=0.5,
    ),
    "tuned": Stage(
        "tuned", DOMAIN, steps=500, seed=4, start="base", matrix_lr=0.01, warm_up=20, cool_down=0.5
    ),
}


def config_of(name: str) -> LlamaConfig:
    return base_config() if name in ("base", "tuned") else proxy_config()


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
        train(STAGES[name], config_of(name), streams, arguments.out)
        export(name, config_of(name), tokenizer, arguments.out, folder)
    if "tuned" not in arguments.stages:
        return
    record = json.dumps(report(STAGES.values(), arguments.out, folder), indent=2)
    (arguments.out / "demo-trio.json").write_text(record + "\n")
    print(record)


if __name__ == "__main__":
    main()
