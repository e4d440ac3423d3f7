# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a scene differs from a clip that is composited in it, and how it is made to fit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from bpy.types import MovieClip, Scene

from .. import shots

NEUTRAL = ("Standard", "Raw")
"""View transforms under which footage looks as it was shot."""

CLOSE = 0.005
"""Frames a second that nobody tells apart."""


@dataclass(frozen=True)
class Format:
    """`size` is (width, height) in pixels, `frames` the first and last scene frame, `rate` frames a second.

    The rate is None where nothing says one.
    """

    size: tuple[int, int]
    frames: tuple[int, int]
    rate: float | None


def format_of_scene(scene: Scene) -> Format:
    render = scene.render
    scale = render.resolution_percentage / 100
    size = (round(render.resolution_x * scale), round(render.resolution_y * scale))
    return Format(size, (scene.frame_start, scene.frame_end), render.fps / render.fps_base)


def format_of_clip(clip: MovieClip) -> Format:
    """Raises Refused where the clip's file is not there."""
    last = shots.frame_count(clip)
    frames = (shots.scene_frame(clip, 1), shots.scene_frame(clip, last))
    # An image sequence has a rate of 0.
    return Format(shots.size_of(clip), frames, clip.fps or None)


def difference(scene: Scene, clip: MovieClip) -> str | None:
    """What of the scene is not as the clip has it, as one line; None where all is.

    Raises as `format_of_clip` does.
    """
    ours, theirs = format_of_scene(scene), format_of_clip(clip)
    found = []
    if ours.size != theirs.size:
        found.append(f"{_size(ours.size)} pixels, the clip {_size(theirs.size)}")
    if ours.frames != _renderable(theirs.frames):
        found.append(f"frames {_range(ours.frames)}, the clip {_range(theirs.frames)}")
    if theirs.rate is not None and ours.rate is not None and abs(ours.rate - theirs.rate) > CLOSE:
        found.append(f"{ours.rate:.5g} frames a second, the clip {theirs.rate:.5g}")
    return f"The scene has {'; '.join(found)}" if found else None


def match(scene: Scene, clip: MovieClip) -> None:
    """Give the scene the clip's resolution, frames and frame rate. Raises as `format_of_clip` does."""
    theirs, render = format_of_clip(clip), scene.render
    render.resolution_x, render.resolution_y = theirs.size
    render.resolution_percentage = 100
    scene.frame_start, scene.frame_end = _renderable(theirs.frames)
    if theirs.rate is not None:
        render.fps, render.fps_base = whole_rate(theirs.rate)


def whole_rate(rate: float) -> tuple[int, float]:
    """A frame rate as Blender has it, a whole number and a base: 23.976 is 24 / 1.001."""
    whole = max(1, round(rate))
    base = whole / rate
    for known in (Fraction(1), Fraction(1001, 1000)):
        if abs(whole / float(known) - rate) <= CLOSE:
            return whole, float(known)
    return whole, base


def footage_altered(scene: Scene) -> str | None:
    """How the scene's view transform alters the look of footage, as one line; None where it does not."""
    chosen = scene.view_settings.view_transform
    if chosen in NEUTRAL or chosen == "None":
        return None
    return (
        f"The view transform {chosen} changes how footage looks, also in files: Standard leaves it as it is"
    )


def _renderable(frames: tuple[int, int]) -> tuple[int, int]:
    """Blender renders no frame below 0."""
    return max(frames[0], 0), max(frames[1], 0)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _range(frames: tuple[int, int]) -> str:
    return f"{frames[0]}-{frames[1]}"
