# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subject's mattes are combined with, as Blender's properties; see `rotopoint.shot.Combination`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Mask, PropertyGroup

from rotopoint.shot import Combination, DrawnMask
from rotopoint.shot.frames import ClipFrame, FrameRange

from . import compat
from .matte_properties import show_change

UNITED, SUBTRACTED = "united", "subtracted"
GARBAGE, HOLD_IN = "garbage", "hold_in"

HOW = (
    (UNITED, "Add", "The other subject's matte is added"),
    (SUBTRACTED, "Subtract", "The other subject's matte is taken away"),
)
KINDS = (
    (GARBAGE, "Garbage", "What is white in the mask is taken away"),
    (HOLD_IN, "Hold-In", "What is white in the mask is added"),
)


class ROTOPOINT_PG_other(PropertyGroup):
    """Another subject, by its `uid`."""

    uid: StringProperty(options={"HIDDEN"})
    how: EnumProperty(name="How", items=HOW, update=show_change)


class ROTOPOINT_PG_drawn(PropertyGroup):
    """A mask that a person has drawn: an image for all of its frames, or a folder with one a frame.

    `mask` is the Mask of Blender that its files are drawn of, `digest` what `mask_watch.digest_of` said of
    that on the scene's frame `digest_frame`.
    """

    kind: EnumProperty(name="Kind", items=KINDS, update=show_change)
    mask: PointerProperty(type=Mask)
    digest: StringProperty(options={"HIDDEN"})
    digest_frame: IntProperty(options={"HIDDEN"})
    path: StringProperty(
        name="File",
        description="Image of the clip's size, white where it counts; or a folder with one a frame, "
        "the first for the first frame",
        subtype="FILE_PATH",
        options=compat.RELATIVE_PATH,
        update=show_change,
    )
    use_range: BoolProperty(name="Range", description="The mask is for some frames alone", update=show_change)
    first: IntProperty(name="First", description="First clip frame", min=1, default=1, update=show_change)
    last: IntProperty(name="Last", description="Last clip frame", min=1, default=1, update=show_change)


class ROTOPOINT_PG_combine(PropertyGroup):
    """All of it."""

    others: CollectionProperty(type=ROTOPOINT_PG_other)
    drawn: CollectionProperty(type=ROTOPOINT_PG_drawn)


def combination_of(
    asked: ROTOPOINT_PG_combine, subjects: Collection[str], absolute: Callable[[str], str]
) -> Combination:
    """As core has it. `subjects` are the uids of those that there are: others were deleted. A mask whose file
    is not chosen yet asks for nothing. Raises what FrameRange and `absolute` raise."""

    def others(how: str) -> tuple[str, ...]:
        return tuple(other.uid for other in asked.others if other.how == how and other.uid in subjects)

    def drawn(kind: str) -> Iterator[DrawnMask]:
        for mask in asked.drawn:
            if mask.kind == kind and mask.path:
                frames = FrameRange(ClipFrame(mask.first), ClipFrame(mask.last)) if mask.use_range else None
                yield DrawnMask(absolute(mask.path), frames)

    return Combination(others(UNITED), others(SUBTRACTED), tuple(drawn(GARBAGE)), tuple(drawn(HOLD_IN)))


def fill_combination(asked: ROTOPOINT_PG_combine, combination: Combination) -> None:
    """Raises TypeError, ValueError and OverflowError, as Blender's properties do."""
    for how, uids in ((UNITED, combination.united), (SUBTRACTED, combination.subtracted)):
        for uid in uids:
            other = asked.others.add()
            other.uid, other.how = uid, how
    for kind, masks in ((GARBAGE, combination.garbage), (HOLD_IN, combination.hold_in)):
        for mask in masks:
            part = asked.drawn.add()
            part.kind, part.path, part.use_range = kind, mask.path, mask.frames is not None
            if mask.frames is not None:
                part.first, part.last = mask.frames.first, mask.frames.last


CLASSES = (ROTOPOINT_PG_other, ROTOPOINT_PG_drawn, ROTOPOINT_PG_combine)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
