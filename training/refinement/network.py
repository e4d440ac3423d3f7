# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that `rotopoint.tracking.refinement` runs, and how it leaves torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from rotopoint.tracking.refinement import CHANNELS, GRID, PICTURE, SEEN_SCALE
from rotopoint.tracking.sam2.convolutional_trunk import TrunkBlock, same
from rotopoint.tracking.sam2.weights import read_state
from training.onnx_file import write_onnx
from training.trunk import TRUNK

WIDTH = 24

TAKEN = (8, 24, 40, 96)
"""Channels of the eye's maps that a level takes in, the finest first."""

PLACES = 6
"""Whose likeness is looked at: clicks of each sign, the mask with clicks made to hold and what is around it,
and the mask before clicks and what is around that."""


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


class Eye(nn.Module):
    """What a draft model's trunk of convolutions sees up to stride 16, which stays as it is."""

    def __init__(self, trunk: ConvolutionalTrunk) -> None:
        super().__init__()
        halved = [number for number, block in enumerate(trunk.blocks) if block.stride == 2]
        self._ends = [number - 1 for number in halved]
        self.stem = nn.Conv2d(3, trunk.stem_channels, 3, 2)
        self.blocks = nn.ModuleList(TrunkBlock(block) for block in trunk.blocks[: halved[-1]])
        self.channels = [trunk.blocks[number].channels for number in self._ends]
        self.requires_grad_(False)

    @classmethod
    def of(cls, checkpoint: ResolvedCheckpoint) -> Eye:
        """A checkpoint's. Raises ValueError where its trunk is none of convolutions."""
        trunk = checkpoint.configuration.trunk
        if not isinstance(trunk, ConvolutionalTrunk):
            raise ValueError(f"{checkpoint.path}: clicks are learned with a trunk of convolutions")
        eye, state = cls(trunk), read_state(checkpoint.path)
        eye.load_state_dict({name: state[f"{TRUNK}{name}"].float() for name in eye.state_dict()})
        return eye

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Maps of strides 2, 4, 8 and 16 of pictures (B, 3, S, S) as EfficientNet-Lite takes them."""
        x = functional.relu6(self.stem(same(picture, 3, 2)))
        found = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self._ends:
                found.append(x)
        return found


class Refinement(nn.Module):
    """Maps (B, CHANNELS, GRID, GRID) and pictures (B, 3, PICTURE, PICTURE) to what is added to logits (B, 1,
    GRID, GRID): at first nothing.

    Down to an eighth of the grid's side and back up beside what was seen on the way, as in "U-Net:
    Convolutional Networks for Biomedical Image Segmentation" (O. Ronneberger et al., 2015). On the way down
    each level takes in what an eye that knows things sees at its size; the two smallest, how alike that is
    to what was clicked and masked.
    """

    def __init__(self, eye: Eye, width: int = WIDTH) -> None:
        super().__init__()
        self.eye = eye
        self.taken = nn.ModuleList(
            _convolution(channels, out, 1) for channels, out in zip(eye.channels, TAKEN, strict=True)
        )
        self.e0 = _convolution(CHANNELS + TAKEN[0], width)
        self.e1 = Block(width + TAKEN[1], 2 * width)
        self.e2 = Block(2 * width + TAKEN[2] + PLACES, 4 * width)
        self.e3 = nn.Sequential(Block(4 * width + TAKEN[3] + PLACES, 6 * width), Block(6 * width, 6 * width))
        self.d2, self.d1 = Block(10 * width, 4 * width), Block(6 * width, 2 * width)
        self.d0, self.out = _convolution(3 * width, width), _convolution(width, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, maps: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            seen = self.eye(picture)
        t0, t1, t2, t3 = (take(one) for take, one in zip(self.taken, seen, strict=True))
        x0 = functional.relu(self.e0(torch.cat([maps, t0], 1)))
        x1 = self.e1(torch.cat([functional.avg_pool2d(x0, 2), t1], 1))
        x2 = self.e2(torch.cat([functional.avg_pool2d(x1, 2), t2, likeness(seen[2], maps)], 1))
        x3 = self.e3(torch.cat([functional.avg_pool2d(x2, 2), t3, likeness(seen[3], maps)], 1))
        y = self.d2(torch.cat([_doubled(x3), x2], 1))
        y = self.d1(torch.cat([_doubled(y), x1], 1))
        y = functional.relu(self.d0(torch.cat([_doubled(y), x0], 1)))
        change: torch.Tensor = self.out(y)
        return change


def likeness(seen: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """(B, PLACES, h, w): cosine of the angle between what is seen (B, C, h, w) at a cell and, weighted by
    `maps`, on average at each of PLACES."""
    before, held = (torch.sigmoid(SEEN_SCALE * maps[:, n : n + 1]) for n in (0, 1))
    weights = torch.cat([maps[:, 2:3], maps[:, 5:6], held, 1 - held, before, 1 - before], 1)
    pooled = functional.avg_pool2d(weights, maps.shape[-1] // seen.shape[-1]).flatten(2)
    directions = functional.normalize(seen.float(), dim=1).flatten(2)
    means = torch.bmm(pooled, directions.transpose(1, 2))
    # Torch's `normalize` spreads lengths out before it divides, which OpenCV reads wrongly on a last axis.
    lengths = torch.norm(means, dim=2, keepdim=True).clamp(min=1e-4)
    alike: torch.Tensor = torch.bmm(means, directions) / lengths
    return alike.view(len(seen), PLACES, *seen.shape[-2:])


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def export(network: Refinement, file: Path) -> None:
    """Write the network as ONNX; see `write_onnx`."""
    maps, picture = torch.zeros(1, CHANNELS, GRID, GRID), torch.zeros(1, 3, PICTURE, PICTURE)
    write_onnx(network, file, {"maps": maps, "picture": picture})
