# SPDX-License-Identifier: GPL-3.0-or-later
"""How the small networks beside the draft model leave torch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn


def write_onnx(network: nn.Module, file: Path, inputs: Mapping[str, torch.Tensor]) -> None:
    """Write a network as ONNX, which OpenCV reads, for inputs by name of these shapes.

    Its weights are float32 that are as exact as float16: so they take half of the room in a zip, as which the
    add-on is handed out.
    """
    torch.onnx.export(
        copy.deepcopy(network).eval().half().float(),
        tuple(inputs.values()),
        file,
        dynamo=False,
        opset_version=13,
        input_names=list(inputs),
        output_names=["change"],
    )
