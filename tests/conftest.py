"""What all tests share."""

import torch

torch.set_num_threads(1)  # tiny tensors: waking a second thread costs more than it does
