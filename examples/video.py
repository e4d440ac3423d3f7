# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a video of rendered frames: python examples/video.py --frames DIR --rate 24 --out composite.mp4"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc


def encode_video(
    frames: Sequence[Path], rate: Fraction, out: Path, told: Callable[[int], None] = lambda done: None
) -> None:
    """H.264, 8-bit 4:2:0, BT.709 in every tag and in the conversion, so that players show the same colors.

    `frames` are 8-bit RGB images of one size; an odd width or height is cut by a pixel. `told` is called
    after each frame with the number done.
    """
    height, width = (edge - edge % 2 for edge in read_bgr(frames[0]).shape[:2])
    out.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for done, path in enumerate(frames, 1):
            picture = np.ascontiguousarray(read_bgr(path)[:height, :width])
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(frame))
            told(done)
        container.mux(stream.encode())


def read_bgr(path: Path) -> np.ndarray:
    """(H, W, 3) uint8. OpenCV's own reader stumbles over non-ASCII paths on Windows."""
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a video of rendered frames.")
    parser.add_argument("--frames", type=Path, required=True, help="folder of PNG files, taken by name")
    parser.add_argument(
        "--rate", type=Fraction, default=Fraction(24), help="frames a second, as 24 or 24000/1001"
    )
    parser.add_argument("--out", type=Path, required=True, help="the video to write, for example .mp4")
    args = parser.parse_args()
    frames = sorted(args.frames.glob("*.png"))
    if not frames:
        parser.error(f"--frames {args.frames}: the folder holds no PNG file")
    encode_video(frames, args.rate, args.out)


if __name__ == "__main__":
    main()
