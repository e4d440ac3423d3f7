# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip remembers, saved in the .blend: subjects, their prompts, and settings.

Only what a person asked. Coordinates are the Clip Editor's: 0..1 over the picture, y up. Frames are the
shot's clip frames, 1 the first picture of the clip's file, so prompts stay on their pictures when the clip's
Start Frame or Frame Offset changes.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import MovieClip, PropertyGroup, bpy_prop_collection

from rotopoint.checkpoints import registry
from rotopoint.shot import Settings, Subject
from rotopoint.shot.prompts import CANDIDATES
from rotopoint.tracking.policy import POLICIES

from . import compat
from .combine_properties import ROTOPOINT_PG_combine
from .matte_properties import ROTOPOINT_PG_matte, ROTOPOINT_PG_override

POINT, BOX, MASK = "POINT", "BOX", "MASK"
"""Kinds of prompts."""

DIRECTIONS = (
    ("both", "Both", "Track from the prompted frames to both ends of the range"),
    ("forward", "Forward", "Track from the first prompted frame to the end of the range"),
    ("backward", "Backward", "Track from the last prompted frame to the start of the range"),
)
FORMATS = (
    ("png", "PNG 16 bit", "Gray PNG, 16 bits"),
    ("png8", "PNG 8 bit", "Gray PNG, 8 bits"),
    ("exr", "OpenEXR", "Half float, one channel"),
)


def _checkpoints(_self: object, _context: object, typed: str) -> list[tuple[str, str]]:
    """With what a person chooses by."""
    named = [entry for entry in registry() if typed in entry.name]
    return [(entry.name, ", ".join(filter(None, (entry.speed, entry.memory)))) for entry in named]


def _policies(_self: object, _context: object, typed: str) -> list[str]:
    return [policy.name for policy in POLICIES if typed in policy.name]


def _transforms(_self: object, _context: object, typed: str) -> list[str]:
    return [name for name in ("auto", "srgb", "linear") if typed in name]


class ROTOPOINT_PG_point(PropertyGroup):
    """A point on one frame."""

    frame: IntProperty(name="Frame", min=1, default=1)
    x: FloatProperty(name="X", min=0.0, max=1.0, precision=4)
    y: FloatProperty(name="Y", min=0.0, max=1.0, precision=4)
    positive: BoolProperty(name="Positive", description="Inside of the subject, or outside", default=True)
    candidate: IntProperty(
        name="Candidate",
        description="Which of the masks that one point can mean is taken; 0: the model's choice. "
        "Beside other points or a box on the frame it means nothing",
        min=0,
        max=CANDIDATES,
    )


class ROTOPOINT_PG_box(PropertyGroup):
    """A box on one frame; (x0, y0) is its bottom left corner."""

    frame: IntProperty(name="Frame", min=1, default=1)
    x0: FloatProperty(name="Left", min=0.0, max=1.0, precision=4)
    y0: FloatProperty(name="Bottom", min=0.0, max=1.0, precision=4)
    x1: FloatProperty(name="Right", min=0.0, max=1.0, precision=4)
    y1: FloatProperty(name="Top", min=0.0, max=1.0, precision=4)


class ROTOPOINT_PG_mask(PropertyGroup):
    """A mask file for one frame."""

    frame: IntProperty(name="Frame", min=1, default=1)
    path: StringProperty(
        name="File",
        description="Image of the clip's size; what is brighter than half belongs to the subject",
        subtype="FILE_PATH",
        options=compat.RELATIVE_PATH,
    )


class ROTOPOINT_PG_absent(PropertyGroup):
    """Clip frames on which a subject is not there."""

    first: IntProperty(name="First", min=1, default=1)
    last: IntProperty(name="Last", min=1, default=1)


class ROTOPOINT_PG_approved(PropertyGroup):
    """A matte that stays as it is: its file, known by content."""

    frame: IntProperty(name="Frame", min=1, default=1)
    path: StringProperty(name="File", subtype="FILE_PATH", options=compat.RELATIVE_PATH)
    sha256: StringProperty(options={"HIDDEN"})


class ROTOPOINT_PG_subject(PropertyGroup):
    """One tracked thing. Its `uid` stays when it is renamed."""

    uid: StringProperty(options={"HIDDEN"})
    name: StringProperty(name="Name", description="Name of the subject and of its matte files")
    color: FloatVectorProperty(
        name="Color",
        description="Color of the subject's points and mask in the Clip Editor",
        subtype="COLOR",
        size=3,
        min=0.0,
        max=1.0,
        default=Subject.color,
    )
    visible: BoolProperty(name="Show", description="Show points and mask in the Clip Editor", default=True)
    locked: BoolProperty(name="Lock", description="Protect the subject's prompts from changes")
    follow: BoolProperty(
        name="Follow",
        description="Track in a part of the picture that goes with the subject: small ones in large plates",
    )
    points: CollectionProperty(type=ROTOPOINT_PG_point)
    boxes: CollectionProperty(type=ROTOPOINT_PG_box)
    masks: CollectionProperty(type=ROTOPOINT_PG_mask)
    absent: CollectionProperty(type=ROTOPOINT_PG_absent)
    approved: CollectionProperty(type=ROTOPOINT_PG_approved)
    matte: PointerProperty(type=ROTOPOINT_PG_matte)
    overrides: CollectionProperty(type=ROTOPOINT_PG_override)
    combine: PointerProperty(type=ROTOPOINT_PG_combine)

    def prompts_by_kind(self) -> dict[str, bpy_prop_collection]:
        """All that are asked of the subject: points, boxes and masks, by POINT, BOX and MASK."""
        return {POINT: self.points, BOX: self.boxes, MASK: self.masks}

    def prompted_frames(self) -> list[int]:
        """The clip frame of each prompt, in no order; empty where nothing is asked yet."""
        return [prompt.frame for prompts in self.prompts_by_kind().values() for prompt in prompts]


class ROTOPOINT_PG_clip(PropertyGroup):
    """All that is asked of a clip; `MovieClip.rotopoint`."""

    subjects: CollectionProperty(type=ROTOPOINT_PG_subject)
    active_index: IntProperty(name="Active Subject", min=0)
    use_range: BoolProperty(
        name="Range", description="Track a part of the clip; otherwise all of it is tracked"
    )
    range_first: IntProperty(
        name="First", description="First clip frame, counted from 1 at the file's first", min=1, default=1
    )
    range_last: IntProperty(
        name="Last", description="Last clip frame, counted from 1 at the file's first", min=1, default=1
    )
    direction: EnumProperty(name="Direction", items=DIRECTIONS, default=Settings.direction.value)
    checkpoint: StringProperty(
        name="Checkpoint",
        description="Name of a registered checkpoint, or its file",
        default=Settings.checkpoint,
        search=_checkpoints,
        search_options={"SUGGESTION"},
    )
    policy: StringProperty(
        name="Policy",
        description="How the tracker chooses what it remembers",
        default=Settings.policy,
        search=_policies,
        search_options={"SUGGESTION"},
    )
    input_transform: StringProperty(
        name="Input",
        description="Color of the clip's file: auto (as the clip's color space says), srgb, linear, "
        "or a .cube file to sRGB",
        default=Settings.input_transform,
        search=_transforms,
        search_options={"SUGGESTION"},
    )
    format: EnumProperty(
        name="Format", description="Files of the mattes", items=FORMATS, default=Settings.format.value
    )
    folder: StringProperty(
        name="Folder",
        description="Folder of the mattes; empty: a folder for this clip beside the .blend",
        subtype="DIR_PATH",
        options=compat.RELATIVE_PATH,
    )
    use_first_number: BoolProperty(
        name="First Number",
        description="Number the files anew; else sequences keep the plate's numbers, video has clip frames",
    )
    first_number: IntProperty(
        name="First Number", description="File number of clip frame 1", min=0, default=1001
    )


CLASSES = (
    ROTOPOINT_PG_point,
    ROTOPOINT_PG_box,
    ROTOPOINT_PG_mask,
    ROTOPOINT_PG_absent,
    ROTOPOINT_PG_approved,
    ROTOPOINT_PG_subject,
    ROTOPOINT_PG_clip,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    MovieClip.rotopoint = PointerProperty(type=ROTOPOINT_PG_clip, name="Rotopoint")


def unregister() -> None:
    del MovieClip.rotopoint
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
