# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs a zip that brings an engine and lets it work: run inside bpy by test_brought_engine.py.

Arguments: the zip; a folder for report.json; where the engine shall track: a clip, and a pixel of its first
frame. The report has the engine's `command` and `folder`, Blender's `python`, what the engine said in
`hello`, and of tracking its last `word` and the `seconds` to the first mask.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.rotopoint"
FIRST, LAST = 1, 4


def install(package: str) -> None:
    """As a person does it from disk; the repository's own core is not to be found."""
    sys.path[:] = [entry for entry in sys.path if not Path(entry, "rotopoint", "__init__.py").is_file()]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)


def hello(host: object) -> dict[str, object]:
    """How the engine is started, and the first that it says."""
    launch = host._launch()
    client = importlib.import_module("rotopoint.worker.client").WorkerClient(
        launch.command, package_folder=launch.package_folder, environment=launch.environment
    )
    said = client.wait_for_hello()
    client.close()
    return {
        "command": launch.command,
        "folder": str(launch.package_folder),
        "python": sys.executable,
        "hello": {"package": said.package, "runtimes": said.runtimes},
    }


def track(host: object, folder: Path, clip_path: str, x: float, y: float) -> dict[str, object]:
    """Point, look, track, wire and render one frame."""
    bpy.context.preferences.addons[MODULE].preferences.store_folder = str(folder / "tracks")
    scene = bpy.context.scene
    clip = scene.active_clip = bpy.data.movieclips.load(clip_path)
    clip.rotopoint.folder = str(folder / "mattes")
    rotopoint = bpy.ops.rotopoint
    width, height = clip.size
    rotopoint.subject_add(name="subject")
    rotopoint.point_add(x=x / width, y=1.0 - y / height, frame=FIRST)
    started = time.monotonic()
    rotopoint.preview(frame=FIRST)
    seconds = time.monotonic() - started
    rotopoint.track(direction="both", first=FIRST, last=LAST)
    word = host.state_of(clip).message
    rotopoint.wire()
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = str(folder / "rendered.png")
    scene.frame_set(FIRST)
    bpy.ops.render.render(write_still=True)
    return {"word": word, "seconds": seconds}


def main() -> None:
    package, folder, *work = sys.argv[1:]
    install(package)
    host = importlib.import_module(f"{MODULE}.host")
    report = hello(host)
    if work:
        clip, x, y = work
        report |= track(host, Path(folder), clip, float(x), float(y))
    host._leave()
    Path(folder, "report.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Some versions of bpy crash or hang as the interpreter ends.
    os._exit(0)
