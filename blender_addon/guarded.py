# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that say why they cannot work: before, by their poll, and after, by what they report."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from bpy.props import BoolProperty
from bpy.types import Context, Event

from . import windows
from .faults import TOLD, line

Hindrance = Callable[[Context], str | None]
"""Says why an operator cannot work, or None."""


class GuardedOperator:
    """`needs` lists what may stand in its way; `work` does what it is for."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    needs: ClassVar[tuple[Hindrance, ...]] = ()

    @classmethod
    def poll(cls, context: Context) -> bool:
        for hindrance in cls.needs:
            if (reason := hindrance(context)) is not None:
                cls.poll_message_set(reason)
                return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            self.work(context)
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        windows.redraw()
        return {"FINISHED"}

    def work(self, context: Context) -> None:
        """Raises RotopointError or OSError, which are reported."""
        raise NotImplementedError


class DoubtfulOperator(GuardedOperator):
    """What it would do may be what nobody wants: a click is asked first, a script has to say `anyway`."""

    confirm_text: ClassVar[str]

    anyway: BoolProperty(
        name="Anyway", description="Work also where that would be doubtful", options={"SKIP_SAVE", "HIDDEN"}
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        try:
            doubt = None if self.anyway else self.doubt(context)
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        if doubt is None:
            return self.execute(context)
        self.anyway = True
        return context.window_manager.invoke_confirm(
            self, event, title=self.bl_label, message=doubt, confirm_text=self.confirm_text, icon="WARNING"
        )

    def execute(self, context: Context) -> set[str]:
        try:
            doubt = None if self.anyway else self.doubt(context)
        except TOLD as error:
            doubt = line(error)
        if doubt is not None:
            self.report({"ERROR"}, doubt)
            return {"CANCELLED"}
        return super().execute(context)

    def doubt(self, context: Context) -> str | None:
        """Why it should not work, and what to do, as one line. Raises as `work` does."""
        raise NotImplementedError
