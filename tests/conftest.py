"""What all tests share."""

import os

# Triton kernels run on CPU tensors by its interpreter. It decides when triton is first imported,
# for the whole process; what compiles kernels needs one of its own. `make gpu` sets 0.
os.environ.setdefault("TRITON_INTERPRET", "1")

import torch

torch.set_num_threads(1)  # tiny tensors: waking a second thread costs more than it does
