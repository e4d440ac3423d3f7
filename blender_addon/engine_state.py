# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in the preferences: where it comes from, whether it works, and a button that tries it."""

from __future__ import annotations

import bpy
from bpy.types import Context, Operator, UILayout

from . import host
from .environment import usable
from .faults import Refused
from .guarded import GuardedOperator
from .lines import draw_caution, draw_text
from .offer import offered

TEST_SECONDS = 120.0
"""In which a script that tests the engine wants an answer."""

BROUGHT = (
    "The extension brings an engine with a small model: there is nothing to install, and it uses no network."
)
LARGER = "For larger models and GPUs set up the large engine below."
LARGER_NAMED = "For larger models and GPUs name a Python that has Rotopoint's engine."
NAMED = "The engine that is named here is used."
NONE = (
    "This build brings no engine: install the zip for your system and your Blender, or name a Python that "
    "has it."
)
NONE_YET = (
    "This build brings no engine: set up the large engine below, or install the zip for your system and your "
    "Blender."
)
SET_UP = "The large engine that was set up below is used."


def explanation(brought: bool, named: bool) -> str:
    """Where the engine comes from, in words."""
    if not named and usable() is not None:
        return SET_UP
    if brought:
        return f"{BROUGHT} {LARGER if offered() else LARGER_NAMED}"
    if named:
        return NAMED
    return NONE_YET if offered() else NONE


def state_line() -> tuple[str, bool]:
    """What is known of the engine, and whether it failed."""
    engine = host.engine
    if engine.fault:
        return engine.fault, True
    if engine.starting:
        return "The engine starts", False
    if not engine.started:
        return "The engine starts when it is needed", False
    return f"The engine works: {' and '.join(engine.runtimes)} on {engine.device}", False


def draw_engine(layout: UILayout, context: Context, *, brought: bool, named: bool) -> None:
    box = layout.box()
    draw_text(box, context, explanation(brought, named))
    if not brought and not named and usable() is None:
        return
    text, failed = state_line()
    draw_text(box, context, text, icon="ERROR" if failed else "BLANK1", alert=failed)
    draw_caution(box, context)
    box.operator("rotopoint.engine_test", icon="PLAY")


class ROTOPOINT_OT_engine_test(GuardedOperator, Operator):
    """Start the engine and see whether it works"""

    bl_idname = "rotopoint.engine_test"
    bl_label = "Test Engine"
    bl_options = {"REGISTER"}

    def work(self, _context: Context) -> None:
        host.start()
        if not bpy.app.background:
            return
        host.wait_until_ready(TEST_SECONDS)
        text, failed = state_line()
        if failed:
            raise Refused(text)
        self.report({"WARNING"} if host.engine.caution else {"INFO"}, host.engine.caution or text)


def register() -> None:
    bpy.utils.register_class(ROTOPOINT_OT_engine_test)


def unregister() -> None:
    bpy.utils.unregister_class(ROTOPOINT_OT_engine_test)
