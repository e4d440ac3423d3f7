# SPDX-License-Identifier: GPL-3.0-or-later
"""A trunk of inverted residual blocks as plain modules: what is trained, and what kernels must equal."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from rotopoint.checkpoints.trunks import Block, ConvolutionalTrunk

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels: what pictures are normalized by for SAM 2."""

CENTER, SPREAD = 127.0, 128.0
"""What EfficientNet-Lite takes instead: (x - 127) / 128 of 0..255."""


def renormalization() -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and offset (3, 1, 1) from SAM 2's normalization to that of EfficientNet-Lite."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return deviation * (255 / SPREAD), (mean * 255 - CENTER) / SPREAD


def same(picture: torch.Tensor, kernel_size: int, stride: int) -> torch.Tensor:
    """A picture (B, C, h, w) of even size, padded as TensorFlow's "same": the odd pixel right and below."""
    whole = kernel_size - stride
    before = whole // 2
    return functional.pad(picture, (before, whole - before) * 2)


class TrunkBlock(nn.Module):
    """An inverted residual block, batch norms folded into its convolutions."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        wide = block.incoming * block.expansion
        self._block = block
        self.expand = nn.Conv2d(block.incoming, wide, 1) if block.expansion > 1 else None
        self.depth = nn.Conv2d(wide, wide, block.kernel_size, block.stride, groups=wide)
        self.project = nn.Conv2d(wide, block.channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x if self.expand is None else functional.relu6(self.expand(x))
        padded = same(wide, self._block.kernel_size, self._block.stride)
        result: torch.Tensor = self.project(functional.relu6(self.depth(padded)))
        return x + result if self._block.residual else result


class Trunk(nn.Module):
    """In the place of the package's Hiera: normalized pictures (B, 3, S, S) to maps, the finest first."""

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, trunk: ConvolutionalTrunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.channel_list = list(trunk.map_channels)
        self.stem = nn.Conv2d(3, trunk.stem_channels, 3, 2)
        self.blocks = nn.ModuleList(TrunkBlock(block) for block in trunk.blocks)
        factor, offset = renormalization()
        self.register_buffer("factor", factor, persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        x = functional.relu6(self.stem(same(picture * self.factor + self.offset, 3, 2)))
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.trunk.ends:
                maps.append(x)
        return maps
