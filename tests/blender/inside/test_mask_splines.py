# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's mattes become a Mask that covers, on each frame, what they cover."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat, mask_splines
from blender_addon.faults import Refused
from blender_addon.matte_sequence import MatteSequence
from rotopoint.outline import Spline, outlines
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, render, write, write_plates

LAST = 3


def matte(frame: int) -> np.ndarray:
    """A soft disk that wanders, on the second frame with an island in a hole; nothing on the last."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    distance = np.hypot(x - 40 - 20 * frame, y - 45)
    covered = np.clip((34 - distance) / 4, 0, 1)
    if frame == 2:
        covered = np.minimum(covered, np.clip((distance - 14) / 4, 0, 1))
        covered = np.maximum(covered, np.clip((9 - distance) / 4, 0, 1))
    return np.round(65535 * covered * (frame < LAST)).astype(np.uint16)


@pytest.fixture
def clip(scene: bpy.types.Scene, addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    """It begins at the scene's frame 11."""
    return load_clip(write_plates(tmp_path / "plates"), start=11)


@pytest.fixture
def mattes(tmp_path: Path) -> MatteSequence:
    folder = tmp_path / "Mättes"
    first, *_ = [write(folder / f"plate_Bär_matte.{n:04d}.png", matte(n)) for n in range(1, LAST + 1)]
    return MatteSequence("id", "Bär", first, 1, LAST)


Show = Callable[[bpy.types.Mask], list[np.ndarray]]


@pytest.fixture
def shown(scene: bpy.types.Scene, tmp_path: Path) -> Show:
    """What a Mask node gives on the frames of the mattes, one before and one after them, 0..1."""

    def show(mask: bpy.types.Mask) -> list[np.ndarray]:
        tree = compat.ensure_compositor_tree(scene)
        scene.render.use_compositing = True
        scene.view_settings.view_transform = "Raw"
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = mask
        tree.links.new(node.outputs["Mask"], compat.ensure_output(tree))
        pictures = render(scene, tmp_path / "out", 10, 11 + LAST, depth="16")
        return [picture[..., 1] / 65535 for picture in pictures]

    return show


def overlap(found: np.ndarray, expected: np.ndarray) -> float:
    ours, theirs = found > 0.5, expected > 0.5
    return np.count_nonzero(ours & theirs) / max(1, np.count_nonzero(ours | theirs))


@pytest.mark.parametrize(("tolerance", "least"), [(0.25, 0.985), (2.0, 0.9)])
def test_each_frame_has_its_outline(
    clip: bpy.types.MovieClip, mattes: MatteSequence, shown: Show, tolerance: float, least: float
) -> None:
    *_, (mask, _) = mask_splines.making(clip, mattes, tolerance)
    assert (mask.name, mask.frame_start, mask.frame_end) == ("Bär", 11, 13)
    assert [len(layer.splines) for layer in mask.layers] == [1, 3, 0]
    before, *found, after = shown(mask)
    for number, picture in enumerate(found[:2], 1):
        assert overlap(picture, matte(number) / 65535) > least
    assert not found[2].any() and not before.any() and not after.any()


def test_a_wider_tolerance_has_fewer_points(clip: bpy.types.MovieClip, mattes: MatteSequence) -> None:
    counts = []
    for tolerance in (0.25, 2.0):
        *_, (mask, _) = mask_splines.making(clip, mattes, tolerance)
        counts.append(sum(len(spline.points) for layer in mask.layers for spline in layer.splines))
    assert counts[0] > 1.5 * counts[1]


def test_blender_waits_for_no_fit(
    clip: bpy.types.MovieClip, mattes: MatteSequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_fit, fits_on = threading.Event(), []

    def slow(matte: np.ndarray, tolerance: float) -> list[Spline]:
        fits_on.append(threading.current_thread())
        assert may_fit.wait(30.0)
        return outlines(matte, tolerance)

    monkeypatch.setattr(mask_splines, "outlines", slow)
    work = mask_splines.making(clip, mattes, 1.0)
    assert [next(work)[1] for _ in range(8)] == [0] * 8, "it is asked again and again"
    may_fit.set()
    *_, (mask, done) = work
    assert len(mask.layers) == done == len(fits_on) == LAST
    assert threading.current_thread() not in fits_on


def test_what_breaks_off_leaves_no_mask(clip: bpy.types.MovieClip, mattes: MatteSequence) -> None:
    for steps in (1, 2, 5):
        work = mask_splines.making(clip, mattes, 1.0)
        for _ in range(steps):
            next(work)
        work.close()
        assert list(bpy.data.masks) == [] and not [i for i in bpy.data.images if "matte" in i.name]
    mattes.file(2).write_bytes(b"no picture")
    with pytest.raises(Refused, match="matte.0002.png"):
        list(mask_splines.making(clip, mattes, 1.0))
    write(mattes.file(2), matte(2)[:-1])
    with pytest.raises(Refused, match="160x89, the clip 160x90"):
        list(mask_splines.making(clip, mattes, 1.0))
    assert list(bpy.data.masks) == [] and not [i for i in bpy.data.images if "matte" in i.name]


def test_the_active_subjects_mattes_by_the_operator(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    clip.rotopoint.folder = str(tmp_path / "mattes")
    with pytest.raises(RuntimeError, match="Add a subject first"):
        bpy.ops.rotopoint.mask_make()
    bpy.ops.rotopoint.subject_add(name="runner")
    bpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)
    with pytest.raises(RuntimeError, match="track the clip first"):
        bpy.ops.rotopoint.mask_make()
    bpy.ops.rotopoint.track()
    assert bpy.ops.rotopoint.mask_make(tolerance=1.0) == {"FINISHED"}
    (mask,) = bpy.data.masks
    assert mask.name == "runner" and len(mask.layers) == COUNT
    assert all(len(layer.splines) for layer in mask.layers)
    # What is tracked is another subject's.
    bpy.ops.rotopoint.subject_add(name="another")
    with pytest.raises(RuntimeError, match="No mattes of another"):
        bpy.ops.rotopoint.mask_make()
