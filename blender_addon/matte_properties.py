# SPDX-License-Identifier: GPL-3.0-or-later
"""How a subject's mattes are made, as Blender's properties: one for each field of core's settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import groupby
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import Context, PropertyGroup, UILayout

from rotopoint.shot import MatteOverride, MatteSettings
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.matte_settings import MATTE_SETTINGS, matte_setting
from rotopoint.shot.setting import Setting, Value, plain

DECIMALS = 4
"""Blender keeps numbers in single precision."""


def show_change(_group: PropertyGroup, _context: Context) -> None:
    """What comes of another setting is asked for at once."""
    # It imports this module.
    from . import host

    host.show_settings()


FRAME = {"min": 1, "default": 1, "update": show_change}


def _property(described: Setting) -> Any:
    said: dict[str, Any] = {
        "name": described.label,
        "description": described.help,
        "default": plain(described.default),
        "update": show_change,
    }
    if issubclass(described.kind, Enum):
        # By number, so that a choice stays what it is in saved files when others join it.
        items = [
            (member.value, member.value.replace("_", " ").capitalize(), described.choices[member], "", number)
            for number, member in enumerate(described.kind)
        ]
        return EnumProperty(items=items, **said)
    if described.kind is bool:
        return BoolProperty(**said)
    said |= {"min": described.least, "max": described.most}
    if described.usual_most is not None:
        said["soft_max"] = described.usual_most
    if described.unit == "px":
        said["subtype"] = "PIXEL"
    if described.kind is int:
        return IntProperty(**{k: int(v) if isinstance(v, float) else v for k, v in said.items()})
    return FloatProperty(**said)


class ROTOPOINT_PG_matte(PropertyGroup):
    """How a subject's mattes are made; see `rotopoint.shot.MatteSettings`."""

    __annotations__ = {name: _property(described) for name, described in MATTE_SETTINGS.items()}


class ROTOPOINT_PG_override(PropertyGroup):
    """One setting with another value on some frames: the one of `values` that `setting` names."""

    first: IntProperty(name="First", **FRAME)
    last: IntProperty(name="Last", **FRAME)
    setting: StringProperty(name="Setting")
    values: PointerProperty(type=ROTOPOINT_PG_matte)


def settings_of(values: ROTOPOINT_PG_matte) -> MatteSettings:
    """Raises what MatteSettings raises."""
    return MatteSettings(**{name: _value(values, name) for name in MATTE_SETTINGS})


def overrides_of(overrides: Iterable[ROTOPOINT_PG_override]) -> Iterator[MatteOverride]:
    """Raises what MatteOverride and FrameRange raise."""
    for part in overrides:
        frames = FrameRange(ClipFrame(part.first), ClipFrame(part.last))
        name = matte_setting(part.setting)
        yield MatteOverride(frames, name, _value(part.values, name))


def fill_settings(values: ROTOPOINT_PG_matte, settings: MatteSettings) -> None:
    """Raises TypeError, ValueError and OverflowError, as Blender's properties do."""
    for name in MATTE_SETTINGS:
        setattr(values, name, plain(getattr(settings, name)))


def fill_override(part: ROTOPOINT_PG_override, override: MatteOverride) -> None:
    """Raises as `fill_settings` does."""
    part.first, part.last, part.setting = override.frames.first, override.frames.last, override.name
    setattr(part.values, override.name, plain(override.value))


def draw_settings(layout: UILayout, values: ROTOPOINT_PG_matte) -> None:
    """All settings, those of one group under its heading."""
    for group, settings in groupby(MATTE_SETTINGS.values(), key=lambda described: described.group):
        column = layout.column(align=True)
        column.label(text=group)
        for described in settings:
            column.prop(values, described.name)


def draw_overrides(layout: UILayout, overrides: Sequence[ROTOPOINT_PG_override], frame: int) -> None:
    """What is otherwise on a clip frame."""
    for index, part in enumerate(overrides):
        if part.first <= frame <= part.last and part.setting in MATTE_SETTINGS:
            column = layout.column(align=True)
            row = column.row(align=True)
            row.prop(part.values, part.setting)
            row.operator("rotopoint.override_remove", text="", icon="X").index = index
            row = column.row(align=True)
            row.prop(part, "first")
            row.prop(part, "last")


def _value(values: ROTOPOINT_PG_matte, name: str) -> Value:
    value = getattr(values, name)
    return MATTE_SETTINGS[name].checked(round(value, DECIMALS) if isinstance(value, float) else value)


CLASSES = (ROTOPOINT_PG_matte, ROTOPOINT_PG_override)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
