# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the active strip: rotoscope it, put a subject's matte on it, take that off again."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty
from bpy.types import Context, MovieClip, Operator

from .. import made_of, mattes, shots
from ..faults import Refused, line
from ..guarded import DoubtfulOperator, GuardedOperator
from ..matte_sequence import MatteSequence
from ..strip_on_screen import scene_in, strip_in
from ..strip_source import find_clip, refusal, source_clip
from .matte_strip import apply_matte, has_matte, is_matte, remove_matte


def no_strip(context: Context) -> str | None:
    return None if strip_in(context) else "Choose a movie or image strip"


def not_followed(context: Context) -> str | None:
    strip = strip_in(context)
    if strip is None:
        return None
    if is_matte(strip):
        return f"{strip.name} is a matte: choose the strip that it cuts out"
    reason = refusal(strip)
    return None if reason is None else line(Refused(reason))


def no_subjects(context: Context) -> str | None:
    clip = find_clip(strip_in(context))
    if clip is None:
        return "Rotoscope the strip first: it has no clip yet"
    return None if clip.rotopoint.subjects else f"Add a subject to {clip.name} first"


def no_matte(context: Context) -> str | None:
    strip = strip_in(context)
    return None if has_matte(strip) else f"{strip.name} has no matte"


def linked_scene(context: Context) -> str | None:
    if scene_in(context).library is None:
        return None
    return "The scene is linked from another .blend: open that file"


class StripOperator(GuardedOperator):
    """An operator on the active strip; `act` does the work."""

    needs = (no_strip, not_followed)

    def work(self, context: Context) -> None:
        self.act(context, strip_in(context))

    def act(self, context: Context, strip: bpy.types.Strip) -> None:
        """Raises RotopointError, which is reported."""
        raise NotImplementedError


class ROTOPOINT_OT_rotoscope_strip(StripOperator, Operator):
    """Find or load the clip of the active strip, and show it in an open Clip Editor"""

    bl_idname = "rotopoint.rotoscope_strip"
    bl_label = "Rotoscope Strip"

    def act(self, context: Context, strip: bpy.types.Strip) -> None:
        is_new = find_clip(strip) is None
        clip = source_clip(strip)
        context.scene.active_clip = clip
        shown = _show(context, clip)
        done = f"{'Loaded' if is_new else 'Found'} {clip.name}"
        self.report(
            {"INFO"},
            f"{done}: {'see the Clip Editor' if shown else 'point in the preview or in a Clip Editor'}",
        )


def _show(context: Context, clip: MovieClip) -> bool:
    """Let one open Clip Editor show `clip`, of this window if it has one; False where none is open."""
    windows = sorted(context.window_manager.windows, key=lambda window: window != context.window)
    areas = (area for window in windows for area in window.screen.areas)
    area = next((area for area in areas if area.type == "CLIP_EDITOR"), None)
    if area is None:
        return False
    area.spaces.active.clip = clip
    return True


def _subject_names(_self: object, context: Context, typed: str) -> list[str]:
    strip = strip_in(context)
    clip = None if strip is None or refusal(strip) is not None else find_clip(strip)
    return [] if clip is None else [s.name for s in clip.rotopoint.subjects if typed in s.name]


class ROTOPOINT_OT_matte_strip(DoubtfulOperator, StripOperator, Operator):
    """Cut the active strip out by the tracked matte of one subject; again: bring it up to date"""

    bl_idname = "rotopoint.matte_strip"
    bl_label = "Matte Strip"
    needs = (no_strip, not_followed, no_subjects)
    confirm_text = "Use Anyway"

    subject: StringProperty(
        name="Subject",
        description="Name of the subject; empty: the clip's active one",
        search=_subject_names,
        options={"SKIP_SAVE"},
    )

    def doubt(self, context: Context) -> str | None:
        clip = source_clip(strip_in(context))
        found = made_of.outdated(clip, [_matte_of(clip, self.subject)])
        return None if found is None else found.line

    def act(self, _context: Context, strip: bpy.types.Strip) -> None:
        matte = _matte_of(source_clip(strip), self.subject)
        try:
            apply_matte(strip, matte)
        except FileNotFoundError as error:
            raise Refused(f"a matte is missing: {error}") from error
        self.report({"INFO"}, f"{strip.name} has the matte of {matte.subject_name}")


def _matte_of(clip: MovieClip, name: str) -> MatteSequence:
    """The delivered mattes of a subject, an empty name the active one. Raises RotopointError."""
    if name:
        subject = next((s for s in clip.rotopoint.subjects if s.name == name), None)
    else:
        subject = shots.active_subject(clip)
    if subject is None:
        raise Refused(f"{clip.name} has no subject {name}" if name else f"{clip.name} has no active subject")
    for matte in mattes.matte_sequences(clip):
        if matte.subject_id == subject.uid:
            return matte
    raise Refused(f"{subject.name} has no mattes yet: track it")


class ROTOPOINT_OT_matte_strip_remove(StripOperator, Operator):
    """Take the matte off the active strip; the matte files stay"""

    bl_idname = "rotopoint.matte_strip_remove"
    bl_label = "Remove Matte"
    needs = (no_strip, linked_scene, no_matte)

    def act(self, _context: Context, strip: bpy.types.Strip) -> None:
        remove_matte(strip)


CLASSES = (ROTOPOINT_OT_rotoscope_strip, ROTOPOINT_OT_matte_strip, ROTOPOINT_OT_matte_strip_remove)
