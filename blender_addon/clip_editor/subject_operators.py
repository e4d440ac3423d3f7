# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects of a clip: add, rename, duplicate, move in the list, delete."""

from __future__ import annotations

import colorsys

from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, MovieClip, Operator
from mathutils import Color

from rotopoint.errors import SubjectNameInvalid
from rotopoint.shot.names import name_fault

from .. import shots
from ..faults import Refused
from ..matte_properties import fill_override, fill_settings, overrides_of, settings_of
from .context import ClipOperator, linked, locked, no_clip, no_subject, subject_in

GOLDEN_RATIO = 0.618034
"""Hues this far apart around the circle stay apart, however many follow."""

FIRST_HUE = 0.05


def _color(index: int) -> tuple[float, float, float]:
    """Linear RGB."""
    shown = colorsys.hsv_to_rgb((FIRST_HUE + GOLDEN_RATIO * index) % 1.0, 0.9, 1.0)
    return tuple(Color(shown).from_srgb_to_scene_linear())


def _free_name(clip: MovieClip, base: str, first: int) -> str:
    taken = {subject.name.casefold() for subject in clip.rotopoint.subjects}
    number = first
    while f"{base} {number}".casefold() in taken:
        number += 1
    return f"{base} {number}"


def _check_name(clip: MovieClip, name: str, own: int | None = None) -> None:
    """Raises SubjectNameInvalid. `own` is the index of the subject that gets the name."""
    if fault := name_fault(name):
        raise SubjectNameInvalid(name, fault)
    others = (s.name.casefold() for n, s in enumerate(clip.rotopoint.subjects) if n != own)
    if name.casefold() in others:
        raise SubjectNameInvalid(name, "another subject has this name")


class ROTOPOINT_OT_subject_add(ClipOperator, Operator):
    """Add a subject: something in the clip that gets mattes of its own"""

    bl_idname = "rotopoint.subject_add"
    bl_label = "Add Subject"
    needs = (no_clip, linked)

    name: StringProperty(
        name="Name", description="Empty: Subject with the next free number", options={"SKIP_SAVE"}
    )

    def act(self, context: Context, clip: MovieClip) -> None:
        asked = clip.rotopoint
        name = self.name or _free_name(clip, "Subject", 1)
        _check_name(clip, name)
        subject = asked.subjects.add()
        subject.uid, subject.name = shots.new_uid(), name
        subject.color = _color(len(asked.subjects) - 1)
        asked.active_index = len(asked.subjects) - 1


class ROTOPOINT_OT_subject_rename(ClipOperator, Operator):
    """Rename the active subject; its track stays, new mattes have the new name"""

    bl_idname = "rotopoint.subject_rename"
    bl_label = "Rename Subject"
    needs = (no_clip, linked, no_subject)

    name: StringProperty(name="Name")

    def invoke(self, context: Context, _event: Event) -> set[str]:
        self.name = subject_in(context).name
        return context.window_manager.invoke_props_dialog(self)

    def act(self, context: Context, clip: MovieClip) -> None:
        _check_name(clip, self.name, own=clip.rotopoint.active_index)
        subject_in(context).name = self.name


class ROTOPOINT_OT_subject_duplicate(ClipOperator, Operator):
    """Add a subject with the prompts of the active one, absent where that is"""

    bl_idname = "rotopoint.subject_duplicate"
    bl_label = "Duplicate Subject"
    needs = (no_clip, linked, no_subject)

    def act(self, context: Context, clip: MovieClip) -> None:
        asked = clip.rotopoint
        index = asked.active_index
        name = _free_name(clip, asked.subjects[index].name, 2)
        copy = asked.subjects.add()
        # Adding moves the others in memory.
        original = asked.subjects[index]
        copy.follow = original.follow
        fill_settings(copy.matte, settings_of(original.matte))
        for override in tuple(overrides_of(original.overrides)):
            fill_override(copy.overrides.add(), override)
        copy.uid, copy.name, copy.color = shots.new_uid(), name, _color(len(asked.subjects) - 1)
        copied = copy.prompts_by_kind()
        parts = [(prompts, copied[kind]) for kind, prompts in original.prompts_by_kind().items()]
        parts += [
            (original.absent, copy.absent),
            (original.combine.others, copy.combine.others),
            (original.combine.drawn, copy.combine.drawn),
        ]
        for source, target in parts:
            for part in source:
                new = target.add()
                for key in set(part.bl_rna.properties.keys()) - {"rna_type", "name"}:
                    setattr(new, key, getattr(part, key))
        asked.active_index = len(asked.subjects) - 1


class ROTOPOINT_OT_subject_remove(ClipOperator, Operator):
    """Delete the active subject with its prompts; its matte files stay"""

    bl_idname = "rotopoint.subject_remove"
    bl_label = "Delete Subject"
    needs = (no_clip, linked, no_subject, locked)

    def act(self, context: Context, clip: MovieClip) -> None:
        asked = clip.rotopoint
        asked.subjects.remove(asked.active_index)
        asked.active_index = max(0, min(asked.active_index, len(asked.subjects) - 1))


class ROTOPOINT_OT_subject_move(ClipOperator, Operator):
    """Move the active subject up or down in the list; no matte depends on the order"""

    bl_idname = "rotopoint.subject_move"
    bl_label = "Move Subject"
    needs = (no_clip, linked, no_subject)

    up: BoolProperty(name="Up", description="Towards the list's top")

    def act(self, _context: Context, clip: MovieClip) -> None:
        asked = clip.rotopoint
        index = asked.active_index + (-1 if self.up else 1)
        if not 0 <= index < len(asked.subjects):
            raise Refused(
                f"{asked.subjects[asked.active_index].name} is {'first' if self.up else 'last'} already"
            )
        asked.subjects.move(asked.active_index, index)
        asked.active_index = index


CLASSES = (
    ROTOPOINT_OT_subject_add,
    ROTOPOINT_OT_subject_rename,
    ROTOPOINT_OT_subject_duplicate,
    ROTOPOINT_OT_subject_remove,
    ROTOPOINT_OT_subject_move,
)
