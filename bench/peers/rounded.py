"""A Hugging Face model with its matrices rounded to q8_0: what eight bits alone cost."""

from __future__ import annotations

import gguf
import torch
from transformers import PreTrainedModel


@torch.no_grad()
def round_to_q8(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, changed in place."""
    kind = gguf.GGMLQuantizationType.Q8_0
    for weight in model.parameters():
        if weight.dim() == 2:
            packed = gguf.quantize(weight.float().cpu().numpy(), kind)
            weight.copy_(torch.from_numpy(gguf.dequantize(packed, kind)))
    return model
