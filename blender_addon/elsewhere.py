# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine on another machine: how that one calls the folders of this one, in the preferences."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
from bpy.props import IntProperty, StringProperty
from bpy.types import Context, Operator, PropertyGroup, UILayout

from rotopoint.worker.elsewhere import PathMapping, PathPair

from .lines import draw_text

EXPLANATION = (
    "The engine's command may reach another machine, as ssh does. Footage, mattes and masks have to lie where"
    " both can reach them; where that one calls their folders by other names, say so here."
)


class ROTOPOINT_folder_pair(PropertyGroup):
    here: StringProperty(name="Here", description="A folder as this machine calls it", subtype="DIR_PATH")
    there: StringProperty(name="There", description="The same folder as the engine's machine calls it")


def mapping(pairs: Iterable[ROTOPOINT_folder_pair]) -> PathMapping:
    """What the rows say; those without both sides count for nothing."""
    return PathMapping(PathPair(bpy.path.abspath(pair.here), pair.there) for pair in pairs)


def draw_pairs(layout: UILayout, context: Context, pairs: Iterable[ROTOPOINT_folder_pair]) -> None:
    box = layout.box()
    draw_text(box, context, EXPLANATION)
    for number, pair in enumerate(pairs):
        row = box.row(align=True)
        row.use_property_split = False
        row.prop(pair, "here", text="")
        row.label(icon="FORWARD")
        row.prop(pair, "there", text="")
        row.operator("rotopoint.folder_pair_remove", text="", icon="REMOVE").index = number
    box.operator("rotopoint.folder_pair_add", icon="ADD")


class ROTOPOINT_OT_folder_pair_add(Operator):
    """Name another folder of an engine's machine"""

    bl_idname = "rotopoint.folder_pair_add"
    bl_label = "Add Folder"
    bl_options = {"REGISTER", "INTERNAL"}

    def execute(self, context: Context) -> set[str]:
        context.preferences.addons[__package__].preferences.folder_pairs.add()
        return {"FINISHED"}


class ROTOPOINT_OT_folder_pair_remove(Operator):
    """Forget this folder of an engine's machine"""

    bl_idname = "rotopoint.folder_pair_remove"
    bl_label = "Remove Folder"
    bl_options = {"REGISTER", "INTERNAL"}

    index: IntProperty(options={"HIDDEN"})

    def execute(self, context: Context) -> set[str]:
        context.preferences.addons[__package__].preferences.folder_pairs.remove(self.index)
        return {"FINISHED"}


CLASSES = (ROTOPOINT_folder_pair, ROTOPOINT_OT_folder_pair_add, ROTOPOINT_OT_folder_pair_remove)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
