# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders clips with exact masks into a zip that training reads; run it by the Python of a bpy wheel.

    .venvs/bpy-5.0/bin/python -m training.rendered --output rendered.zip --clips 200

The mask of a frame is a second render of it in which the subject glows and all else is black: the same
geometry, camera and shutter, so a pixel is the share of the picture's pixel that the subject has.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

import bpy
import cv2
import numpy as np

from training.rendered import stage

SIZE = (384, 216)
PICTURE_SAMPLES, MASK_SAMPLES = 8, 16
SHUTTER = 0.4


def main() -> int:
    parser = argparse.ArgumentParser(description="Render clips for the draft model's training")
    parser.add_argument("--output", type=Path, required=True, help="a .zip; clips in it are kept")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the first clip; the others count on")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.output, "a") as archive:
        there = {name.split("/")[0] for name in archive.namelist()}
    for seed in range(arguments.seed, arguments.seed + arguments.clips):
        if f"{seed:05d}" not in there:
            files = _rendered_clip(seed, arguments.frames)
            # A zip's directory is written when it closes: a run that is stopped loses the clip at hand alone.
            with zipfile.ZipFile(arguments.output, "a") as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
            sys.stderr.write(f"clip {seed}\n")
    return 0


def _rendered_clip(seed: int, frames: int) -> dict[str, bytes]:
    """`SEED/FRAME.jpg` and `SEED/FRAME.png` (8-bit coverage) with their bytes."""
    built = stage.build(seed, frames)
    with tempfile.TemporaryDirectory() as folder:
        pictures = _rendered(built.scene, frames, Path(folder), PICTURE_SAMPLES, denoise=True)
        stage.show_coverage(built)
        built.scene.view_settings.view_transform = "Raw"
        masks = _rendered(built.scene, frames, Path(folder), MASK_SAMPLES, denoise=False)
    files = {}
    for number, (picture, mask) in enumerate(zip(pictures, masks, strict=True), start=1):
        name = f"{seed:05d}/{number:03d}"
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        files[f"{name}.jpg"] = jpeg.tobytes()
        files[f"{name}.png"] = cv2.imencode(".png", mask[..., 1])[1].tobytes()
    return files


def _rendered(
    scene: bpy.types.Scene, frames: int, folder: Path, samples: int, *, denoise: bool
) -> list[np.ndarray]:
    """Each frame (height, width, 3) uint8 BGR, by Cycles on the CPU."""
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.resolution_x, render.resolution_y = SIZE
    render.use_motion_blur, render.motion_blur_shutter = True, SHUTTER
    render.use_persistent_data = True
    # Dither would leave traces of coverage on all that is black.
    render.dither_intensity = 0
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    cycles.samples, cycles.use_denoising, cycles.max_bounces = samples, denoise, 1
    cycles.use_adaptive_sampling = False
    pictures = []
    for frame in range(1, frames + 1):
        scene.frame_set(frame)
        path = folder / f"{frame:03d}.png"
        render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        pictures.append(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR))
    return pictures


if __name__ == "__main__":
    sys.exit(main())
