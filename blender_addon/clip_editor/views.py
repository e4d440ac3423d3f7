# SPDX-License-Identifier: GPL-3.0-or-later
"""How mattes are looked at in the Clip Editor: what a person has set of it, and where it is set.

It belongs to Blender's windows and not to the shot: undo does not touch it, and no track depends on it.
"""

from __future__ import annotations

from enum import StrEnum

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty
from bpy.types import Context, Event, Operator, Panel, PropertyGroup, WindowManager

from .. import host, strip_on_screen, windows
from .pointing import canvas_in, position


class View(StrEnum):
    OUTLINE = "OUTLINE"
    MATTE = "MATTE"
    TRIMAP = "TRIMAP"
    CUT_OUT = "CUT_OUT"


ITEMS = (
    (
        View.OUTLINE,
        "Outline",
        "Each matte over the picture, in its subject's color and outlined at its edge",
        "",
        0,
    ),
    (View.MATTE, "Matte", "What the mattes hold in white, all else in black", "", 1),
    (
        View.TRIMAP,
        "Trimap",
        "Where alpha is known in white and black, where it is to be solved in gray",
        "",
        3,
    ),
    (View.CUT_OUT, "Cut-Out", "What the mattes hold of the picture, over a checkerboard", "", 2),
)
"""With numbers: files keep these."""


def _redraw(_self: object, _context: Context) -> None:
    windows.redraw()


def _show_view(_self: object, _context: Context) -> None:
    windows.redraw()
    # Another view may take what is not there yet.
    host.show_settings()


class ROTOPOINT_PG_views(PropertyGroup):
    """`WindowManager.rotopoint_views`"""

    show: BoolProperty(
        name="Show Mattes",
        description="Show the mattes of visible subjects over the picture",
        default=True,
        update=_redraw,
    )
    view: EnumProperty(name="View", description="How mattes are shown", items=ITEMS, update=_show_view)
    fill: FloatProperty(
        name="Opacity",
        description="Opacity of a matte's area; at 0 its outline stays",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        default=0.4,
        update=_redraw,
    )
    hover: BoolProperty(
        name="Hover Preview",
        description="While pointing, show the mask that a click under the mouse would give",
    )
    split: FloatProperty(
        name="Before",
        description="How much of the picture, from the left, is shown without mattes",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        update=_redraw,
    )


def views(context: Context) -> ROTOPOINT_PG_views:
    return context.window_manager.rotopoint_views


class ROTOPOINT_OT_mattes_show(Operator):
    """Show the picture with mattes, or without"""

    bl_idname = "rotopoint.mattes_show"
    bl_label = "Before / After"

    def execute(self, context: Context) -> set[str]:
        chosen = views(context)
        chosen.show = not chosen.show
        return {"FINISHED"}


class ROTOPOINT_OT_view_next(Operator):
    """Show mattes in the next way: outlined, black and white, as a trimap, cut out"""

    bl_idname = "rotopoint.view_next"
    bl_label = "Next View of Mattes"

    def execute(self, context: Context) -> set[str]:
        chosen = views(context)
        names = [name for name, *_ in ITEMS]
        # Hidden ones are shown first: whoever asks for a view wants to see it.
        if chosen.show:
            chosen.view = names[(names.index(chosen.view) + 1) % len(names)]
        chosen.show = True
        return {"FINISHED"}


class ROTOPOINT_OT_split(Operator):
    """Drag the line between the picture without mattes, on its left, and with them"""

    bl_idname = "rotopoint.split"
    bl_label = "Drag Before / After"

    def invoke(self, context: Context, _event: Event) -> set[str]:
        if canvas_in(context) is None:
            return self.execute(context)
        self._earlier = views(context).split
        context.window.cursor_modal_set("MOVE_X")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: Context) -> set[str]:
        self.report({"ERROR"}, "Drag the line over the picture, or set its place in the overlay's menu")
        return {"CANCELLED"}

    def modal(self, context: Context, event: Event) -> set[str]:
        canvas, chosen = canvas_in(context), views(context)
        given_up = canvas is None or (event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS")
        if given_up:
            chosen.split = self._earlier
        elif event.type == "MOUSEMOVE":
            across, _ = position(canvas, event)
            chosen.show, chosen.split = True, across
        if given_up or event.type in {"LEFTMOUSE", "RET"}:
            context.window.cursor_modal_restore()
            return {"CANCELLED"} if given_up else {"FINISHED"}
        return {"RUNNING_MODAL"}


class ROTOPOINT_PT_views(Panel):
    """Beside the Clip Editor's own menus of what it shows"""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "HEADER"
    bl_label = "Mattes"
    bl_ui_units_x = 11

    def draw(self, context: Context) -> None:
        layout, chosen = self.layout, views(context)
        layout.prop(chosen, "show")
        layout.prop(chosen, "hover")
        column = layout.column()
        column.active = chosen.show
        column.row().prop(chosen, "view", expand=True)
        opacity = column.row()
        opacity.active = chosen.view == View.OUTLINE
        opacity.prop(chosen, "fill", slider=True)
        row = column.row(align=True)
        row.prop(chosen, "split", slider=True)
        row.operator("rotopoint.split", text="", icon="ARROW_LEFTRIGHT")


def _draw_in_header(self: object, context: Context) -> None:
    space = context.space_data
    if space.clip is not None and space.view == "CLIP" and space.clip.rotopoint.subjects:
        _draw_switches(self, context)


def _draw_in_sequencer_header(self: object, context: Context) -> None:
    clip = strip_on_screen.clip_in(context)
    if strip_on_screen.preview_region(context.area) is None or clip is None:
        return
    if clip.rotopoint.subjects:
        _draw_switches(self, context)


def _draw_switches(self: object, context: Context) -> None:
    row = self.layout.row(align=True)
    row.prop(views(context), "show", text="", icon="IMAGE_ALPHA")
    row.popover(ROTOPOINT_PT_views.__name__, text="")


CLASSES = (
    ROTOPOINT_PG_views,
    ROTOPOINT_OT_mattes_show,
    ROTOPOINT_OT_view_next,
    ROTOPOINT_OT_split,
    ROTOPOINT_PT_views,
)


def register() -> None:
    WindowManager.rotopoint_views = PointerProperty(type=ROTOPOINT_PG_views)
    bpy.types.CLIP_HT_header.append(_draw_in_header)
    bpy.types.SEQUENCER_HT_header.append(_draw_in_sequencer_header)


def unregister() -> None:
    bpy.types.SEQUENCER_HT_header.remove(_draw_in_sequencer_header)
    bpy.types.CLIP_HT_header.remove(_draw_in_header)
    del WindowManager.rotopoint_views
