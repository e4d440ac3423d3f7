# SPDX-License-Identifier: GPL-3.0-or-later
"""The trunk of convolutions in the precision of the kernels, its activations fused into them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import channel_map, packs_weights

CEILING = 6.0
"""Of ReLU6."""


class Convolution:
    """ReLU6 of a convolution, channels last, padded as TensorFlow's "same" where the stride is 2."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._stride, self._groups = module.stride[0], module.groups
        weight = module.weight
        self._padding = weight.shape[-1] // 2
        if self._stride == 2:
            # The kernel's window begins one pixel later with a row and a column of zeros before it.
            weight = functional.pad(weight, (1, 0, 1, 0))
        self._weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self._bias = module.bias.to(dtype)
        self._fuses = packs_weights(self._weight) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(1, C, h, w) to (1, D, h / stride, w / stride)."""
        sides = [[n, n] for n in (self._padding, self._stride, 1)]
        if self._fuses:
            fused: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, self._weight, self._bias, *sides, self._groups, "hardtanh", [0.0, CEILING], ""
            )
            return fused
        return functional.relu6(
            functional.conv2d(x, self._weight, self._bias, self._stride, self._padding, 1, self._groups)
        )


class _Block:
    """One inverted residual block on a picture (1, h, w, c).

    The picture stays one of a batch: oneDNN is told the layout by the strides of all four dimensions.
    """

    def __init__(self, module: Any, residual: bool, dtype: torch.dtype) -> None:
        self._expand = None if module.expand is None else channel_map(module.expand, dtype)
        self._depth = Convolution(module.depth, dtype)
        self._project = channel_map(module.project, dtype)
        self._residual = residual

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        wide = x if self._expand is None else self._expand.clamped(x, 0.0, CEILING)
        seen = self._depth(wide.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        result = self._project(seen)
        return result.add_(x) if self._residual else result


class ConvolutionalStages:
    """What `convolutional_trunk.Trunk` gives, for one picture."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._factor, self._offset = module.factor, module.offset
        self._stem = Convolution(module.stem, dtype)
        described = module.trunk.blocks
        self._blocks = [
            _Block(block, told.residual, dtype) for block, told in zip(module.blocks, described, strict=True)
        ]
        self._ends = module.trunk.ends

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Maps (h, w, C) of a normalized picture (3, size, size), the finest first."""
        picture = (image * self._factor + self._offset).to(self._dtype)[None]
        x = self._stem(picture.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)
        stages = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._ends:
                stages.append(x[0])
        return stages
