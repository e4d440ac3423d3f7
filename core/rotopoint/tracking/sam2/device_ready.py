# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device is told before anything is computed on it: settings of torch's that hold for the process."""

from __future__ import annotations

import torch


def make_ready(device: str) -> None:
    """Have a CUDA device, by torch's name of it, multiply as the names of precisions say.

    Float32 is float32: NVIDIA's from Ampere on would round what convolutions multiply to TF32's ten bits of
    mantissa, by torch's default. What is summed up of half floats is summed in float32 to its end. And a
    kernel is chosen by shapes alone, not by which was quicker at that moment: the same work gives the same
    bits again.
    """
    if torch.device(device).type != "cuda":
        return
    multiplies = torch.backends.cuda.matmul
    multiplies.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    multiplies.allow_fp16_reduced_precision_reduction = False
    multiplies.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = False
