# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts mattes on a clip in Blender, saves the .blend and renders the composite. Runs inside Blender:

    PYTHONPATH=core:. .venvs/bpy-5.0/bin/python examples/composite.py --clip examples/demo_clip/demo.mp4 \
        --mattes output/mattes --subject fish --out output/composite --save output/demo.blend

`--out` receives composite.0001.png and so on, numbered by clip frames, for the frames that have mattes.
Progress goes to stdout as lines of JSON: {"event": "wired", "frames": N, "rate": "24/1"}, then
{"event": "rendered", "frame": n} for each frame, at last {"event": "done", "blend": path, "frames": folder}.
What Blender itself prints goes to stderr. Exit code 0 done, 2 bad input, 1 a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import TextIO

import bpy
import numpy as np
from matte_files import find_mattes

from blender_addon import compat
from blender_addon.compositor import MatteSequence, wire
from rotopoint.clip.image_header import is_image
from rotopoint.clip.sequence import sequence_from
from rotopoint.errors import RotopointError
from rotopoint.messages import explain

TOP, BOTTOM = (0.93, 0.95, 0.97), (0.42, 0.55, 0.72)
"""Display-referred sRGB of the background."""


def take_stdout() -> TextIO:
    """Stdout for our lines alone; what Blender writes to file descriptor 1 goes to stderr from here on."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return ours


def new_scene() -> bpy.types.Scene:
    """An empty scene whose picture is the compositor's, in colors as they are in the clip."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    # Nothing 3D is rendered; Workbench needs no camera.
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "Standard"
    scene.render.use_sequencer = False
    return scene


def load_clip(path: Path) -> tuple[bpy.types.MovieClip, str, int]:
    """The clip, its name in files, and the file number of its frame 1: the plate's own, or 1 for video."""
    name, number = path.stem, 1
    if path.is_dir() or is_image(path):
        sequence = sequence_from(path)
        path, name, number = sequence.first.path, sequence.name, sequence.first.number
    return bpy.data.movieclips.load(str(path.absolute())), name, number


def frame_rate(clip: bpy.types.MovieClip, asked: Fraction | None) -> Fraction:
    """As asked, else the video's own, else 24 frames a second."""
    if asked is not None:
        return asked
    return Fraction(clip.fps).limit_denominator(1001) if clip.fps > 0 else Fraction(24)


def set_format(scene: bpy.types.Scene, clip: bpy.types.MovieClip, rate: Fraction) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = clip.size
    render.resolution_percentage = 100
    render.fps = -(-rate.numerator // rate.denominator)
    render.fps_base = float(render.fps / rate)
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.color_depth = "8"
    render.image_settings.compression = 30


def add_background(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    """Make the scene's picture a vertical gradient, packed into the .blend."""
    width, height = size
    share = np.linspace(0.0, 1.0, height)[:, None]
    rows = (1.0 - share) * np.array(BOTTOM) + share * np.array(TOP)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = rows[:, None, :]
    image = bpy.data.images.new("Background", width, height)
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    tree = compat.ensure_compositor_tree(scene)
    node = tree.nodes.new("CompositorNodeImage")
    node.name = node.label = "Background"
    node.image = image
    output = compat.ensure_output(tree)
    output.node.location = (900.0, 0.0)
    node.location = (-100.0, 400.0)
    tree.links.new(node.outputs["Image"], output)


def show_in_editor(tree: bpy.types.NodeTree, output: bpy.types.NodeSocket) -> None:
    """Let the .blend open on its nodes, with the composite behind them."""
    viewers = (node for node in tree.nodes if node.bl_idname == "CompositorNodeViewer")
    viewer = next(viewers, None) or tree.nodes.new("CompositorNodeViewer")
    viewer.location = (output.node.location.x, output.node.location.y - 200.0)
    tree.links.new(output.links[0].from_socket, viewer.inputs["Image"])
    area = max(bpy.context.screen.areas, key=lambda area: area.width * area.height)
    area.ui_type = "CompositorNodeTree"
    area.spaces.active.show_backdrop = True


def relative(path: Path) -> str:
    """Relative to the saved .blend where that is possible: on Windows not from another drive."""
    try:
        return bpy.path.relpath(str(path))
    except ValueError:
        return str(path)


def save(path: Path) -> None:
    """Save with relative paths, so that the folder can be moved as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path.absolute()))
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()


def build(scene: bpy.types.Scene, args: argparse.Namespace) -> Fraction:
    """Clip, background and mattes into `scene`; its range becomes that of the mattes."""
    clip, name, first_number = load_clip(args.clip)
    if args.first_number is not None:
        first_number = args.first_number
    rate = frame_rate(clip, args.rate)
    set_format(scene, clip, rate)
    add_background(scene, tuple(clip.size))

    def found(folder: Path, subject: str, part: str) -> MatteSequence:
        files = find_mattes(folder, name, subject, part)
        number = min(files)
        return MatteSequence(subject, subject, files[number], number, len(files), number - first_number + 1)

    sequences = [found(args.mattes, subject, "matte") for subject in args.subject]
    cut_outs = [found(args.cut_outs, subject, "cutout") for subject in args.subject if args.cut_outs]
    wiring = wire(scene, clip, sequences, cut_outs)
    scene.frame_start = min(s.first_frame for s in sequences)
    scene.frame_end = max(s.first_frame + s.frame_count - 1 for s in sequences)
    show_in_editor(wiring.tree, compat.ensure_output(wiring.tree))
    return rate


def run(args: argparse.Namespace, lines: TextIO) -> None:
    def tell(event: str, **values: object) -> None:
        lines.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
        lines.flush()

    scene = new_scene()
    rate = build(scene, args)
    args.out.mkdir(parents=True, exist_ok=True)
    save(args.save)
    scene.render.filepath = relative(args.out.absolute() / "composite.####.png")
    bpy.ops.wm.save_mainfile()
    tell("wired", frames=scene.frame_end - scene.frame_start + 1, rate=f"{rate.numerator}/{rate.denominator}")
    bpy.app.handlers.render_write.append(lambda scene, *_: tell("rendered", frame=scene.frame_current))
    bpy.ops.render.render(animation=True)
    tell("done", blend=str(args.save), frames=str(args.out))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Wire mattes to a clip in Blender and render the composite.")
    parser.add_argument(
        "--clip", type=Path, required=True, help="a video, a folder, or a sequence's first file"
    )
    parser.add_argument("--mattes", type=Path, required=True, help="the folder that rotopoint track wrote")
    parser.add_argument(
        "--cut-outs",
        type=Path,
        help="the folder of `rotopoint deliver --as cut-outs`, for the subjects' own colors",
    )
    parser.add_argument("--subject", action="append", required=True, help="a subject's name; repeat for more")
    parser.add_argument("--out", type=Path, required=True, help="folder for the rendered frames")
    parser.add_argument("--save", type=Path, required=True, help="the .blend to write")
    parser.add_argument("--rate", type=Fraction, help="frames a second; by default the video's, else 24")
    parser.add_argument(
        "--first-number", type=int, help="number of the matte of clip frame 1, where it was asked for"
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    lines = take_stdout()
    try:
        run(args, lines)
    except RotopointError as error:
        sys.stderr.write(f"{explain(error)}\n")
        return error.exit_code
    except (RuntimeError, OSError) as error:
        # Blender reports what it cannot read or write as a RuntimeError with a line for the user.
        sys.stderr.write(f"{str(error).strip()}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Some versions of bpy crash or hang as the interpreter ends.
    os._exit(status)
