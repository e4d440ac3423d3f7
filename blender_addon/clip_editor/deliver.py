# SPDX-License-Identifier: GPL-3.0-or-later
"""The Deliver dialog, its progress in the sidebar, and its end."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Event, MovieClip, Operator, UILayout

from rotopoint.deliver.naming import NameTemplate
from rotopoint.errors import NameTemplateUnusable

from .. import host
from ..delivery_properties import draw_delivery
from ..faults import Refused
from ..lines import draw_fault, draw_text
from ..pace import clock
from .context import ClipOperator, clip_in, no_clip, no_subject

WIDTH = 420
"""Of the dialog, in pixels at an interface scale of 1."""


def delivering(context: Context) -> str | None:
    clip = clip_in(context)
    delivery = None if clip is None else host.state_of(clip).delivery
    return "The clip is being delivered" if delivery is not None and delivery.working else None


def not_delivering(context: Context) -> str | None:
    return None if delivering(context) else "Nothing is being delivered"


class ROTOPOINT_OT_deliver(ClipOperator, Operator):
    """Write files of the clip's tracked subjects for other programs: choose what and where, then OK"""

    bl_idname = "rotopoint.deliver"
    bl_label = "Deliver"
    bl_options = {"REGISTER"}
    needs = (no_clip, no_subject, delivering)

    wait: BoolProperty(
        name="Wait", description="Return when all is delivered", options={"SKIP_SAVE", "HIDDEN"}
    )

    def invoke(self, context: Context, _event: Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=WIDTH)

    def draw(self, context: Context) -> None:
        asked = clip_in(context).rotopoint_delivery
        draw_delivery(self.layout, asked)
        try:
            NameTemplate(asked.name_template, asked.padding)
        except NameTemplateUnusable as error:
            self.layout.label(text=error.reason[:1].upper() + error.reason[1:], icon="ERROR")

    def act(self, context: Context, clip: MovieClip) -> None:
        host.ask_deliver(clip)
        if not (self.wait or bpy.app.background):
            return
        delivery = host.wait(clip).delivery
        if delivery.failed:
            raise Refused(delivery.message)
        self.report({"INFO"}, delivery.message)


class ROTOPOINT_OT_deliver_cancel(ClipOperator, Operator):
    """Stop delivering the clip; finished files are kept, and a later delivery can resume"""

    bl_idname = "rotopoint.deliver_cancel"
    bl_label = "Cancel Delivery"
    bl_options = {"REGISTER"}
    needs = (no_clip, not_delivering)

    def act(self, _context: Context, clip: MovieClip) -> None:
        host.engine.cancel_delivery(clip.session_uid)


def draw_deliver(layout: UILayout, context: Context, clip: MovieClip) -> None:
    """The dialog's button, and of the last delivery how far it is or what came of it."""
    delivery = host.state_of(clip).delivery
    row = layout.row()
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("rotopoint.deliver", text="Deliver...", icon="EXPORT")
    if delivery is None:
        return
    if delivery.working:
        row = layout.row(align=True)
        left = "" if delivery.seconds_left is None else f", {clock(delivery.seconds_left)} left"
        told = f"{delivery.done} of {delivery.total}{left}" if delivery.total else delivery.message
        row.progress(factor=delivery.progress, text=told)
        row.operator("rotopoint.deliver_cancel", text="", icon="X")
    elif delivery.failed:
        draw_fault(layout, context, delivery.message)
    else:
        draw_text(layout, context, delivery.message)
        layout.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = str(
            delivery.folder
        )


CLASSES = (ROTOPOINT_OT_deliver, ROTOPOINT_OT_deliver_cancel)
