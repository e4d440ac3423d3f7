# SPDX-License-Identifier: GPL-3.0-or-later
"""How a clip's files are delivered, saved in the .blend: what core offers, as Blender's properties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import MovieClip, PropertyGroup, UILayout

from rotopoint.deliver.deliverable import LARGEST_RATE, TOLERANCES, Colors, Compression, Options
from rotopoint.deliver.kinds import Kind, words_for
from rotopoint.deliver.naming import MOST_DIGITS, TOKENS, USUAL, NameTemplate
from rotopoint.shot import MatteFormat, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import shot_to_dict
from rotopoint.worker.protocol import DeliverRequest

from . import compat, mattes, shots
from .faults import Refused

ALL, ACTIVE, VISIBLE = "ALL", "ACTIVE", "VISIBLE"
AS_TRACKED, PART = "AS_TRACKED", "PART"

VERSIONED = "{clip}_{subject}_{pass}_{version}.{number}"

KINDS = [
    # By number, so that a choice stays what it is in saved files when others join it.
    (kind.value, words_for(kind).label, words_for(kind).help, "", number)
    for number, kind in enumerate(Kind)
]

FORMATS = (
    ("png", "PNG 16 bit", "Gray PNG, 16 bits"),
    ("png8", "PNG 8 bit", "Gray PNG, 8 bits"),
    ("exr", "OpenEXR", "Half float, one channel"),
)

COMPRESSIONS = [
    (kind.value, kind.value.upper(), "Loses a little" if kind is Compression.DWAA else "Lossless")
    for kind in Compression
]


class ROTOPOINT_PG_delivery(PropertyGroup):
    """What is delivered and how; `MovieClip.rotopoint_delivery`."""

    kind: EnumProperty(name="Kind", description="Kind of files", items=KINDS)
    subjects: EnumProperty(
        name="Subjects",
        items=(
            (ALL, "All", "All subjects of the clip"),
            (VISIBLE, "Shown", "The subjects that are shown in the Clip Editor"),
            (ACTIVE, "Active", "The active subject alone"),
        ),
    )
    frames: EnumProperty(
        name="Frames",
        items=(
            (AS_TRACKED, "As Tracked", "The clip's range, or all of it"),
            (PART, "Part", "The clip frames from First to Last"),
        ),
    )
    first: IntProperty(name="First", description="First clip frame", min=1, default=1)
    last: IntProperty(name="Last", description="Last clip frame", min=1, default=1)
    folder: StringProperty(
        name="Folder",
        description=f"Folder of the files; empty: {mattes.DELIVERIES}, beside the clip's mattes",
        subtype="DIR_PATH",
        options=compat.RELATIVE_PATH,
    )
    name_template: StringProperty(
        name="Name",
        description=f"How files are called, with the tokens {', '.join(TOKENS)} in braces",
        default=VERSIONED,
    )
    padding: IntProperty(
        name="Padding", description="Digits of numbers", min=1, max=MOST_DIGITS, default=USUAL.padding
    )
    use_first_number: BoolProperty(
        name="First Number", description="Number the files anew; else they have the plate's numbers"
    )
    first_number: IntProperty(
        name="First Number", description="File number of clip frame 1", min=0, default=1001
    )
    format: EnumProperty(name="Format", items=FORMATS, default=MatteFormat.PNG.value)
    compression: EnumProperty(name="Compression", description="Of EXR files", items=COMPRESSIONS)
    plate: BoolProperty(name="Plate", description="Put the picture into the files too")
    colors: EnumProperty(
        name="Colors",
        items=(
            (Colors.LINEAR.value, "Scene Linear", "As compositing works, with Rec.709 primaries"),
            (Colors.PLATE.value, "As the Plate", "The plate's own values, such as log"),
        ),
    )
    tolerance: FloatProperty(
        name="Tolerance",
        description="How many pixels curves may be off the outline",
        min=TOLERANCES[0],
        max=TOLERANCES[1],
        default=Options().tolerance,
    )
    use_frame_rate: BoolProperty(name="Frame Rate", description="Else it is the clip's own")
    frame_rate: FloatProperty(
        name="Frame Rate", description="Frames a second", min=1.0, max=float(LARGEST_RATE), default=24.0
    )
    overwrite: BoolProperty(name="Overwrite", description="Replace files that are there")
    resume: BoolProperty(
        name="Resume", description="Go on with a delivery of the same that broke off; what is written stays"
    )


def folder_of(clip: MovieClip) -> Path:
    """Where a clip's deliveries go. Raises Refused."""
    chosen = clip.rotopoint_delivery.folder
    return Path(shots.absolute(chosen, clip)) if chosen else mattes.folder_of(clip) / mattes.DELIVERIES


def request_for(clip: MovieClip, id: str = "") -> tuple[DeliverRequest, Shot]:
    """What is asked of the engine, and the shot that it is about.

    Raises Refused, NameTemplateUnusable, and what `shots.shot_of` and FrameRange raise.
    """
    asked, shot = clip.rotopoint_delivery, shots.shot_of(clip)
    chosen = _chosen(clip, shot)
    if without := [subject.name for subject in chosen if not subject.prompts]:
        raise Refused(f"{without[0]} has no points yet: give it one and track it, or choose other subjects")
    names = NameTemplate(asked.name_template, asked.padding)
    settings = replace(
        shot.settings,
        format=MatteFormat(asked.format),
        first_number=asked.first_number if asked.use_first_number else shot.settings.first_number,
    )
    if asked.frames == PART:
        settings = replace(settings, range=FrameRange(ClipFrame(asked.first), ClipFrame(asked.last)))
    shot = replace(shot, settings=settings, subjects=_with_a_say(shot, chosen))
    heeded = words_for(Kind(asked.kind)).options
    request = DeliverRequest(
        id=id,
        shot=shot_to_dict(shot),
        folder=str(folder_of(clip)),
        overwrite=asked.overwrite and not names.has_version,
        resume=asked.resume,
        files=asked.kind,
        compression=asked.compression if _has_compression(asked) else Compression.ZIP.value,
        plate=asked.plate and "plate" in heeded,
        frame_rate=asked.frame_rate if asked.use_frame_rate and "frame_rate" in heeded else None,
        colors=asked.colors if _has_colors(asked) else Colors.LINEAR.value,
        tolerance=asked.tolerance if "tolerance" in heeded else Options().tolerance,
        name=names.text,
        padding=names.padding,
        subjects=tuple(subject.id for subject in chosen),
    )
    return request, shot


def _chosen(clip: MovieClip, shot: Shot) -> list[Subject]:
    """Raises Refused where there are none."""
    active = shots.active_subject(clip)
    taken = {
        ALL: lambda _: True,
        VISIBLE: lambda subject: subject.visible,
        ACTIVE: lambda subject: subject == active,
    }[clip.rotopoint_delivery.subjects]
    uids = [subject.uid for subject in clip.rotopoint.subjects if taken(subject)]
    if not uids:
        raise Refused("there is no subject to deliver: add one, or show one")
    return [subject for subject in shot.subjects if subject.id in uids]


def _with_a_say(shot: Shot, chosen: list[Subject]) -> tuple[Subject, ...]:
    """The subjects that the mattes of those chosen depend on."""
    needed = {subject.id for subject in chosen}
    while more := {id for s in shot.subjects if s.id in needed for id in s.combine.subjects} - needed:
        needed |= more
    looked = ((subject, frame) for subject in chosen for frame in _turns(subject))
    if any(subject.settings_on(frame).looks_beyond for subject, frame in looked):
        return tuple(s for s in shot.subjects if s.prompts)
    return tuple(subject for subject in shot.subjects if subject.id in needed)


def _turns(subject: Subject) -> list[ClipFrame]:
    """Clip frames that tell all settings of a subject's mattes: the first of each override, and one more."""
    last = max((override.frames.last for override in subject.overrides), default=0)
    return [*(override.frames.first for override in subject.overrides), ClipFrame(last + 1)]


def _has_compression(asked: ROTOPOINT_PG_delivery) -> bool:
    heeded = words_for(Kind(asked.kind)).options
    return "compression" in heeded and (asked.format == MatteFormat.EXR.value or "format" not in heeded)


def _has_colors(asked: ROTOPOINT_PG_delivery) -> bool:
    heeded = words_for(Kind(asked.kind)).options
    return "colors" in heeded and (asked.plate or "plate" not in heeded)


def draw_delivery(layout: UILayout, asked: ROTOPOINT_PG_delivery) -> None:
    """What is chosen, and of its options those that the kind of files has."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(asked, "kind")
    heeded = words_for(Kind(asked.kind)).options
    if "format" in heeded:
        layout.prop(asked, "format")
    if _has_compression(asked):
        layout.prop(asked, "compression")
    if "plate" in heeded:
        layout.prop(asked, "plate")
    if _has_colors(asked):
        layout.prop(asked, "colors")
    if "tolerance" in heeded:
        layout.prop(asked, "tolerance")
    if "frame_rate" in heeded:
        _draw_choice(layout, asked, "use_frame_rate", "frame_rate")
    layout.row().prop(asked, "subjects", expand=True)
    layout.row().prop(asked, "frames", expand=True)
    if asked.frames == PART:
        column = layout.column(align=True)
        column.prop(asked, "first")
        column.prop(asked, "last")
    layout.prop(asked, "folder", placeholder=mattes.DELIVERIES)
    layout.prop(asked, "name_template")
    layout.prop(asked, "padding")
    _draw_choice(layout, asked, "use_first_number", "first_number")
    row = layout.row()
    row.active = "{version}" not in asked.name_template
    row.prop(asked, "overwrite")
    layout.prop(asked, "resume")


def _draw_choice(layout: UILayout, asked: Any, switch: str, value: str) -> None:
    row = layout.row(heading=asked.bl_rna.properties[switch].name)
    row.prop(asked, switch, text="")
    number = row.row()
    number.active = getattr(asked, switch)
    number.prop(asked, value, text="")


def register() -> None:
    bpy.utils.register_class(ROTOPOINT_PG_delivery)
    MovieClip.rotopoint_delivery = bpy.props.PointerProperty(type=ROTOPOINT_PG_delivery)


def unregister() -> None:
    del MovieClip.rotopoint_delivery
    bpy.utils.unregister_class(ROTOPOINT_PG_delivery)
