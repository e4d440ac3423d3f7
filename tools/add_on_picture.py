# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the picture of the add-on at work in docs/add-on.md, in a real Blender with windows.

    .venv/bin/python -m tools.add_on_picture

It needs `../shared/tools/real-blender`. The demo clip is pointed at by mouse and tracked by the draft model.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from rotopoint.shot import Point
from rotopoint.shot.json import load_shot
from tests.blender.bpy_process import built_extension
from tests.gui.windowed_blender import ROOT, Unavailable, build, engine_command, windowed_blender

DEMO = ROOT / "examples" / "demo_clip"
OUT = ROOT / "docs" / "add-on.jpg"
VERSION = "5.2"
SHOWN_FRAME = 30
STATE = "part('host').state_of(bpy.data.movieclips[0])"

SHOW = """
with clip_editor():
    bpy.ops.clip.view_zoom_ratio(ratio=0.6)
    bpy.ops.clip.view_all()
show_tab()
answer = list(bpy.data.movieclips[0].size)
"""


def picture(folder: Path) -> np.ndarray:
    """(height, width, 3) uint8 BGR: the window after tracking, on a frame without prompts."""
    shot = load_shot(DEMO / "demo.shot.json")
    with windowed_blender(VERSION, built_extension(folder), folder, engine_command()) as blender:
        blender.ask(f"open_clip({str(DEMO / 'demo.mp4')!r}, {str(folder / 'shot.blend')!r})\nanswer = None")
        width, height = blender.ask(SHOW)
        for number, subject in enumerate(shot.subjects):
            blender.ask(f"bpy.ops.rotopoint.subject_add(name={subject.name!r})\nanswer = None")
            for point in (p for p in subject.prompts if isinstance(p, Point)):
                blender.ask(f"bpy.context.scene.frame_current = {point.frame}\nanswer = None")
                blender.invoke("rotopoint.point_add", positive=point.positive)
                blender.click(point.x / width, 1 - point.y / height)
            blender.until(f"len({STATE}.previews) > {number}", 120)
        blender.ask("bpy.ops.rotopoint.track()\nanswer = None")
        blender.until(f"not {STATE}.tracking", 300)
        blender.ask(f"bpy.context.scene.frame_current = {SHOWN_FRAME}\nanswer = None")
        blender.until(f"any(frame == {SHOWN_FRAME} for _, frame in {STATE}.previews)")
        time.sleep(1.0)
        return blender.screenshot("add-on")


def main() -> int:
    try:
        build(VERSION)
    except Unavailable as reason:
        sys.stderr.write(f"no Blender with windows: {reason}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="rotopoint-picture-") as folder:
        shown = picture(Path(folder))
    encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    OUT.write_bytes(encoded.tobytes())
    sys.stdout.write(f"{OUT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
