# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rotopoint group: exact where nothing is asked, and what each parameter does to pixels."""

from __future__ import annotations

from pathlib import Path

import bpy
import cv2
import numpy as np
import OpenEXR
import pytest

from blender_addon import compat
from blender_addon.compositor.node_group import VERSION, VERSION_KEY, ensure_node_group
from tests.blender.inside.footage import HEIGHT, WIDTH, plate, render, write


def disc(radius: float = 20.0) -> np.ndarray:
    """A hard disc in the middle, (HEIGHT, WIDTH) uint8."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.where(np.hypot(x + 0.5 - WIDTH / 2, y + 0.5 - HEIGHT / 2) <= radius, 255, 0).astype(np.uint8)


def build(scene: bpy.types.Scene, folder: Path, matte: np.ndarray) -> bpy.types.Node:
    """A still plate and `matte` through the group into the scene's picture; the group's node."""
    tree = compat.ensure_compositor_tree(scene)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = ensure_node_group()
    for name, pixels in (("Image", plate(7)), ("Matte", matte)):
        source = tree.nodes.new("CompositorNodeImage")
        source.image = bpy.data.images.load(str(write(folder / f"{name}.png", pixels)))
        if name == "Matte":
            compat.set_non_color(source.image)
        tree.links.new(source.outputs["Image"], node.inputs[name])
    tree.links.new(node.outputs["Image"], compat.ensure_output(tree))
    return node


def alpha(scene: bpy.types.Scene, folder: Path, depth: str = "8") -> np.ndarray:
    return render(scene, folder, 1, 1, depth)[0][..., 3]


def test_neutral_parameters_pass_matte_and_color_unchanged(scene: bpy.types.Scene, tmp_path: Path) -> None:
    steps = (np.arange(WIDTH * HEIGHT) * 5 % 65536).reshape(HEIGHT, WIDTH).astype(np.uint16)
    node = build(scene, tmp_path, steps)
    assert [node.inputs[name].default_value for name in ("Expand", "Feather", "Invert")] == [0, 0, 0]
    assert np.abs(alpha(scene, tmp_path, "16").astype(int) - steps).max() <= 1

    opaque = np.full((HEIGHT, WIDTH), 255, np.uint8)
    write(tmp_path / "Matte.png", opaque)
    bpy.data.images["Matte.png"].reload()
    (picture,) = render(scene, tmp_path, 1, 1)
    assert np.abs(picture[..., :3].astype(int) - plate(7)).max() <= 1


@pytest.mark.parametrize("expand", [3, -3, 2.6, 12, -7])
def test_expand_grows_and_shrinks_by_pixels(scene: bpy.types.Scene, tmp_path: Path, expand: float) -> None:
    matte = cv2.GaussianBlur(disc(), (5, 5), 0)
    node = build(scene, tmp_path, matte)
    node.inputs["Expand"].default_value = expand
    size = round(abs(expand))
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    round_kernel = bpy.app.version >= (4, 5)
    kernel = (np.hypot(x, y) <= size if round_kernel else np.ones_like(x, bool)).astype(np.uint8)
    expected = cv2.dilate(matte, kernel) if expand > 0 else cv2.erode(matte, kernel)
    got = alpha(scene, tmp_path).astype(int)
    assert np.abs(got - expected).max() <= 1
    # A square takes up to a pixel more than a disc off the round edge.
    assert abs((got > 127)[HEIGHT // 2].sum() - (40 + 2 * size * np.sign(expand))) <= (
        0 if round_kernel else 2
    )


def test_feather_reaches_its_pixels_to_either_side(scene: bpy.types.Scene, tmp_path: Path) -> None:
    edge = np.where(np.arange(WIDTH) < 80, 255, 0).astype(np.uint8)
    node = build(scene, tmp_path, np.tile(edge, (HEIGHT, 1)))
    node.inputs["Feather"].default_value = 10
    row = alpha(scene, tmp_path)[HEIGHT // 2].astype(int)
    assert (row[:69] == 255).all() and (row[91:] == 0).all()
    assert (np.diff(row[72:88]) < 0).all()
    assert np.abs(row[70:80] + row[80:90][::-1] - 255).max() <= 1
    assert row[75] < 240 and row[84] > 15


@pytest.mark.parametrize("invert", [1.0, 0.25])
def test_invert_mixes_in_one_minus_matte(scene: bpy.types.Scene, tmp_path: Path, invert: float) -> None:
    matte = cv2.GaussianBlur(disc(), (15, 15), 0)
    node = build(scene, tmp_path, matte)
    node.inputs["Invert"].default_value = invert
    expected = (1 - invert) * matte + invert * (255.0 - matte)
    assert np.abs(alpha(scene, tmp_path) - expected).max() <= 1


def test_expand_comes_before_invert(scene: bpy.types.Scene, tmp_path: Path) -> None:
    node = build(scene, tmp_path, disc())
    node.inputs["Expand"].default_value, node.inputs["Invert"].default_value = 4, 1
    assert (alpha(scene, tmp_path) < 128)[HEIGHT // 2].sum() == 48


def test_image_comes_out_premultiplied(scene: bpy.types.Scene, tmp_path: Path) -> None:
    matte = np.full((HEIGHT, WIDTH), 128, np.uint8)
    build(scene, tmp_path, matte)
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(tmp_path / "out.exr")
    bpy.ops.render.render(write_still=True)
    (channels,) = OpenEXR.File(str(tmp_path / "out.exr")).channels().values()
    rgba = channels.pixels
    display = plate(7)[..., ::-1] / 255
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    assert np.abs(rgba[..., 3] - 128 / 255).max() < 1e-5
    assert np.abs(rgba[..., :3] - linear * 128 / 255).max() < 1e-3


def linear(display: np.ndarray) -> np.ndarray:
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def test_despill_takes_the_color_of_the_cut_out_where_it_has_any(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    matte = np.full((HEIGHT, WIDTH), 128, np.uint8)
    node = build(scene, tmp_path, matte)
    own, half = np.array([1.5, 0.25, 0.5], np.float32), WIDTH // 2
    cut_out = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    cut_out[:, :half, 3] = 0.25
    cut_out[..., :3] = own * cut_out[..., 3:]
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGBA": cut_out}).write(str(tmp_path / "own.exr"))
    tree = compat.find_compositor_tree(scene)
    reader = tree.nodes.new("CompositorNodeImage")
    reader.image = bpy.data.images.load(str(tmp_path / "own.exr"))
    tree.links.new(reader.outputs["Image"], node.inputs["Cut-out"])
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(tmp_path / "out.exr")
    plates = linear(plate(7)[..., ::-1] / 255)
    for despill in (0.0, 0.5, 1.0):
        node.inputs["Despill"].default_value = despill
        bpy.ops.render.render(write_still=True)
        (channels,) = OpenEXR.File(str(tmp_path / "out.exr")).channels().values()
        got = channels.pixels
        assert np.abs(got[..., 3] - 128 / 255).max() < 1e-4
        mixed = (1 - despill) * plates + despill * own
        assert np.abs(got[:, :half, :3] - (mixed * 128 / 255)[:, :half]).max() < 2e-3
        assert np.abs(got[:, half:, :3] - (plates * 128 / 255)[:, half:]).max() < 2e-3


def test_the_group_is_an_asset(scene: bpy.types.Scene) -> None:
    tree = ensure_node_group()
    assert tree.asset_data is not None and "Cuts a subject out" in tree.asset_data.description
    ensure_node_group()
    assert [t.name for t in bpy.data.node_groups if t.asset_data is not None] == ["Rotopoint"]


def test_a_second_call_finds_the_group(scene: bpy.types.Scene) -> None:
    tree = ensure_node_group()
    names = [node.name for node in tree.nodes]
    assert ensure_node_group() == tree
    assert [node.name for node in tree.nodes] == names
    assert len(bpy.data.node_groups) == 1


def test_an_older_group_is_rebuilt_and_keeps_links_and_parameters(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    node = build(scene, tmp_path, disc())
    node.inputs["Expand"].default_value = 3
    before = alpha(scene, tmp_path)
    group = node.node_tree
    group[VERSION_KEY] = VERSION - 1
    group.nodes.remove(group.nodes[-1])
    assert ensure_node_group() == group == node.node_tree
    assert group[VERSION_KEY] == VERSION
    sockets = ["Image", "Matte", "Expand", "Feather", "Invert", "Cut-out", "Despill"]
    assert [socket.name for socket in node.inputs] == sockets
    assert node.inputs["Expand"].default_value == 3
    assert np.array_equal(alpha(scene, tmp_path), before)


def test_a_newer_group_and_a_namesake_are_left_alone(scene: bpy.types.Scene) -> None:
    namesake = bpy.data.node_groups.new("Rotopoint", "CompositorNodeTree")
    tree = ensure_node_group()
    assert tree != namesake and len(namesake.nodes) == 0
    tree[VERSION_KEY] = VERSION + 1
    tree.nodes.clear()
    assert ensure_node_group() == tree and len(tree.nodes) == 0
