# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's Cryptomatte node picks each subject of a delivered file by its name."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat
from rotopoint.deliver.cryptomatte import CryptomatteFiles
from rotopoint.deliver.deliverable import About, Frame, Layer
from tests.blender.inside.footage import HEIGHT, WIDTH, render

NAMES = ("der Bär", "7 dwarfs", "Ball_2", "熊")


def mattes() -> list[np.ndarray]:
    """Soft disks; the first three overlap, the last is empty."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    disks = [np.clip((35 - np.hypot(x - at, y - 45)) / 20, 0, 1) for at in (40, 60, 80)]
    return [*disks, np.zeros_like(x)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    layers = tuple(Layer(name, matte) for name, matte in zip(NAMES, mattes(), strict=True))
    about = About("plate", "plate.mov", (WIDTH, HEIGHT), NAMES)
    with CryptomatteFiles(about, lambda number: tmp_path / f"größe.{number:04d}.exr") as files:
        return files.frame(Frame(1, 1, layers))


@pytest.mark.parametrize("names", [*((name,) for name in NAMES), ("der Bär", "Ball_2")])
def test_each_subject_is_picked_by_name(
    scene: bpy.types.Scene, tmp_path: Path, file: Path, names: tuple[str, ...]
) -> None:
    tree = compat.ensure_compositor_tree(scene)
    scene.render.use_compositing = True
    scene.view_settings.view_transform = "Raw"
    node = tree.nodes.new("CompositorNodeCryptomatteV2")
    node.source = "IMAGE"
    node.image = bpy.data.images.load(str(file))
    # Blender reads the file as soon as somebody looks at its layers, as the node's interface does.
    assert node.layer_name == "CryptoObject"
    node.matte_id = ",".join(names)
    tree.links.new(node.outputs["Matte"], compat.ensure_output(tree))
    picked = render(scene, tmp_path / "out", 1, 1, depth="16")[0]
    expected = sum(matte for name, matte in zip(NAMES, mattes(), strict=True) if name in names)
    difference = np.abs(picked[..., 0] / 65535 - np.clip(expected, 0, 1))
    assert difference.max() <= 1 / 255
