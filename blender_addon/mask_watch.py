# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of Blender that were edited since their files were drawn.

A Mask's splines can be asked for on the frame of the scene alone, so each frame is compared with what it was
when somebody first came there: whoever edits a Mask is on a frame of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import bpy
import numpy as np
from bpy.app.handlers import depsgraph_update_post, frame_change_post, load_post, persistent
from bpy.types import Depsgraph, Mask, MaskSpline, Scene

from . import windows
from .combine_properties import ROTOPOINT_PG_drawn

LAYER = ("alpha", "blend", "invert", "falloff", "use_fill_holes", "use_fill_overlap", "hide_render")
SPLINE = ("use_cyclic", "use_fill", "offset_mode", "weight_interpolation")
POINT = {"co": 2, "handle_left": 2, "handle_right": 2, "weight": 1}
"""What has a say in how a Mask is drawn, and how many numbers it is."""


@dataclass
class MaskWatch:
    """By the Mask, which is known by its `session_uid`, and the scene's frame: its digest when its files were
    drawn, and by now."""

    drawn: dict[int, dict[int, str]] = field(default_factory=dict)
    seen: dict[int, dict[int, str]] = field(default_factory=dict)

    def draw(self, mask: int, frame: int, digest: str) -> None:
        """Its files are of what it is now."""
        self.drawn[mask], self.seen[mask] = {frame: digest}, {}

    def look(self, mask: int, frame: int, digest: str) -> bool:
        """Whether its files are by now of what it was, or not any more, other than before."""
        before = self.edited(mask)
        self.drawn.setdefault(mask, {}).setdefault(frame, digest)
        self.seen.setdefault(mask, {})[frame] = digest
        return self.edited(mask) != before

    def edited(self, mask: int) -> bool:
        """Whether its files are of what it was."""
        drawn = self.drawn.get(mask, {})
        return any(drawn[frame] != digest for frame, digest in self.seen.get(mask, {}).items())

    def clear(self) -> None:
        self.drawn.clear()
        self.seen.clear()


watch = MaskWatch()
"""Of the file that is open."""


def digest_of(mask: Mask) -> str:
    """Of all that is drawn of a Mask on the scene's frame."""
    found = hashlib.sha256()
    for layer in mask.layers:
        found.update(repr([getattr(layer, name) for name in LAYER]).encode())
        for spline in layer.splines:
            found.update(repr([getattr(spline, name) for name in SPLINE]).encode())
            found.update(_numbers(spline))
    return found.hexdigest()


def _numbers(spline: MaskSpline) -> bytes:
    points = spline.points
    parts = []
    for name, size in POINT.items():
        values = np.empty(len(points) * size, np.float32)
        points.foreach_get(name, values)
        parts.append(values.tobytes())
    feather = [(f.u, f.weight) for f in chain.from_iterable(p.feather_points for p in points)]
    return b"".join((*parts, repr(feather).encode()))


def note_drawn(part: ROTOPOINT_PG_drawn, mask: Mask, frame: int, digest: str) -> None:
    """The files of `part` are of a Mask that had this digest on the scene's frame."""
    part.mask, part.digest, part.digest_frame = mask, digest, frame
    watch.draw(mask.session_uid, frame, digest)


def is_outdated(part: ROTOPOINT_PG_drawn) -> bool:
    """Whether the Mask that the files of `part` are of was edited since."""
    return part.mask is not None and watch.edited(part.mask.session_uid)


def _parts() -> Iterator[ROTOPOINT_PG_drawn]:
    for clip in bpy.data.movieclips:
        for subject in clip.rotopoint.subjects:
            yield from (part for part in subject.combine.drawn if part.mask is not None)


def _look(scene: Scene) -> None:
    if all(window.scene != scene for window in bpy.context.window_manager.windows):
        # That of a render: a Mask's splines are those of the frame on screen.
        return
    used = {part.mask.session_uid: part.mask for part in _parts()}
    changed = [watch.look(uid, scene.frame_current, digest_of(mask)) for uid, mask in used.items()]
    if any(changed):
        windows.redraw()


@persistent
def _after_edit(scene: Scene, depsgraph: Depsgraph) -> None:
    if depsgraph.mode == "VIEWPORT" and any(isinstance(update.id, Mask) for update in depsgraph.updates):
        _look(scene)


@persistent
def _after_frame(scene: Scene, depsgraph: Depsgraph) -> None:
    if depsgraph.mode == "VIEWPORT":
        _look(scene)


@persistent
def _after_load(*_: object) -> None:
    watch.clear()
    for part in _parts():
        watch.draw(part.mask.session_uid, part.digest_frame, part.digest)
    _look(bpy.context.scene)


HANDLERS = ((depsgraph_update_post, _after_edit), (frame_change_post, _after_frame), (load_post, _after_load))


def register() -> None:
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    for handlers, handler in HANDLERS:
        handlers.remove(handler)
    watch.clear()
