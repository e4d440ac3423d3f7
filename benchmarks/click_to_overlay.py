# SPDX-License-Identifier: GPL-3.0-or-later
"""How long after a click its mask is drawn, in a real window with the draft model: warm and cold.

Run as: python -m benchmarks.click_to_overlay [--version 5.2] [--clip FILE] [--clicks N] [--starts N]
    [--out FILE]

It needs `../shared/tools/real-blender`, where the processor draws. From the moment at which Blender hands the
click to the add-on until the overlay has drawn the mask that answers it. Cold: no engine runs, and pointing
mode, which starts it, is entered just before.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from benchmarks.windows import ARE_MISSING, is_missing, load, open_clip, parser_for, tell, window
from tests.gui.windowed_blender import WindowedBlender

MEASURE = """
import sys, time
overlay, prompts = part("clip_editor.overlay"), part("clip_editor.prompts")
sys.rotopoint_waits, begun = [], []
add = prompts.add_point
def added(*values):
    begun[:] = [time.perf_counter()]
    add(*values)
prompts.add_point = added

def seen():
    clip = area().spaces.active.clip
    if begun and clip.rotopoint.subjects:
        found = overlay.mask_of(clip, clip.rotopoint.subjects[0], 1)
        if found is not None and found[1] == 1.0:
            sys.rotopoint_waits.append(time.perf_counter() - begun.pop())

# Blender calls them in the order of their registration: this one once ours has drawn.
bpy.types.SpaceClipEditor.draw_handler_add(seen, (), "WINDOW", "POST_PIXEL")
answer = None
"""

ANEW = """
clip = bpy.data.movieclips[0]
clip.rotopoint.subjects.clear()
bpy.ops.rotopoint.subject_add(name="subject")
answer = None
"""

STATE = "part('host').state_of(bpy.data.movieclips[0])"


def click(blender: WindowedBlender, place: tuple[float, float], count: int) -> None:
    """The first of a new subject, and its mask on screen."""
    blender.ask(ANEW)
    blender.click(*place)
    blender.until(f"len(__import__('sys').rotopoint_waits) == {count}", 120)


def waits(blender: WindowedBlender, clicks: int, starts: int) -> tuple[list[float], list[float]]:
    """Seconds, warm and cold."""
    places = np.random.default_rng(1).uniform(0.2, 0.8, (clicks + starts + 1, 2)).tolist()
    blender.ask(MEASURE)
    blender.ask(ANEW)
    for number in range(starts):
        blender.move(0.5, 0.9)
        blender.key("Escape")
        blender.ask("part('host').engine.close()\npart('host').engine.wait_until_closed()\nanswer = None")
        blender.key("k")
        click(blender, places.pop(), number + 1)
    # The first in a warm engine is not counted: the features of the picture may be on their way.
    click(blender, places.pop(), starts + 1)
    for number in range(clicks):
        click(blender, places.pop(), starts + number + 2)
    found = blender.ask("import sys\nanswer = sys.rotopoint_waits")
    return found[starts + 1 :], found[:starts]


def row(label: str, values: list[float]) -> str:
    return f"| {label} | {len(values)} | {np.median(values):.2f} | {np.percentile(values, 95):.2f} |\n"


def main() -> int:
    parser = parser_for("How long after a click its mask is drawn.", "dog.mp4")
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--starts", type=int, default=5)
    arguments = parser.parse_args()
    if is_missing(arguments.version, arguments.clip):
        return ARE_MISSING
    with window(arguments.version) as (blender, folder):
        open_clip(blender, arguments.clip, folder)
        blender.ask("with clip_editor():\n    bpy.ops.clip.view_all(fit_view=True)\nanswer = None")
        warm, cold = waits(blender, arguments.clicks, arguments.starts)
    text = (
        f"Click to overlay, {arguments.clip.name}, Blender {arguments.version} with software OpenGL, "
        f"draft model, {os.cpu_count()} cores.\n\n"
        "| engine | clicks | median s | 95% s |\n|---|---:|---:|---:|\n"
        + row("warm", warm)
        + row("cold start", cold)
        + load()
    )
    tell(text, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
