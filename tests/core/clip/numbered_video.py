# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos whose pictures show their own number, in squares that survive compression."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 48
COLUMNS, ROWS = 4, 2
EMPTY = -1
"""The media time of an edit that shows nothing."""


def numbered_picture(number: int) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3): eight squares, white where the number's bit is set, row by row."""
    bits = [number >> bit & 1 for bit in range(COLUMNS * ROWS)]
    squares = np.array(bits, np.uint8).reshape(ROWS, COLUMNS) * 255
    gray = np.kron(squares, np.ones((HEIGHT // ROWS, WIDTH // COLUMNS), np.uint8))
    return np.repeat(gray[..., None], 3, axis=-1)


def number_in(picture: NDArray[np.uint8]) -> int:
    """The number that a picture shows, right side up."""
    height, width = picture.shape[:2]
    cells = picture.reshape(ROWS, height // ROWS, COLUMNS, width // COLUMNS, -1)
    middle = cells[
        :, height // ROWS // 3 : -(height // ROWS // 3), :, width // COLUMNS // 3 : -(width // COLUMNS // 3)
    ]
    bits = middle.mean(axis=(1, 3, 4)).ravel() > 127
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


def write_video(
    path: Path,
    times: Iterable[int],
    time_base: Fraction = Fraction(1, 24),
    rate: Fraction | int = 24,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    keyframe_every: int = 6,
    b_frames: int = 0,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write picture n at times[n], in units of `time_base` seconds; `rotation` counterclockwise."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        chosen = (
            {"x264-params": f"log-level=error:scenecut=0:b-adapt=0:bframes={b_frames}"}
            if codec == "libx264"
            else {}
        )
        stream = container.add_stream(codec, rate=rate, options=chosen | (options or {}))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = keyframe_every
        stream.codec_context.max_b_frames = b_frames
        if rotation:
            stream.set_display_rotation(rotation)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), "rgb24")
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_edits(path: Path, edits: Sequence[tuple[int, int]]) -> None:
    """Overwrite the edit list of an MP4, which must have that many entries.

    Each is (duration in milliseconds, media time in the stream's time base, or EMPTY).
    """
    data = bytearray(path.read_bytes())
    start = data.index(b"elst") + 4
    (count,) = struct.unpack_from(">I", data, start + 4)
    assert count == len(edits), f"the edit list has {count} entries"
    for number, (duration, media_time) in enumerate(edits):
        struct.pack_into(">Iii", data, start + 8 + 12 * number, duration, media_time, 0x10000)
    path.write_bytes(data)


def write_every_kind(folder: Path) -> list[Path]:
    """One video of each kind that has to be mapped to Blender's clip frames."""
    late = range(10, 50)
    ticks = 512
    """of 1/12288 s, the time base that the MP4 writer takes for 24 frames a second"""
    delay = 2 * ticks
    """by which B-frames shift the first picture"""

    phone = np.random.default_rng(5).choice([2997, 3003, 3000, 6000], 40).cumsum().tolist()
    milliseconds = np.random.default_rng(1).integers(20, 70, 24).cumsum().tolist()
    steps = [0, 1, 2, 5, 6, 7, 8, 12, 13, 14, 15, 16, 20, 21, 22, 23, 25, 26, 27, 28, 30, 31, 32, 34]
    variable = {"times": [10 * step for step in steps], "time_base": Fraction(1, 240)}
    ntsc = {"time_base": Fraction(1, 24000), "rate": Fraction(24000, 1001), "b_frames": 2}

    def write(name: str, *edits: tuple[int, int], **how: object) -> Path:
        path = write_video(folder / name, **({"times": range(24)} | how))
        if edits:
            set_edits(path, edits)
        return path

    return [
        write("constant.mp4"),
        write("b-frames.mp4", b_frames=3),
        write(
            "b-frames open groups.mp4",
            b_frames=3,
            options={"x264-params": "bframes=3:b-adapt=0:scenecut=0:open-gop=1:log-level=error"},
        ),
        write("variable rate.mp4", **variable),
        write("variable rate, b-frames.mp4", **variable, b_frames=3),
        write("milliseconds.mp4", times=milliseconds, time_base=Fraction(1, 1000)),
        write("milliseconds.mkv", times=milliseconds, time_base=Fraction(1, 1000), b_frames=2),
        write("phone.mp4", times=phone, time_base=Fraction(1, 90000), rate=30, b_frames=2),
        write("slow.mp4", times=[0, 10, 11, 12, 40, 41, 60], time_base=Fraction(1, 10), rate=10),
        write("23.976.mp4", times=range(0, 1001 * 24, 1001), **ntsc),
        write("late start.mp4", times=late),
        write("late start.mkv", times=late, b_frames=2),
        write("late start.ts", times=late, b_frames=2),
        write("edit within group.mp4", (1000, delay + 3 * ticks), times=range(40), b_frames=3),
        write("edit at keyframe.mp4", (1000, delay + 6 * ticks), times=range(40), b_frames=3),
        write(
            "edit cuts the middle.mp4",
            (500, delay + 5 * ticks),
            (500, delay + 20 * ticks),
            times=late,
            b_frames=3,
        ),
        write("edit begins empty.mp4", (250, EMPTY), (1000, delay + 5 * ticks), times=late, b_frames=3),
        write("turned 90.mp4", times=range(8), rotation=90),
        write("turned 180.mp4", times=range(8), rotation=180),
        write("turned 270.mp4", times=range(8), rotation=-90),
        write("motion jpeg.avi", codec="mjpeg", pixel_format="yuvj420p"),
        write("mpeg-4.avi", codec="mpeg4", b_frames=2),
        write("h264.avi"),
        write("h264, b-frames.avi", b_frames=2),
        write("h264, b-frames.wmv", b_frames=2),
        write("h264, b-frames.mxf", b_frames=2),
        write("mpeg-2, b-frames.mpg", times=range(40), rate=25, codec="mpeg2video", b_frames=2),
        write("vp8.webm", codec="libvpx"),
        write("prores.mov", times=range(12), codec="prores_ks", pixel_format="yuv422p10le"),
        write("пример 影.mp4", times=range(4)),
    ]


RATES = (Fraction(24), Fraction(30000, 1001))

PIXEL_FORMATS = {
    "prores_ks": "yuv422p10le",
    "mjpeg": "yuvj420p",
    "huffyuv": "yuv422p",
    "qtrle": "rgb24",
    "rawvideo": "rgb24",
    "gif": "rgb8",
}
"""Of codecs that do not take yuv420p."""

CODECS_OF_CONTAINERS = {
    "3gp": ("libx264", "mpeg4"),
    "asf": ("libx264", "mpeg4", "wmv2", "msmpeg4v3", "mjpeg"),
    "avi": ("libx264", "mpeg4", "mjpeg", "msmpeg4v2", "mpeg2video", "ffv1", "huffyuv", "libvpx"),
    "flv": ("libx264", "flv"),
    "gif": ("gif",),
    "m2ts": ("libx264",),
    "mkv": ("libx264", "mpeg4", "mpeg2video", "libvpx-vp9", "ffv1", "mjpeg"),
    "mov": ("libx264", "mpeg4", "prores_ks", "mjpeg", "qtrle", "rawvideo"),
    "mp4": ("libx264", "mpeg4", "mpeg2video", "libvpx-vp9", "mjpeg"),
    "mpg": ("mpeg1video", "mpeg2video"),
    "mxf": ("libx264", "mpeg2video", "prores_ks"),
    "nut": ("libx264", "mpeg4"),
    "ts": ("libx264", "mpeg4", "mpeg2video"),
    "vob": ("mpeg2video", "libx264"),
    "webm": ("libvpx", "libvpx-vp9"),
    "wmv": ("libx264", "wmv2"),
}

WITH_B_FRAMES = frozenset({"libx264", "mpeg4", "mpeg1video", "mpeg2video"})


def write_table(folder: Path) -> list[Path]:
    """Containers times codecs times B-frames times rates, 64 pictures each."""
    return [
        write_video(
            folder / f"{codec} b{b_frames} {float(rate):.2f}.{extension}",
            range(64),
            time_base=1 / rate,
            rate=rate,
            codec=codec,
            pixel_format=PIXEL_FORMATS.get(codec, "yuv420p"),
            b_frames=b_frames,
        )
        for extension, codecs in CODECS_OF_CONTAINERS.items()
        for codec in codecs
        for b_frames in ((0, 2) if codec in WITH_B_FRAMES else (0,))
        for rate in RATES
    ]
