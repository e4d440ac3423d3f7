# SPDX-License-Identifier: GPL-3.0-or-later
"""In which precision a model computes."""

from __future__ import annotations

import os
from enum import Enum

KERNELS_VARIABLE = "ROTOPOINT_KERNELS"


class Precision(Enum):
    """FP32 is upstream's precision. BF16 keeps eight bits of mantissa in what is multiplied and stored,
    and sums up in float32: about twice as fast where the processor multiplies bfloat16 itself. FP16 keeps
    eleven bits, but no number over 65,504: for GPUs that have no bfloat16, asked for by name. INT8 computes
    in float32 with weights that are kept in eight bits: a third of the size on disk."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    INT8 = "int8"


AUTO = "auto"
PRECISION_NAMES = (AUTO, *(kernels.value for kernels in Precision))


def asked_precision() -> str:
    """What the environment asks for: a name of `PRECISION_NAMES`; whatever else it holds counts as `auto`."""
    name = os.environ.get(KERNELS_VARIABLE, AUTO).lower()
    return name if name in PRECISION_NAMES else AUTO
