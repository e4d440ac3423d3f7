# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators whose work takes long: in steps, between which Blender draws, with Esc to leave them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import bpy
from bpy.types import Context, Event, Timer

from .. import windows
from ..faults import TOLD, line
from ..guarded import GuardedOperator


class StepwiseOperator(GuardedOperator):
    """Whoever calls it by a script gets it whole: steps are for a button or a key. The first of an operator's
    bases, so that it learns of a click before another one works."""

    _clicked = False
    _steps: Iterator[int] | None = None
    _timer: Timer | None = None

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._clicked = not bpy.app.background and context.window is not None
        return self.ask(context, event)

    def ask(self, context: Context, event: Event) -> set[str]:
        """What a click does before the work begins, where it does anything; it ends by `execute`."""
        return super().invoke(context, event) if hasattr(super(), "invoke") else self.execute(context)

    def work(self, context: Context) -> None:
        steps, _ = self.begin(context)
        deque(steps, maxlen=0)

    def execute(self, context: Context) -> set[str]:
        if not self._clicked:
            return super().execute(context)
        try:
            self._steps, count = self.begin(context)
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, count)
        self._timer = manager.event_timer_add(0.0, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def begin(self, context: Context) -> tuple[Iterator[int], int]:
        """Steps, each of which tells how much is done by then, and how much there is to do. All that it is
        for is done when they end, and where they are closed before, nothing is. Raises as `work` does."""
        raise NotImplementedError

    def modal(self, context: Context, event: Event) -> set[str]:
        """A step at each turn. All else waits, so that nothing takes away what it works on."""
        if event.type == "ESC":
            self._leave(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            done = next(self._steps, None)
        except TOLD as error:
            self._leave(context)
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        if done is not None:
            context.window_manager.progress_update(done)
            return {"RUNNING_MODAL"}
        self._leave(context)
        windows.redraw()
        return {"FINISHED"}

    def cancel(self, context: Context) -> None:
        """Blender ends it."""
        self._leave(context)

    def _leave(self, context: Context) -> None:
        if self._steps is not None:
            self._steps.close()
        self._steps = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            context.window_manager.progress_end()
        self._timer = None
