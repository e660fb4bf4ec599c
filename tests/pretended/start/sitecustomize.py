"""Python runs this first where the folder is on its path: so every program has the pretended GPU.

PRETENDED_NUMBERS=interpreter    Triton's kernels are computed by its interpreter
PRETENDED_NUMBERS=plain          the engine's operations by their plain versions
"""

import os

NUMBERS = os.environ.get("PRETENDED_NUMBERS")

if NUMBERS is not None:
    from tests.pretended import torch_ops, triton_launches

    torch_ops.install()
    triton_launches.install()
if NUMBERS == "plain":
    from tests.pretended import plain_ops

    plain_ops.install()
