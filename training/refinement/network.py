# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that `rotopoint.tracking.refinement` runs, and how it leaves torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from rotopoint.tracking.refinement import CHANNELS, GRID

WIDTH = 24


def _convolution(channels: int, out: int, size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, out, size, padding=size // 2)


class Block(nn.Module):
    """Two convolutions beside what came in."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.a, self.b = _convolution(channels, out), _convolution(out, out)
        self.skip = _convolution(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.skip(x) + self.b(functional.relu(self.a(x))))


class Refinement(nn.Module):
    """Maps (B, CHANNELS, GRID, GRID) to what is added to logits (B, 1, GRID, GRID): at first nothing.

    Down to an eighth of the grid's side and back up beside what was seen on the way, as in "U-Net:
    Convolutional Networks for Biomedical Image Segmentation" (O. Ronneberger et al., 2015).
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.e0 = _convolution(CHANNELS, width)
        self.e1, self.e2, self.e3 = (
            Block(width, 2 * width),
            Block(2 * width, 4 * width),
            Block(4 * width, 4 * width),
        )
        self.d2, self.d1 = Block(8 * width, 4 * width), Block(6 * width, 2 * width)
        self.d0, self.out = _convolution(3 * width, width), _convolution(width, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        x0 = functional.relu(self.e0(maps))
        x1 = self.e1(functional.avg_pool2d(x0, 2))
        x2 = self.e2(functional.avg_pool2d(x1, 2))
        x3 = self.e3(functional.avg_pool2d(x2, 2))
        y = self.d2(torch.cat([_doubled(x3), x2], 1))
        y = self.d1(torch.cat([_doubled(y), x1], 1))
        y = functional.relu(self.d0(torch.cat([_doubled(y), x0], 1)))
        change: torch.Tensor = self.out(y)
        return change


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def export(network: Refinement, file: Path) -> None:
    """Write the network as ONNX, which OpenCV reads."""
    maps = torch.zeros(1, CHANNELS, GRID, GRID)
    torch.onnx.export(
        network.eval(),
        (maps,),
        file,
        dynamo=False,
        opset_version=13,
        input_names=["maps"],
        output_names=["change"],
    )
