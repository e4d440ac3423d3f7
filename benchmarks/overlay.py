# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawing mattes adds to a redraw of a 1080p clip in a real window, where the processor draws.

Run as: python -m benchmarks.overlay [--version 5.2] [--redraws N] [--out FILE]

It needs `../shared/tools/real-blender`. Redraws with the overlay and without alternate, and each pair is
compared, so that what else runs on the machine falls on both. The engine does not run: masks are put where
its answers go.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from itertools import chain

import cv2
import numpy as np

from benchmarks.windows import ARE_MISSING, is_missing, load, open_clip, parser_for, window
from tests.gui.windowed_blender import WindowedBlender, fake_engine_command

SIZE = (1920, 1080)
BAR = 10.0
"""Milliseconds that the overlay may add to a redraw."""

PREPARE = """
import numpy as np
from rotopoint.shot import Point
finished, previews, shots = part("finished"), part("previews"), part("shots")
clip = bpy.data.movieclips[0]
state = part("host").engine.state(clip.session_uid)
with clip_editor():
    bpy.ops.screen.screen_full_area(use_hide_panels=True)

def disc(width, height, x, y):
    # Pixels from the edge of a disc of a quarter of the height, over 0 inside.
    across, down = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return 1080 / 4 - np.hypot((across - x) * 1920, (down - y) * 1080)

def put(count, logits):
    clip.rotopoint.subjects.clear()
    state.previews.__init__()
    state.finished.__init__()
    for n in range(count):
        x = (n + 0.5) / count
        bpy.ops.rotopoint.subject_add(name=f"subject {n}")
        subject = clip.rotopoint.subjects[n]
        point = subject.points.add()
        point.frame, point.x, point.y = 1, x, 0.5
        prompts = shots.subject_of(subject, clip).prompts
        values = disc(256, 256, x, 0.5).astype(np.float16)
        state.previews.put(previews.Preview(subject.uid, 1, prompts, values, False, 5.0))
        if not logits:
            covered = (np.clip(disc(1920, 1080, x, 0.5) + 0.5, 0, 1) * 255).astype(np.uint8)
            state.finished.put(finished.Finished(subject.uid, 1, prompts, covered))

bpy.app.driver_namespace["put"] = put
answer = [region("WINDOW").width, region("WINDOW").height]
"""

MEASURE = """
import time
overlay = part("clip_editor.overlay")
drawer, space = overlay._overlay, bpy.types.SpaceClipEditor
bpy.app.driver_namespace["put"]({count}, {logits})
bpy.context.window_manager.rotopoint_views.view = {view!r}
if drawer.handle is not None:
    space.draw_handler_remove(drawer.handle, "WINDOW")
    drawer.handle = None

def redraw():
    started, spent = time.perf_counter(), time.process_time()
    with clip_editor():
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - spent)

answer = []
for turn in range(-3, {redraws}):
    without = redraw()
    drawer.handle = space.draw_handler_add(drawer.draw, (), "WINDOW", "POST_PIXEL")
    if {new}:
        drawer.textures.clear()
    with_it = redraw()
    space.draw_handler_remove(drawer.handle, "WINDOW")
    drawer.handle = None
    if turn >= 0:
        answer.append([*without, *with_it])
"""

CASES = (
    ("outline, 1 subject", "OUTLINE", 1, False),
    ("outline, 4 subjects", "OUTLINE", 4, False),
    ("matte, 4 subjects", "MATTE", 4, False),
    ("cut-out, 4 subjects", "CUT_OUT", 4, False),
    ("outline, 1 subject, first drawn", "OUTLINE", 1, True),
    ("outline, 4 subjects, first drawn", "OUTLINE", 4, True),
)
"""What is measured, the view, how many subjects, and whether their masks are new to the GPU."""


HEADER = (
    "| drawn | a mask is | without | with | added: median | 95% | added of processor time | bar |\n"
    "|---|---|---:|---:|---:|---:|---:|---|\n"
)


def rows(blender: WindowedBlender, redraws: int) -> Iterator[str]:
    """Those of the table, as they are measured."""
    for name, view, count, new in CASES:
        for logits in (True, False):
            question = MEASURE.format(view=view, count=count, new=new, logits=logits, redraws=redraws)
            spent = np.array(blender.ask(question))
            added, of_processor = spent[:, 2] - spent[:, 0], np.median(spent[:, 3] - spent[:, 1])
            median = float(np.median(added))
            yield (
                f"| {name} | {'logits' if logits else 'coverage'} | {np.median(spent[:, 0]):.1f} "
                f"| {np.median(spent[:, 2]):.1f} | {median:.1f} | {np.percentile(added, 95):.1f} "
                f"| {of_processor:.1f} | {'' if new else 'kept' if median <= BAR else 'missed'} |\n"
            )


def main() -> int:
    parser = parser_for("What drawing mattes adds to a redraw at 1080p.")
    parser.add_argument("--redraws", type=int, default=40, help="with the overlay, and as many without")
    arguments = parser.parse_args()
    if is_missing(arguments.version):
        return ARE_MISSING
    with window(arguments.version, fake_engine_command(), SIZE) as (blender, folder):
        plate = folder / "plate_0001.png"
        noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        plate.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
        open_clip(blender, plate, folder)
        width, height = blender.ask(PREPARE)
        version = blender.ask("answer = bpy.app.version_string")
        blender.ask("with clip_editor():\n    bpy.ops.clip.view_all(fit_view=True)\nanswer = None")
        head = (
            f"Blender {version}, a window of {SIZE[0]}x{SIZE[1]}, the clip in {width}x{height} of it, "
            f"software OpenGL, {os.cpu_count()} cores. ms a redraw, {arguments.redraws} with and as many "
            f"without by turns; the bar is {BAR:.0f} ms at the median.\n"
        )
        with closing(arguments.out.open("w", encoding="utf-8") if arguments.out else StringIO()) as file:
            for text in chain((f"{head}\n{HEADER}",), rows(blender, arguments.redraws), (load(),)):
                sys.stdout.write(text)
                sys.stdout.flush()
                file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
