# SPDX-License-Identifier: GPL-3.0-or-later
"""How long after a changed setting of a matte what comes of it is drawn, in a real window.

Run as: python -m benchmarks.setting_to_overlay [--version 5.2] [--clip FILE] [--changes N] [--out FILE]

It needs `../shared/tools/real-blender`, where the processor draws. One subject of a 1080p clip, the default
chain, and its `expand` changed. From the moment at which the property has its value: until its coverage is in
Blender, until the overlay begins to draw it, and until it has.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.windows import ARE_MISSING, is_missing, load, open_clip, parser_for, tell, window

BAR = 0.150
"""Seconds until it is drawn."""

SCREEN = (1920, 1080)

STEPS = ("worker", "coverage in Blender", "drawing begins", "drawn")

MEASURE = """
import sys, time
from rotopoint.events import MatteEvent
overlay, clip_state = part("clip_editor.overlay"), part("clip_state")
sys.rotopoint_times, under_way = [], {}
clip = bpy.data.movieclips[0]
apply, drawer, space = clip_state.ClipState.apply, overlay._overlay, bpy.types.SpaceClipEditor

def applied(self, event, *values):
    apply(self, event, *values)
    if isinstance(event, MatteEvent) and under_way:
        under_way["there"] = time.perf_counter()
        under_way["worker"] = event.seconds
clip_state.ClipState.apply = applied

def begins():
    if "there" in under_way:
        under_way.setdefault("begins", time.perf_counter())

def drawn():
    if "begins" in under_way:
        # What was drawn is painted by now, and no command is waiting.
        bpy.app.driver_namespace["finish"]()
        begun = under_way["begun"]
        times = [under_way[name] - begun for name in ("there", "begins")]
        sys.rotopoint_times.append([under_way["worker"], *times, time.perf_counter() - begun])
        under_way.clear()

def change(value):
    under_way["begun"] = time.perf_counter()
    clip.rotopoint.subjects[0].matte.expand = value

import gpu
# To read a pixel waits for all that was drawn before.
finish = lambda: gpu.state.active_framebuffer_get().read_color(0, 0, 1, 1, 4, 0, "FLOAT")
bpy.app.driver_namespace.update(change=change, finish=finish)
# Blender calls them in the order of their registration.
space.draw_handler_remove(drawer.handle, "WINDOW")
space.draw_handler_add(begins, (), "WINDOW", "POST_PIXEL")
drawer.handle = space.draw_handler_add(drawer.draw, (), "WINDOW", "POST_PIXEL")
space.draw_handler_add(drawn, (), "WINDOW", "POST_PIXEL")
answer = None
"""

CLIP = "bpy.data.movieclips[0]"
STATE = f"part('host').state_of({CLIP})"


def main() -> int:
    parser = parser_for("How long after a changed setting its matte is drawn.", "dance_1080p.mp4")
    parser.add_argument("--changes", type=int, default=40)
    arguments = parser.parse_args()
    if is_missing(arguments.version, arguments.clip):
        return ARE_MISSING
    with window(arguments.version, screen=SCREEN) as (blender, folder):
        open_clip(blender, arguments.clip, folder)
        blender.ask(
            "with clip_editor():\n    bpy.ops.clip.view_all(fit_view=True)\nshow_tab()\nanswer = None"
        )
        blender.ask("bpy.ops.rotopoint.subject_add(name='subject')\nanswer = None")
        blender.move(0.31, 0.41)
        blender.key("k")
        blender.click(0.31, 0.41)
        blender.until(f"{STATE}.finished.newest({CLIP}.rotopoint.subjects[0].uid, 1)", 120)
        blender.key("Escape")
        blender.until("not part('host').engine.working")
        blender.ask(MEASURE)
        for number in range(arguments.changes):
            blender.ask(f"bpy.app.driver_namespace['change']({1 + number % 7})\nanswer = None")
            blender.until(f"len(__import__('sys').rotopoint_times) == {number + 1}")
        times = np.array(blender.ask("import sys\nanswer = sys.rotopoint_times"))
    rows = "".join(
        f"| {name} | {1000 * np.median(column):.0f} | {1000 * np.percentile(column, 95):.0f} |\n"
        for name, column in zip(STEPS, times.T, strict=True)
    )
    kept = np.median(times[:, -1]) <= BAR
    tell(
        f"A changed setting, {arguments.clip.name}, Blender {arguments.version} with software OpenGL, "
        f"{arguments.changes} changes. Bar: drawn after {1000 * BAR:.0f} ms at the median: "
        f"{'kept' if kept else 'missed'}\n\n| until | median ms | 95% ms |\n|---|---:|---:|\n{rows}{load()}",
        arguments.out,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
