# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that `rotopoint.mattes.boundary` runs, and how it leaves torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from rotopoint.mattes.boundary import BLOCK, CHANNELS, SIDE
from training.onnx_file import write_onnx

WIDTHS = (16, 32, 48, 96)
"""Channels of a level, the finest, which has a place for each BLOCK by BLOCK pixels, first."""


def _convolution(channels: int, out: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, dilation, dilation)


class Residual(nn.Module):
    """Two convolutions beside what came in; at first nothing is added ("Fixup Initialization: Residual
    Learning Without Normalization", H. Zhang et al., ICLR 2019)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.a, self.b = (_convolution(channels, channels, dilation=dilation) for _ in range(2))
        _nothing_at_first(self.b)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.b(functional.relu(self.a(x))))


class Boundary(nn.Module):
    """What is shown (B, CHANNELS, SIDE / BLOCK, SIDE / BLOCK) to what is added to logits, blocks of pixels in
    channels (B, BLOCK * BLOCK, SIDE / BLOCK, SIDE / BLOCK): at first nothing.

    Down to a sixteenth of SIDE and back up beside what was seen on the way, as in "U-Net: Convolutional
    Networks for Biomedical Image Segmentation" (O. Ronneberger et al., 2015).
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.down0 = _convolution(CHANNELS, a)
        self.down1, self.more1 = _convolution(a, b, stride=2), _convolution(b, b)
        self.down2, self.more2 = _convolution(b, c, stride=2), Residual(c)
        self.down3 = _convolution(c, d, stride=2)
        self.more3 = nn.Sequential(Residual(d), Residual(d, dilation=2), Residual(d))
        self.narrow2, self.up2 = nn.Conv2d(d, c, 1), _convolution(c, c)
        self.narrow1, self.up1 = nn.Conv2d(c, b, 1), _convolution(b, b)
        self.narrow0, self.up0 = nn.Conv2d(b, a, 1), _convolution(a, a)
        self.out = _convolution(a, BLOCK * BLOCK)
        _nothing_at_first(self.out)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        relu = functional.relu
        x0 = relu(self.down0(seen))
        x1 = relu(self.more1(relu(self.down1(x0))))
        x2 = self.more2(relu(self.down2(x1)))
        y = self.more3(relu(self.down3(x2)))
        y = relu(self.up2(x2 + _doubled(self.narrow2(y))))
        y = relu(self.up1(x1 + _doubled(self.narrow1(y))))
        y = relu(self.up0(x0 + _doubled(self.narrow0(y))))
        change: torch.Tensor = self.out(y)
        return change


def _nothing_at_first(convolution: nn.Conv2d) -> None:
    nn.init.zeros_(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def export(network: Boundary, file: Path) -> None:
    """Write the network as ONNX; see `write_onnx`."""
    write_onnx(network, file, {"seen": torch.zeros(1, CHANNELS, SIDE // BLOCK, SIDE // BLOCK)})
