"""A Hugging Face model with the matrices of its layers rounded to e4m3: what a base in fp8 is."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from proxyfuse_kernels.quantised import quantise


@torch.no_grad()
def round_to_fp8(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, changed in place."""
    for name, weight in model.named_parameters():
        if name.endswith("_proj.weight"):
            weight.copy_(quantise(weight).float())
    return model
