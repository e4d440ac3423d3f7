# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks a subject from one point and renders it on transparency, by the add-on's operators alone:

    blender -b --python examples/track_in_blender.py -- --engine .venv/bin/python --out output/tracked

or, without Blender's window system, in the Python of its wheel:

    .venvs/bpy-5.0/bin/python examples/track_in_blender.py --engine .venv/bin/python --out output/tracked

`--out` receives mattes/ and frames/frame_0001.png and so on, numbered by clip frames, 16 bits with alpha.
Each file's path goes to stdout on a line that begins with "matte " or "frame ". Exit code 0, or 1 with a
line on stderr that says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import bpy  # of a wheel, it finds addon_utils

# isort: split
import addon_utils

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "examples" / "demo_clip" / "demo.mp4"
FISH = (244.5, 224.5)
"""A pixel of the demo clip's subject on its first frame, y down."""

CHECKOUT = "blender_addon"
"""What the add-on's module is called where it is not installed as an extension."""


def enabled_module() -> str | None:
    """The name under which the add-on is enabled, if it is."""
    names = bpy.context.preferences.addons.keys()
    return next((name for name in names if name == CHECKOUT or name.endswith(".rotopoint")), None)


def enable() -> str:
    """Enable the add-on where it is not: the installed extension, else this checkout's. Its module's name."""
    if (name := enabled_module()) is not None:
        return name
    installed = (module.__name__ for module in addon_utils.modules(refresh=True))
    name = next((name for name in installed if name.endswith(".rotopoint")), CHECKOUT)
    if name == CHECKOUT:
        sys.path[:0] = [str(ROOT / "core"), str(ROOT)]
    if addon_utils.enable(name, default_set=True) is None:
        raise RuntimeError(f"the add-on {name} could not be enabled")
    return name


def new_scene(clip: bpy.types.MovieClip) -> bpy.types.Scene:
    """A scene of the clip's size, whose picture is what its compositor makes."""
    scene = bpy.data.scenes.new("Tracked")
    bpy.context.window_manager.windows[0].scene = scene
    scene.active_clip = clip
    render = scene.render
    # Nothing 3D is rendered; Workbench needs no camera.
    render.engine = "BLENDER_WORKBENCH"
    render.use_sequencer = False
    render.resolution_x, render.resolution_y = clip.size
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "16"
    scene.view_settings.view_transform = "Standard"
    return scene


def run(args: argparse.Namespace) -> None:
    module = enable()
    if args.engine:
        bpy.context.preferences.addons[module].preferences.interpreter = str(args.engine.absolute())
    clip = bpy.data.movieclips.load(str(args.clip.absolute()))
    scene = new_scene(clip)
    out = args.out.absolute()
    clip.rotopoint.folder = str(out / "mattes")
    clip.rotopoint.checkpoint = args.checkpoint

    rotopoint = bpy.ops.rotopoint
    first, last = args.range
    (x, y), (width, height) = args.point, clip.size
    rotopoint.subject_add(name=args.subject)
    # Operators count from 0 to 1 over the picture, y up.
    rotopoint.point_add(x=x / width, y=1.0 - y / height, frame=args.point_frame or first)
    rotopoint.track(direction="both", first=first, last=last)
    rotopoint.wire()

    scene.frame_start, scene.frame_end = first, last
    scene.render.filepath = str(out / "frames" / "frame_####.png")
    bpy.ops.render.render(animation=True, scene=scene.name)
    for kind, folder in (("matte", out / "mattes"), ("frame", out / "frames")):
        for path in sorted(folder.glob("*.png")):
            sys.stdout.write(f"{kind} {path}\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Track a subject in Blender and render it on transparency.")
    parser.add_argument("--clip", type=Path, default=CLIP, help="a video, or a sequence's first file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the mattes and the frames")
    parser.add_argument("--engine", type=Path, help="Python that has the engine; else the preference says")
    parser.add_argument("--subject", default="subject", help="its name")
    parser.add_argument(
        "--point", type=float, nargs=2, metavar=("X", "Y"), default=FISH, help="pixels, y down"
    )
    parser.add_argument(
        "--point-frame", type=int, help="clip frame of the point; else the first of the range"
    )
    parser.add_argument(
        "--range", type=int, nargs=2, metavar=("FIRST", "LAST"), default=(1, 6), help="clip frames"
    )
    parser.add_argument("--checkpoint", default="draft", help="draft comes with the engine")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    return parser.parse_args(own)


def main() -> int:
    args = parse()
    try:
        run(args)
    except (RuntimeError, OSError) as error:
        # Operators say why they did not do their work in a RuntimeError of one line.
        sys.stderr.write(f"{str(error).strip()}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    # What runs, ends: the engine with the add-on.
    if (module := enabled_module()) is not None:
        addon_utils.disable(module)
    sys.stdout.flush()
    sys.stderr.flush()
    if not bpy.app.binary_path:
        # Some versions of Blender's wheel crash or hang as the interpreter ends.
        os._exit(status)
    sys.exit(status)
