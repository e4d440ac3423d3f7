# SPDX-License-Identifier: GPL-3.0-or-later
"""What a panel says in words: whole, however narrow the sidebar is, with the button that helps beside it."""

from __future__ import annotations

from collections.abc import Callable

import blf
from bpy.types import Context, MovieClip, UILayout

from rotopoint.events import MatteView

from . import host, windows
from .clip_state import ClipState
from .faults import Remedy
from .finished import Finished

MARGINS = 84.0
"""Pixels of a sidebar that no label gets, at an interface scale of 1: icon, scroll bar, tabs."""


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """`text` in lines no wider than `width`, as `measure` tells; words that are wider are cut."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        longer = f"{current} {word}" if current else word
        if measure(longer) <= width:
            current = longer
            continue
        if current:
            lines.append(current)
        while measure(word) > width and len(word) > 1:
            fits = max((n for n in range(1, len(word)) if measure(word[:n]) <= width), default=1)
            lines.append(word[:fits])
            word = word[fits:]
        current = word
    return [*lines, current] if current else lines


def draw_text(
    layout: UILayout, context: Context, text: str, *, icon: str = "INFO", alert: bool = False
) -> None:
    """A label of as many lines as the region's width asks for."""
    system, style = context.preferences.system, context.preferences.ui_styles[0]
    blf.size(0, style.widget.points * system.ui_scale)
    width = 0.0 if context.region is None else context.region.width
    column = layout.column(align=True)
    column.alert = alert
    column.scale_y = 0.8
    # A region that was not laid out yet has no width to go by.
    lines = [text]
    if width > MARGINS:
        lines = wrapped(text, width - MARGINS * system.ui_scale, lambda line: blf.dimensions(0, line)[0])
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def draw_fault(layout: UILayout, context: Context, reason: str | None) -> None:
    """What stands in the way, if anything does."""
    if reason is not None:
        draw_text(layout, context, reason, icon="ERROR", alert=True)


def draw_caution(layout: UILayout, context: Context) -> None:
    """What a person should know of the engine that runs, if there is anything."""
    if host.engine.caution:
        draw_text(layout, context, host.engine.caution, icon="INFO")


def draw_finish(layout: UILayout, context: Context, clip: MovieClip, subject: str, frame: int) -> None:
    """Whether a subject's matte on a clip frame is shown as it will be delivered, and how long that took."""
    finished = host.state_of(clip).finished
    draw_fault(layout, context, finished.fault or None)
    if host.engine.solving(clip.session_uid, subject, frame):
        draw_text(layout, context, "Alpha is being solved", icon="TIME")
    elif (shown := finished.newest(subject, frame, windows.matte_view())) is not None:
        draw_text(layout, context, said_of(shown, clip.size[0]), icon="HIDE_OFF")


def said_of(shown: Finished, width: int) -> str:
    """What a finished matte of a clip so many pixels wide is, in words."""
    what = "Shown as delivered" if shown.view is MatteView.MATTE else "Gray: where alpha is to be solved"
    across = shown.values.shape[1]
    fewer = f", with {across} of {width} pixels" if across < width else ""
    made = f"Alpha solved in {shown.seconds:.1f} s" if shown.solved else f"Made in {shown.seconds:.2f} s"
    return f"{what}{fewer}. {made}"


def draw_last_word(layout: UILayout, context: Context, clip: MovieClip) -> None:
    """On a clip's work, as long as it holds, and what helps where it is a failure."""
    state: ClipState = host.state_of(clip)
    if host.engine.starting and host.engine.working:
        draw_text(layout, context, "The engine starts", icon="TIME")
    draw_caution(layout, context)
    if (other := host.waits_for(clip)) is not None:
        draw_text(layout, context, f"Waits for the tracking of {other}", icon="TIME")
        return
    if not state.message or host.was_heeded(state):
        return
    icon = "ERROR" if state.failed else "INFO"
    draw_text(layout, context, state.message, icon=icon, alert=state.failed)
    match state.remedy:
        case Remedy.PREFERENCES:
            layout.operator("rotopoint.preferences_show", icon="PREFERENCES")
        case Remedy.AGAIN:
            layout.operator("rotopoint.preview", text="Try Again", icon="FILE_REFRESH")
        case None:
            pass
