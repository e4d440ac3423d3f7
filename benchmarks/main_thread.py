# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the add-on keeps Blender's main thread while a person points, scrubs and tracks, in real windows.

Run as: python -m benchmarks.main_thread [--version 5.2] [--clip FILE] [--frames N] [--seconds N] [--out FILE]

It needs `../shared/tools/real-blender`. Blender draws with software OpenGL there, so the figures of drawing
are upper bounds. Four subjects are tracked; another file is opened in the middle of it. Beside our callbacks
the gaps of a timer of 5 ms are measured, which all that keeps Blender makes longer, and then once more in the
same window with the add-on off.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.windows import ARE_MISSING, is_missing, load, parser_for, tell, window
from benchmarks.windows import open_clip as open_in_window
from tests.gui.windowed_blender import WindowedBlender

BAR_P99, BAR_MOST = 16.0, 50.0
"""Milliseconds; each callback of ours on Blender's main thread."""

STATE = "part('host').state_of(bpy.data.movieclips[0])"

MEASURE = """
import sys, time
from bpy.app.handlers import persistent
# Blender empties its own place for such things when it opens a file.
seconds = sys.rotopoint_seconds = {}

def timed(function, label):
    def spend(values):
        started = time.perf_counter()
        try:
            return function(*values)
        finally:
            seconds.setdefault(label, []).append(time.perf_counter() - started)
    # Blender counts the arguments of what it calls itself.
    arguments = {"draw": 2, "execute": 2, "invoke": 3, "modal": 3}.get(function.__name__, 0)
    calls = {
        0: lambda *values: spend(values),
        2: lambda self, context: spend((self, context)),
        3: lambda self, context, event: spend((self, context, event)),
    }
    return calls[arguments]

host, overlay = part("host"), part("clip_editor.overlay")
host._timer.stop()
host._timer._tick = timed(host._timer._tick, "timer: events and changes")
handlers, wrapped = bpy.app.handlers, {}
for held in (handlers.load_pre, handlers.undo_post, handlers.redo_post):
    for handler in [handler for handler in held if handler.__module__.startswith(MODULE)]:
        if handler not in wrapped:
            wrapped[handler] = persistent(timed(handler, "another file, undo, redo"))
            # The add-on takes out by this name what it has registered.
            setattr(sys.modules[handler.__module__], handler.__name__, wrapped[handler])
        held.remove(handler)
        held.append(wrapped[handler])
# Blender holds what was registered: draw handlers and classes are registered anew.
overlay.unregister()
draw = overlay.Overlay.draw
overlay.Overlay.draw = lambda self: timed_draw(self)
timed_draw = timed(lambda self: draw(self), "overlay")
overlay.register()
for cls in part("clip_editor").CLASSES:
    kinds = (bpy.types.Panel, bpy.types.Operator)
    names = [n for n in ("draw", "invoke", "execute", "modal") if issubclass(cls, kinds) and hasattr(cls, n)]
    if not names:
        continue
    bpy.utils.unregister_class(cls)
    for name in names:
        setattr(cls, name, timed(getattr(cls, name), "panels" if name == "draw" else f"operators: {name}"))
    bpy.utils.register_class(cls)
answer = None
"""

GAPS = """
import sys, time
sys.rotopoint_gaps, last = [], [time.perf_counter()]
def beat():
    now = time.perf_counter()
    sys.rotopoint_gaps.append(now - last[0])
    last[0] = now
    return 0.005
bpy.app.timers.register(beat, persistent=True)
sys.rotopoint_beat = beat
answer = None
"""

GAPS_END = """
import sys
bpy.app.timers.unregister(sys.rotopoint_beat)
answer = sys.rotopoint_gaps
"""

SUBJECTS = ((600, 640), (1150, 560), (300, 500), (1500, 600))
"""Points on frame 1, pixels of a picture of 1920x1080."""


def open_clip(blender: WindowedBlender, clip: Path, folder: Path) -> None:
    open_in_window(blender, clip, folder)
    blender.ask(
        "with clip_editor():\n    bpy.ops.clip.view_zoom_ratio(ratio=0.4)\n    bpy.ops.clip.view_all()\n"
        "answer = None"
    )


def scrub(blender: WindowedBlender, seconds: float, goes_on: str = "True") -> None:
    """A frame on, ten times a second at most."""
    blender.move(0.5, 0.5)
    until = time.monotonic() + seconds
    while time.monotonic() < until and blender.ask(f"answer = bool({goes_on})"):
        blender.key("Right")
        time.sleep(0.1)


def work(blender: WindowedBlender, clip: Path, folder: Path, frames: int, seconds: float) -> list[float]:
    """What a person does in a few minutes; the gaps meanwhile."""
    open_clip(blender, clip, folder)
    blender.ask("show_tab()\nanswer = None")
    blender.ask(
        "bpy.ops.wm.save_as_mainfile(filepath=bpy.data.filepath[:-6] + ' 2.blend', copy=True)\nanswer = None"
    )
    blender.ask(MEASURE)
    for number, (x, y) in enumerate(SUBJECTS, start=1):
        blender.ask(f"bpy.ops.rotopoint.subject_add(name='subject {number}')\nanswer = None")
        blender.move(x / 1920, 1 - y / 1080)
        blender.key("k")
        blender.click(x / 1920, 1 - y / 1080)
        blender.until(f"len({STATE}.previews) == {number}", 120)
        blender.key("Escape")
    blender.ask(f"bpy.ops.rotopoint.track(first=1, last={frames})\nanswer = None")
    blender.ask(GAPS)
    scrub(blender, seconds / 2, f"{STATE}.tracking")
    # Changed while it tracks.
    blender.invoke("rotopoint.point_add", positive=False)
    blender.click(0.9, 0.9)
    scrub(blender, seconds / 2, f"{STATE}.tracking")
    gaps = blender.ask(GAPS_END)
    tracking, message = blender.ask(f"answer = [{STATE}.tracking, {STATE}.message]")
    sys.stdout.write(f"{message}; another file is opened {'meanwhile' if tracking else 'AFTER IT'}\n")
    blender.ask("bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath[:-6] + ' 2.blend')\nanswer = None")
    blender.ask("answer = None")
    return gaps


def without(blender: WindowedBlender, seconds: float) -> list[float]:
    """The gaps with the add-on off, the same clip in the same window."""
    blender.ask("bpy.ops.preferences.addon_disable(module=MODULE)\nanswer = None")
    blender.ask(GAPS)
    scrub(blender, seconds)
    return blender.ask(GAPS_END)


def row(label: str, values: list[float]) -> str:
    spent = np.array(values) * 1000
    return (
        f"| {label} | {len(spent)} | {np.median(spent):.2f} | {np.percentile(spent, 99):.2f} "
        f"| {spent.max():.2f} |\n"
    )


def report(seconds: dict[str, list[float]], gaps: list[float], gaps_without: list[float]) -> str:
    kept = all(1000 * np.percentile(v, 99) <= BAR_P99 and 1000 * max(v) <= BAR_MOST for v in seconds.values())
    head = "| {} | calls | median ms | 99% ms | most ms |\n|---|---:|---:|---:|---:|\n"
    return (
        head.format("callback")
        + "".join(row(label, values) for label, values in sorted(seconds.items()))
        + f"\nBar: 99% within {BAR_P99:.0f} ms, none over {BAR_MOST:.0f} ms: "
        + f"{'kept' if kept else 'missed'}\n\n"
        + head.format("gaps of a timer of 5 ms, scrubbing")
        + row("while it tracks", gaps)
        + row("add-on off", gaps_without)
        + load()
    )


def main() -> int:
    parser = parser_for("Time the add-on on Blender's main thread.", "dance_1080p.mp4")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=60.0, help="of scrubbing while it tracks")
    arguments = parser.parse_args()
    if is_missing(arguments.version, arguments.clip):
        return ARE_MISSING
    with window(arguments.version) as (blender, folder):
        gaps = work(blender, arguments.clip, folder, arguments.frames, arguments.seconds)
        seconds = blender.ask("import sys\nanswer = sys.rotopoint_seconds")
        text = report(seconds, gaps, without(blender, arguments.seconds / 3))
    tell(text, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
