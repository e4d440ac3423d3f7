# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves and opens one .blend: run inside bpy by test_cross_version.py.

    cross_version.py save FOLDER
    cross_version.py open FOLDER OUT

`save` makes FOLDER/shot.blend with a clip that asks for two subjects, its mattes wired. `open` opens it,
wires it again and renders FRAME to OUT. Both end with a line of JSON: what is asked, as a shot's file has
it, and what is wired. Where Blender itself does not open the file, `open` says {"refused": why}.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import bpy

from blender_addon import compat, compositor, shots
from rotopoint.shot import (
    Box,
    Direction,
    MatteEdge,
    MatteOverride,
    MatteSettings,
    Point,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import shot_to_dict
from tests.blender.inside.addon import enabled, load_clip
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, render, write_mattes, write_plates

START, OFFSET = 101, 2
FRAME = 5
"""The clip frame that is rendered."""

SUBJECTS = (
    Subject(
        "id-1",
        "runner",
        (
            Point(ClipFrame(1), 33.125, 12.5),
            Point(ClipFrame(4), 59.999, 0.001, positive=False),
            Box(ClipFrame(4), 10.1, 20.2, 30.3, 80.4),
        ),
        (0.25, 0.5, 1.0),
        matte=MatteSettings(MatteEdge.SOFT),
        overrides=(MatteOverride(FrameRange(ClipFrame(2), ClipFrame(3)), "largest_hole", 7),),
    ),
    Subject("id-2", "Läufer 2", (Point(ClipFrame(12), 7.0, 45.333),)),
)
SETTINGS = Settings(range=FrameRange(ClipFrame(1), ClipFrame(COUNT)), direction=Direction.BACKWARD)


def report(clip: bpy.types.MovieClip, scene: bpy.types.Scene) -> dict[str, Any]:
    tree = compat.find_compositor_tree(scene)
    return {
        "shot": shot_to_dict(shots.shot_of(clip)),
        "placed": [clip.frame_start, clip.frame_offset],
        "out of date": compositor.out_of_date(scene, clip, {s.uid: s.name for s in clip.rotopoint.subjects}),
        "groups": sum(1 for node in tree.nodes if node.bl_idname == "CompositorNodeGroup"),
        "nodes": len(tree.nodes),
    }


def save(folder: Path) -> dict[str, Any]:
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.use_sequencer = False
    scene.view_settings.view_transform = "Standard"
    clip = load_clip(write_plates(folder / "plates"), START, OFFSET)
    shots.load_shot_into(clip, Shot(shots.shot_of(clip).clip, SUBJECTS, SETTINGS))
    for subject in SUBJECTS:
        write_mattes(folder / "mattes", subject.name)
    clip.rotopoint.folder = str(folder / "mattes")
    bpy.ops.rotopoint.wire()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"), relative_remap=True)
    return report(clip, scene)


def opened(folder: Path, out: Path) -> dict[str, Any]:
    try:
        bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
    except RuntimeError as error:
        return {"refused": str(error).strip()}
    (clip,) = bpy.data.movieclips
    scene = bpy.context.scene
    found = report(clip, scene)
    scene_frame = shots.scene_frame(clip, FRAME)
    render(scene, out / "as opened", scene_frame, scene_frame, depth="16")
    bpy.ops.rotopoint.wire()
    again = report(clip, scene)
    render(scene, out / "wired again", scene_frame, scene_frame, depth="16")
    return found | {"again": again}


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    with enabled():
        if task == "save":
            bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
            said = save(*map(Path, paths))
        else:
            said = opened(*map(Path, paths))
    sys.stdout.write(f"\n{json.dumps(said)}\n")
    sys.stdout.flush()
    os._exit(0)
