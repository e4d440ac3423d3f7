# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's mattes as a Mask of Blender, whose splines can be edited on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Mask, MaskLayer, MovieClip

from rotopoint.outline import Spline, outlines

from . import compat, shots
from .faults import Refused
from .matte_sequence import MatteSequence

SHOWN = ("hide", "hide_render")
"""What is keyed, so that each layer is there on its frame alone."""


WAIT_SECONDS = 0.004
"""That a step waits for the splines of a frame, at most."""


def making(clip: MovieClip, sequence: MatteSequence, tolerance: float) -> Iterator[tuple[Mask, int]]:
    """Make a Mask of a subject's mattes, and tell after each step how many frames it has; it is whole when
    the iterator ends.

    A layer a frame holds the splines of its outline, within `tolerance` pixels: outlines part and join, and
    one layer's splines cannot. Inside is what an odd number of them is about. Splines are fitted on a thread
    of their own: what a step does in Blender's is a part of reading a frame, or adding its splines.
    Where the iterator is closed before its end the Mask is removed again. Raises Refused where a matte
    cannot be read.
    """
    size = shots.size_of(clip)
    mask = bpy.data.masks.new(sequence.subject_name)
    is_whole = False
    fitting = ThreadPoolExecutor(1, "outlines")
    try:
        for done, frame in enumerate(range(sequence.first_frame, sequence.last_frame + 1)):
            file = sequence.file(frame)
            with closing(reading_matte(file)) as steps:
                next(steps)
                yield mask, done
                matte = next(steps)
            yield mask, done
            if matte.shape != size[::-1]:
                raise Refused(
                    f"{file} is {matte.shape[1]}x{matte.shape[0]}, the clip {size[0]}x{size[1]} pixels"
                )
            fitted = fitting.submit(outlines, matte, tolerance)
            while not wait([fitted], WAIT_SECONDS).done:
                yield mask, done
            layer = mask.layers.new(name=f"{frame:04d}")
            layer.use_fill_holes = True
            for spline in fitted.result():
                add_spline(layer, spline, size)
            show_on(layer, shots.scene_frame(clip, frame))
            yield mask, done + 1
        mask.frame_start = shots.scene_frame(clip, sequence.first_frame)
        mask.frame_end = shots.scene_frame(clip, sequence.last_frame)
        is_whole = True
    finally:
        fitting.shutdown(wait=False, cancel_futures=True)
        if not is_whole:
            bpy.data.masks.remove(mask)


def reading_matte(file: Path) -> Generator[np.ndarray | None]:
    """Read a matte's file in two steps, which take as long; the second one gives its coverage (H, W). Raises
    Refused."""
    try:
        image = bpy.data.images.load(str(file))
    except RuntimeError as error:
        raise Refused(f"cannot read {file}; track the clip anew") from error
    try:
        compat.set_non_color(image)
        # Asking for its size decodes it.
        width, height = image.size
        if not (width and height and image.channels):
            raise Refused(f"cannot read {file}; track the clip anew")
        yield None
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    yield pixels.reshape(height, width, -1)[::-1, :, 0]


def add_spline(layer: MaskLayer, spline: Spline, size: tuple[int, int]) -> None:
    """One closed spline, from pixels of the source."""
    added = layer.splines.new()
    added.use_cyclic = True
    # A new one has a point already.
    added.points.add(len(spline.points) - 1)
    parts = (in_mask(part, size).tolist() for part in (spline.points, spline.left, spline.right))
    for point, place, left, right in zip(added.points, *parts, strict=True):
        point.handle_left_type = point.handle_right_type = "FREE"
        point.co, point.handle_left, point.handle_right = place, left, right


def in_mask(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Points (n, 2) of a picture in the space of Masks: its longer side is 1, its middle .5, y goes up."""
    width, height = size
    return 0.5 + (points - (width / 2, height / 2)) * (1, -1) / max(size)


def show_on(layer: MaskLayer, frame: int) -> None:
    """Let a layer be there on one frame of the scene alone."""
    for at, hidden in ((frame - 1, True), (frame, False), (frame + 1, True)):
        for name in SHOWN:
            setattr(layer, name, hidden)
            layer.keyframe_insert(name, frame=at)
