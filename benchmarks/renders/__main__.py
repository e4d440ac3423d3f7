# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the clips that mattes are measured on; run it by the Python of a bpy wheel.

    .venvs/bpy-5.0/bin/python -m benchmarks.renders

A frame is two pictures, EXR in half floats, scene linear: the subject alone, before nothing (all else holds
out, so what would hide it does), premultiplied; and all else without it, its shadow left. The plate is the
one over the other, so alpha and color are exact to the last sample, hair, motion and lens blur included.
Frames that are there are kept.

With `--motion` there is a third picture, of the subject alone without any blur: where each of its pixels lies
on the frame before and after, as Cycles' vector pass has it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import bpy

from benchmarks.renders import scenes
from benchmarks.renders.clips import CLIPS, FOLDER, FRONT, KINDS, MOTION, SIZE, RenderedClip

SAMPLES = {FRONT: 64, "behind": 8, MOTION: 8}
"""The subject's decide how fine its alpha is, and are not denoised."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Render the clips that mattes are measured on.")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--clips", nargs="*", default=[clip.name for clip in CLIPS])
    parser.add_argument("--frames", nargs="*", type=int, help="these alone")
    parser.add_argument("--percent", type=int, default=100, help="of the pictures' size")
    parser.add_argument("--samples-percent", type=int, default=100, help="of the samples of a pixel")
    parser.add_argument("--motion", action="store_true", help="the subject's motion too")
    arguments = parser.parse_args()
    kinds = (*KINDS, MOTION) if arguments.motion else KINDS
    for clip in CLIPS:
        if clip.name in arguments.clips:
            frames = arguments.frames or range(1, clip.frames + 1)
            render(clip, frames, arguments.out, arguments.percent, arguments.samples_percent, kinds)
    return 0


def render(
    clip: RenderedClip,
    frames: Sequence[int],
    out: Path,
    percent: int,
    samples: int,
    kinds: Sequence[str] = KINDS,
) -> None:
    """Write `NAME/front.0001.exr`, `NAME/behind.0001.exr` and so on."""
    built = scenes.build(clip)
    _prepare(built.scene, clip.shutter, percent)
    for kind in kinds:
        _show(built, kind)
        built.scene.cycles.samples = max(1, SAMPLES[kind] * samples // 100)
        built.scene.cycles.use_denoising = kind == "behind"
        for frame in frames:
            path = out / clip.name / f"{kind}.{frame:04d}.exr"
            if path.is_file():
                continue
            started = time.monotonic()
            built.scene.frame_set(frame)
            if kind != "behind":
                scenes.frame_subject(built)
            # A render that is stopped leaves nothing under a final name.
            built.scene.render.filepath = str(path.with_name(f"unfinished.{path.name}"))
            bpy.ops.render.render(write_still=True)
            path.with_name(f"unfinished.{path.name}").replace(path)
            sys.stderr.write(f"{path} {time.monotonic() - started:.1f} s\n")


def _prepare(scene: bpy.types.Scene, shutter: float, percent: int) -> None:
    """What both pictures of a frame have in common."""
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.resolution_x, render.resolution_y = SIZE
    render.resolution_percentage = percent
    render.use_motion_blur, render.motion_blur_shutter = True, shutter
    render.use_persistent_data = True
    # As ribbons that face the camera, hairs take a third of the time.
    scene.cycles_curves.shape = "RIBBONS"
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    cycles.seed, cycles.use_adaptive_sampling, cycles.max_bounces = 0, False, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    settings = render.image_settings
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR", "16", "ZIP"


def _show(built: scenes.Stage, kind: str) -> None:
    """Let the camera see the subject alone, or all but it; light and shadows stay as they are."""
    alone = kind != "behind"
    if kind == MOTION:
        _let_motion_be_seen(built.scene)
    built.scene.render.film_transparent, built.scene.render.use_border = alone, alone
    built.scene.render.image_settings.color_mode = "RGBA" if alone else "RGB"
    for thing in built.scene.objects:
        if thing in built.subject:
            thing.visible_camera = alone
        else:
            thing.is_holdout = alone


def _let_motion_be_seen(scene: bpy.types.Scene) -> None:
    """Cycles has no vectors of what is blurred."""
    scene.render.use_motion_blur = scene.camera.data.dof.use_dof = False
    scene.view_layers[0].use_pass_vector = True
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"


if __name__ == "__main__":
    sys.exit(main())
