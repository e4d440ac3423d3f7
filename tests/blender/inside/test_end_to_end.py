# SPDX-License-Identifier: GPL-3.0-or-later
"""From points to a rendered composite by the add-on alone: the real worker with the draft model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import bpy
import numpy as np
import pytest

from blender_addon import host, mattes, prompt_files, shots
from blender_addon.brush import paint
from blender_addon.clip_editor.prompts import set_mask
from blender_addon.preferences import preferences
from rotopoint.shot import Point
from rotopoint.shot.frames import ClipFrame
from tests.blender.bpy_process import ENGINE_VARIABLE
from tests.blender.inside.addon import load_clip
from tests.blender.inside.footage import ALPHA_DIFFERENCE, read, render, write

ENGINE = os.environ.get(ENGINE_VARIABLE)

pytestmark = [
    pytest.mark.usefixtures("addon"),
    pytest.mark.skipif(ENGINE is None, reason=f"{ENGINE_VARIABLE} names no Python that has the engine"),
]

WIDTH, HEIGHT, COUNT = 160, 90, 6
RADIUS = 22
PLACES = ((20, 2), (1, 0), (101, 0))
"""Start Frame and Frame Offset of the clip."""

rotopoint = bpy.ops.rotopoint


def disc(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH) bool: what the plate of a frame shows in orange."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(x + 0.5 - (45 + 8 * frame), y + 0.5 - 45) < RADIUS


def plate(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR: an orange disc before blue."""
    picture = np.full((HEIGHT, WIDTH, 3), (120, 70, 30), np.uint8)
    picture[disc(frame)] = (20, 130, 250)
    return picture


def write_sequence(folder: Path) -> Path:
    """The plates as PNG, numbered from 101; the first file."""
    for frame in range(1, COUNT + 1):
        write(folder / f"disc_{100 + frame:04d}.png", plate(frame))
    return folder / "disc_0101.png"


def write_video(folder: Path) -> Path:
    """The plates as H.264."""
    folder.mkdir()
    path = folder / "disc.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=24, options={"crf": "12", "x264-params": "log-level=none"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in range(1, COUNT + 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(plate(frame), "bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("write_clip", "first_number"), [(write_sequence, 101), (write_video, 1)], ids=["sequence", "video"]
)
def test_points_become_a_composite(
    scene: bpy.types.Scene,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    write_clip: Callable[[Path], Path],
    first_number: int,
) -> None:
    preferences().interpreter = ENGINE
    preferences().store_folder = str(tmp_path / "tracks")
    preferences().device, preferences().threads = "cpu", 1
    clip = load_clip(write_clip(tmp_path / "plates ä"), *PLACES[0])
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))

    scene.frame_current = shots.scene_frame(clip, 2)
    rotopoint.subject_add(name="disc")
    x, y = shots.from_pixels(61.0, 45.0, (WIDTH, HEIGHT))
    rotopoint.point_add(x=x, y=y)
    assert shots.shot_of(clip).subjects[0].prompts == (Point(2, 61.0, 45.0),)

    rotopoint.preview()
    (preview,) = host.state_of(clip).previews.values()
    rows, columns = np.nonzero(preview.logits > 0)
    assert columns.mean() * WIDTH / preview.logits.shape[1] == pytest.approx(61, abs=6)
    assert rows.mean() * HEIGHT / preview.logits.shape[0] == pytest.approx(45, abs=6)

    rotopoint.track()
    assert host.state_of(clip).message == f"Done: {COUNT} frames, {COUNT} of them new"
    folder = mattes.folder_of(clip)
    assert folder.parent == tmp_path / "rotopoint"
    delivered = [read(folder / f"disc_disc_matte.{first_number + n:04d}.png") for n in range(COUNT)]
    for frame, matte in enumerate(delivered, start=1):
        inside = matte > 32767
        shared, either = np.sum(inside & disc(frame)), np.sum(inside | disc(frame))
        assert shared / either > 0.8, f"the matte of frame {frame} misses the disc"

    # Wherever the clip is moved in time, its mattes are those of its pictures.
    for start, offset in PLACES:
        clip.frame_start, clip.frame_offset = start, offset
        rotopoint.wire()
        first = shots.scene_frame(clip, 1)
        pictures = render(scene, tmp_path / f"out {start}", first, first + COUNT - 1, depth="16")
        differences = [
            np.abs(picture[..., 3].astype(int) - matte).max() / 257
            for picture, matte in zip(pictures, delivered, strict=True)
        ]
        record_property(f"{ALPHA_DIFFERENCE}, start {start} offset {offset}", max(differences))
        assert max(differences) <= 1
        rotopoint.track()
        assert host.state_of(clip).message == f"Done: {COUNT} frames, 0 of them new"

    clip.rotopoint_delivery.kind = "cut-outs"
    rotopoint.deliver()
    assert host.state_of(clip).delivery.message.startswith(f"Delivered {COUNT} frames to ")
    (cut_outs,) = mattes.cut_out_sequences(clip)
    assert cut_outs.numbers == range(first_number, first_number + COUNT)
    assert all(cut_outs.file(frame).is_file() for frame in range(1, COUNT + 1))
    rotopoint.wire()
    first = shots.scene_frame(clip, 1)
    (picture,) = render(scene, tmp_path / "own color", first, first)
    full = delivered[0] == 65535
    assert np.abs(picture[..., :3].astype(int) - plate(1))[full & disc(1)].mean() < 10


def test_a_painted_mask_is_delivered_to_the_pixel(tmp_path: Path) -> None:
    """With its soft edge, whatever the subject's settings of mattes are."""
    preferences().interpreter = ENGINE
    preferences().store_folder = str(tmp_path / "tracks")
    preferences().device, preferences().threads = "cpu", 1
    clip = load_clip(write_sequence(tmp_path / "plates ä"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    rotopoint.subject_add(name="disc")
    coverage = np.zeros((HEIGHT, WIDTH), np.uint8)
    paint(coverage, (61.25, 45.5), (61.25, 45.5), RADIUS + 0.3)
    paint(coverage, (61.0, 20.0), (75.0, 50.0), 3.4, erases=True)
    path = prompt_files.keep(clip, prompt_files.encode(coverage), ".png")
    set_mask(clip, clip.rotopoint.subjects[0], ClipFrame(2), path)
    clip.rotopoint.subjects[0].matte.expand = 3.0

    rotopoint.track()
    assert host.state_of(clip).message == f"Done: {COUNT} frames, {COUNT} of them new"
    matte = read(mattes.folder_of(clip) / "disc_disc_matte.0102.png")
    np.testing.assert_array_equal(matte, coverage.astype(np.uint16) * 257)


def test_the_memory_limits_arrive(tmp_path: Path) -> None:
    """The worker says in its log what it keeps to."""
    chosen = preferences()
    chosen.interpreter, chosen.device = ENGINE, "cpu"
    chosen.cache_memory, chosen.cache_disk, chosen.cache_gpu = 12, 34, 56
    host.engine.start()
    client = host.engine._client
    assert client is not None
    client.wait_for_hello()
    host.engine.close()
    host.engine.wait_until_closed()
    assert "memory 12 MiB, disk 34 MiB, GPU 56 MiB" in client.log
