# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for torch's own operations where there is no torch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.tracking.onnx.resize import antialiased  # noqa: E402
from rotopoint.tracking.onnx.values import OnnxMemory, pack, unpack  # noqa: E402

LARGEST = 1e-5
"""Torch reckons where pixels lie in float32, here it is float64."""


@pytest.mark.parametrize("shape", [(64, 64), (90, 160), (301, 77), (20, 500), (128, 128)])
def test_a_mask_is_resized_as_torch_does(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).random(shape, np.float32)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(picture)[None, None], (96, 96), mode="bilinear", antialias=True
    )[0, 0].numpy()
    assert np.abs(antialiased(picture, 96) - wanted).max() <= LARGEST


def test_half_of_it_is_the_mean_of_four_with_their_neighbors() -> None:
    edge = np.zeros((8, 8), np.float32)
    edge[:, 4:] = 1
    assert np.allclose(antialiased(edge, 4)[0], [0, 0.125, 0.875, 1])


def test_memories_are_rounded_as_bfloat16_is() -> None:
    halfway = np.array([1.00390625, 1.01171875, -1.00390625, 0.0], np.float32)
    drawn = np.random.default_rng(2).normal(size=996).astype(np.float32)
    spatial = np.concatenate([halfway, drawn]).reshape(1, 1, 10, 100)
    wanted = torch.from_numpy(spatial).to(torch.bfloat16).float().numpy()
    memory = OnnxMemory.of(spatial)
    assert np.array_equal(memory.spatial, wanted)
    assert memory.nbytes == 2 * spatial.size


def test_arrays_come_back_from_bytes() -> None:
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7], np.uint16)]
    again = unpack(pack(*arrays))
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(arrays, again, strict=True))
