# SPDX-License-Identifier: GPL-3.0-or-later
"""The trunk of convolutions as plain data: its blocks, the maps it gives, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotopoint.checkpoints.configuration import Trunk
from rotopoint.checkpoints.resolved import resolve
from rotopoint.checkpoints.trunks import Block, ConvolutionalTrunk

SMALL = ConvolutionalTrunk(
    stem_channels=8,
    channels=(4, 6, 8, 8, 10),
    repeats=(1, 2, 1, 1, 2),
    expansions=(1, 2, 2, 2, 3),
    kernel_sizes=(3, 5, 3, 3, 3),
    strides=(1, 2, 2, 2, 2),
)


def test_each_group_begins_with_its_stride_and_goes_on_without() -> None:
    assert SMALL.blocks == (
        Block(8, 4, 1, 3, 1),
        Block(4, 6, 2, 5, 2),
        Block(6, 6, 2, 5, 1),
        Block(6, 8, 2, 3, 2),
        Block(8, 8, 2, 3, 2),
        Block(8, 10, 3, 3, 2),
        Block(10, 10, 3, 3, 1),
    )
    assert [block.residual for block in SMALL.blocks] == [False, False, True, False, False, False, True]


def test_maps_are_those_of_the_last_blocks_before_the_picture_halves_again() -> None:
    assert SMALL.ends == (2, 3, 4, 6)
    assert SMALL.map_channels == (10, 8, 8, 6)
    assert SMALL.block_count == 7


def test_the_draft_models_trunk_is_told_from_a_hiera_by_its_keys() -> None:
    trunk = resolve("draft").configuration.trunk
    assert isinstance(trunk, ConvolutionalTrunk)
    assert trunk.ends == (2, 4, 10, 15) and trunk.map_channels == (320, 112, 40, 24)
    assert not set(trunk.told_by()) & set(Trunk(32, 1, (1, 1, 3, 1), (4,), (7, 7), (8, 4, 16, 8)).told_by())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"channels": (4, 6, 8)}, "an entry for each group"),
        ({"stem_channels": 0}, "numbers from 1"),
        ({"channels": (4, 6, 8, 8, 10**9)}, "numbers from 1"),
        ({"repeats": (1, 2, 1, 1, 300)}, "256 blocks"),
        ({"kernel_sizes": (3, 4, 3, 3, 3)}, "3, 5 or 7"),
        ({"strides": (1, 2, 3, 2, 2)}, "1 or 2"),
        ({"strides": (1, 1, 2, 2, 2)}, "four of 2"),
    ],
)
def test_what_cannot_be_built_is_refused(changed: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(SMALL, **changed)
