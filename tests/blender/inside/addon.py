# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on enabled in a test, its worker replaced by the fake one, and clips that ask something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import addon_utils
import bpy

from blender_addon import host, shots
from blender_addon.preferences import join_command, preferences

FAKE_WORKER = Path(__file__).parents[2] / "worker" / "fake_worker.py"


@contextmanager
def enabled() -> Iterator[None]:
    """The add-on as Blender enables it."""
    assert addon_utils.enable("blender_addon", default_set=True) is not None
    try:
        yield
    finally:
        addon_utils.disable("blender_addon", default_set=True)


def use_fake_worker(*options: str) -> None:
    """Let the preferences name the fake worker, behaving as its options say."""
    host.engine.close()
    preferences().engine = join_command([sys.executable, str(FAKE_WORKER), *options])


def load_clip(path: Path, start: int = 1, offset: int = 0) -> bpy.types.MovieClip:
    """A clip, and the scene's active one, which operators take where there is no Clip Editor."""
    clip = bpy.data.movieclips.load(str(path))
    clip.frame_start, clip.frame_offset = start, offset
    bpy.context.scene.active_clip = clip
    return clip


def add_subject(clip: bpy.types.MovieClip, name: str, *points: tuple[int, float, float, bool]) -> str:
    """A subject with points (frame, x, y, positive) in 0..1, y up; its uid."""
    subject = clip.rotopoint.subjects.add()
    subject.uid, subject.name = shots.new_uid(), name
    for frame, x, y, positive in points:
        point = subject.points.add()
        point.frame, point.x, point.y, point.positive = frame, x, y, positive
    return subject.uid
