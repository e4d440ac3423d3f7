# SPDX-License-Identifier: GPL-3.0-or-later
"""The trunk of convolutions alone that may stand in the place of SAM 2's Hiera, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 4096
"""Of each number: far over any trunk in use, and small enough to be built."""


@dataclass(frozen=True)
class ConvolutionalTrunk:
    """Inverted residual blocks as in EfficientNet-Lite (M. Tan and Q. Le, "EfficientNet: Rethinking Model
    Scaling for Convolutional Neural Networks", 2019; the Lite variants do without squeezing and with ReLU6).

    All lists have one entry a group of equal blocks; the first block of a group has its stride. Its maps
    are those of the last blocks at strides 4, 8, 16 and 32.
    """

    stem_channels: int
    """Of the first convolution, 3 by 3 pixels with stride 2."""
    channels: tuple[int, ...]
    repeats: tuple[int, ...]
    expansions: tuple[int, ...]
    """How many times more channels there are inside of a block."""
    kernel_sizes: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        lists = (self.channels, self.repeats, self.expansions, self.kernel_sizes, self.strides)
        numbers = (self.stem_channels, *(number for some in lists for number in some))
        _require(len({len(some) for some in lists}) == 1, "trunk: expected an entry for each group of blocks")
        _require(all(0 < n <= LARGEST for n in numbers), f"trunk: expected numbers from 1 to {LARGEST}")
        _require(sum(self.repeats) <= 256, "trunk.repeats: expected 256 blocks at most")
        _require(set(self.kernel_sizes) <= {3, 5, 7}, "trunk.kernel_sizes: expected 3, 5 or 7")
        _require(set(self.strides) <= {1, 2}, "trunk.strides: expected 1 or 2")
        _require(self.strides.count(2) == 4, "trunk.strides: expected four of 2, down to stride 32")

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Each block by itself, in order."""
        found: list[Block] = []
        before = self.stem_channels
        groups = zip(
            self.channels, self.repeats, self.expansions, self.kernel_sizes, self.strides, strict=True
        )
        for channels, repeats, expansion, kernel_size, stride in groups:
            for number in range(repeats):
                found.append(Block(before, channels, expansion, kernel_size, stride if number == 0 else 1))
                before = channels
        return tuple(found)

    @property
    def block_count(self) -> int:
        return sum(self.repeats)

    @property
    def ends(self) -> tuple[int, ...]:
        """The numbers of the blocks whose maps are given, the finest first."""
        blocks = self.blocks
        halved = [number for number, block in enumerate(blocks) if block.stride == 2]
        return tuple(number - 1 for number in (*halved[1:], len(blocks)))[-4:]

    @property
    def map_channels(self) -> tuple[int, ...]:
        """Channels of the maps, the coarsest first."""
        blocks = self.blocks
        return tuple(blocks[number].channels for number in reversed(self.ends))

    def told_by(self) -> dict[str, tuple[int, ...]]:
        """Shapes of weights that tell this trunk from others, by their names in a checkpoint."""
        first, *_, last = self.blocks
        shapes: dict[str, tuple[int, ...]] = {
            "image_encoder.trunk.stem.weight": (self.stem_channels, 3, 3, 3)
        }
        for number, block in ((0, first), (self.block_count - 1, last)):
            narrowing = (block.channels, block.incoming * block.expansion, 1, 1)
            shapes[f"image_encoder.trunk.blocks.{number}.project.weight"] = narrowing
        return shapes


@dataclass(frozen=True)
class Block:
    """One inverted residual block: widened, seen by each channel alone, narrowed."""

    incoming: int
    channels: int
    expansion: int
    kernel_size: int
    stride: int

    @property
    def residual(self) -> bool:
        """Whether what comes in is added to what goes out."""
        return self.stride == 1 and self.incoming == self.channels


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
