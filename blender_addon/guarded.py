# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that say why they cannot work: before, by their poll, and after, by what they report."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from bpy.types import Context

from rotopoint.errors import RotopointError

from .faults import line

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
        except RotopointError as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def work(self, context: Context) -> None:
        """Raises RotopointError, which is reported."""
        raise NotImplementedError
