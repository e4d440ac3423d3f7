# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask that a click would give, asked for while the mouse rests or moves over the picture.

Nothing of it gets into the shot. One request is under way at a time, and the next is about where the mouse is
by then.
"""

from __future__ import annotations

from dataclasses import dataclass

from bpy.types import Context, MovieClip

from rotopoint.shot import Point

from .. import host, shots, windows
from ..faults import TOLD
from .context import frame_in, locked
from .views import views

Spot = tuple[str, int, float, float, bool]
"""A subject, a clip frame, pixels of the source, and whether a click would be a positive point."""


@dataclass
class Hover:
    """`asked` is the spot that the last request was about."""

    asked: Spot | None = None

    def over(self, context: Context, clip: MovieClip, place: tuple[float, float], *, positive: bool) -> None:
        """The mouse is over a place of the picture, 0..1 and y up."""
        subject = shots.active_subject(clip)
        if not views(context).hover or subject is None or locked(context):
            self.leave(clip)
            return
        try:
            size = shots.size_of(clip)
            x, y = shots.to_pixels(*place, size)
            if not (0 <= x < size[0] and 0 <= y < size[1]):
                self.leave(clip)
                return
            frame = frame_in(context, clip)
            spot = (subject.uid, int(frame), x, y, positive)
            if spot != self.asked and host.ask_hover(clip, subject.uid, Point(frame, x, y, positive)):
                self.asked = spot
        except TOLD:
            # A click there will name what is wrong.
            self.leave(clip)

    def leave(self, clip: MovieClip | None) -> None:
        """The mouse is elsewhere, or a click has been made: what it would have given is drawn no longer."""
        self.asked = None
        if clip is not None and host.engine.forget_hover(clip.session_uid):
            windows.redraw()
