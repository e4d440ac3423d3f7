# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the demo clip and its truth mattes; run it by the Python of the bpy 5.0 wheel.

    .venvs/bpy-5.0/bin/python examples/make_demo_clip.py --out examples/demo_clip

The pictures are rendered by Cycles and encoded as `demo.mp4`. The truth is a second render of the same
frames in which the subject emits 1 and everything else 0: same geometry, camera, shutter and pixel filter,
no light, no denoiser, no view transform. A pixel of it is therefore the share of the picture's pixel that
the visible part of the subject has (what hides it counts as absent; edges and motion blur are partial),
as linear coverage: 0 is none, 255 is all. `truth/demo_truth.0001.png` belongs to clip frame 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import bpy
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from demo_scene import stage

SIZE = (960, 540)
PICTURE_SAMPLES = 6
TRUTH_SAMPLES = 64
SHUTTER = 0.3
"""Share of a frame's time for which the shutter is open."""

CRF = 16


def _prepare(scene: bpy.types.Scene, percent: int) -> None:
    """What both renders have in common."""
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.resolution_x, render.resolution_y = SIZE
    render.resolution_percentage = percent
    render.use_motion_blur, render.motion_blur_shutter = True, SHUTTER
    render.use_persistent_data = True
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    cycles.seed, cycles.use_adaptive_sampling = 0, False
    render.image_settings.file_format = "PNG"
    scene.view_settings.look = "None"


def _for_pictures(scene: bpy.types.Scene) -> None:
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising = PICTURE_SAMPLES, True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.max_bounces = 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.color_depth = "16"
    # Standard keeps the picture linear under its sRGB curve, so that mixing by the truth is exact.
    scene.view_settings.view_transform = "Standard"


def _for_truth(scene: bpy.types.Scene) -> None:
    stage.show_coverage(scene)
    scene.cycles.samples, scene.cycles.use_denoising = TRUTH_SAMPLES, False
    scene.cycles.max_bounces = 0
    scene.render.image_settings.color_mode = "BW"
    scene.render.image_settings.color_depth = "16"
    scene.view_settings.view_transform = "Raw"


def _render(scene: bpy.types.Scene, frames: list[int], folder: Path, subject_only: bool = False) -> float:
    """Write `folder/0001.png` and so on; returns the seconds that it took."""
    start = time.monotonic()
    for frame in frames:
        scene.frame_set(frame)
        if subject_only:
            stage.frame_subject(scene)
        scene.render.filepath = str(folder / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)
        sys.stderr.write(f"{folder.name} {frame} {time.monotonic() - start:.0f} s\n")
    return time.monotonic() - start


def _read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)


def _encode(pictures: list[Path], path: Path) -> None:
    """H.264, 8-bit 4:2:0, BT.709 in every tag and in the conversion."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        options = {"crf": str(CRF), "preset": "veryslow"}
        stream = container.add_stream("libx264", rate=Fraction(stage.RATE), options=options)
        height, width = _read(pictures[0]).shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(_read(picture), format="bgr48le")
            yuv = frame.reformat(
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(yuv))
        container.mux(stream.encode())


def _write_truth(source: Path, path: Path) -> None:
    """16-bit gray becomes 8-bit, rounded, in the smallest PNG that the encoder makes."""
    coverage = _read(source)
    rounded = ((coverage.astype(np.uint32) + 128) // 257).astype(np.uint8)
    encoded = cv2.imencode(".png", rounded, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    path.write_bytes(encoded.tobytes())


def make(out: Path, work: Path, frames: list[int], percent: int) -> None:
    """Render into `work`, then write demo.mp4 and truth/ into `out`."""
    for folder in (work / "pictures", work / "mattes", out / "truth"):
        folder.mkdir(parents=True, exist_ok=True)
    scene = stage.build()
    _prepare(scene, percent)
    _for_pictures(scene)
    picture_seconds = _render(scene, frames, work / "pictures")
    _for_truth(scene)
    truth_seconds = _render(scene, frames, work / "mattes", subject_only=True)
    _encode([work / "pictures" / f"{n:04d}.png" for n in frames], out / "demo.mp4")
    for n in frames:
        _write_truth(work / "mattes" / f"{n:04d}.png", out / "truth" / f"demo_truth.{n:04d}.png")
    files = [out / "demo.mp4", *(out / "truth").glob("*.png")]
    size = sum(f.stat().st_size for f in files)
    sys.stdout.write(
        f"{out / 'demo.mp4'}: {len(frames)} frames, {size} bytes with the truth; "
        f"Blender {bpy.app.version_string}, pictures {picture_seconds:.0f} s, truth {truth_seconds:.0f} s\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the demo clip and its truth mattes.")
    parser.add_argument("--out", type=Path, required=True, help="folder for demo.mp4 and truth/")
    parser.add_argument("--work", type=Path, help="keep the rendered frames in this folder")
    parser.add_argument("--step", type=int, default=1, help="render each n-th frame, to look at it first")
    parser.add_argument("--percent", type=int, choices=(50, 100), default=100, help="size of the picture")
    args = parser.parse_args()
    frames = list(range(1, stage.FRAMES + 1, args.step))
    with tempfile.TemporaryDirectory(prefix="rotopoint-demo-") as temporary:
        make(args.out, args.work or Path(temporary), frames, args.percent)


if __name__ == "__main__":
    main()
