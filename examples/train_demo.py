"""Train the embedded demo trio: `python examples/train_demo.py --out DIR`.

One stage after the other (`demo_training/stages.py`): a proxy from scratch, the proxies' first
stages, the base and the tuned model grown from it, then the proxies' longer stages. Each stage
is checkpointed under DIR and picks up where it was stopped. The folders end up in DIR/models, the
figures in DIR/demo-trio.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from demo_training.data import prepare
from demo_training.export import export
from demo_training.judge import ROLES
from demo_training.report import report
from demo_training.shapes import config_of
from demo_training.stages import STAGES
from demo_training.trainer import train


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
