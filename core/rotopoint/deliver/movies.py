# SPDX-License-Identifier: GPL-3.0-or-later
"""Video: mattes without loss, cut-outs with alpha, and reviews for those who look.

Pictures are tagged as BT.709 in limited range and hold display-referred values as they are, as Blender and
others read them back; alpha and gray have the full range.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from rotopoint.clip.plane import packed_pixels
from rotopoint.clip.timecode import Timecode
from rotopoint.clip.transform import srgb_from_linear
from rotopoint.deliver.deliverable import Colors, Deliverable, Frame, Layer, Need, cleaned
from rotopoint.deliver.pictures import tinted
from rotopoint.deliver.png_file import steps
from rotopoint.errors import OutputUnwritable
from rotopoint.shot.frames import FileNumber
from rotopoint.whole_files import put_whole, reason_of, temporary_in

USUAL_RATE = 24
"""Frames a second where neither the clip nor a person says any."""

LARGEST_DENOMINATOR = 1001
"""Of frame rates: that of 23.976 and the like."""


FAULTS = (OSError, av.FFmpegError)
"""What systems and FFmpeg refuse."""

GIVEN = {1: "gray16le", 3: "rgb24", 4: "rgba64le"}
"""FFmpeg's name for what a picture of so many channels is."""


@dataclass(frozen=True)
class Encoding:
    """How a video is made: FFmpeg's names of container, codec and pixel format, and the codec's options."""

    container: str
    codec: str
    pixels: str
    options: dict[str, str] = field(default_factory=dict)
    file_options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class Movie(Deliverable):
    """All frames in one video. It gets its name when it is whole."""

    one_file = True
    encoding: ClassVar[Encoding]

    def open(self) -> None:
        self._path = self.path(FileNumber(0))
        self._temporary = temporary_in(self._path.parent)
        self._reformatter = VideoReformatter()
        self._stream: VideoStream | None = None
        try:
            self._container = av.open(
                str(self._temporary), "w", format=self.encoding.container, options=self.encoding.file_options
            )
        except FAULTS as fault:
            raise OutputUnwritable(self._path, _reason(fault)) from fault

    def frame(self, content: Frame) -> Path:
        pixels = self.picture(content)
        try:
            self._write(pixels, content.timecode)
        except FAULTS as fault:
            raise OutputUnwritable(self._path, _reason(fault)) from fault
        return self._path

    def close(self, *, whole: bool) -> None:
        try:
            try:
                if whole and self._stream is not None:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()
            if whole:
                put_whole(self._temporary, self._path)
        except FAULTS as fault:
            # What ended the work before says more.
            if whole:
                raise OutputUnwritable(self._path, _reason(fault)) from fault
        finally:
            self._temporary.unlink(missing_ok=True)

    @abstractmethod
    def picture(self, content: Frame) -> NDArray[Any]:
        """One picture: (H, W) of 16 bits is gray, (H, W, 3) of 8 bits RGB, (H, W, 4) of 16 bits RGBA."""

    def _write(self, pixels: NDArray[Any], timecode: Timecode | None) -> None:
        if self._stream is None:
            self._stream = self._new_stream(pixels.shape[1], pixels.shape[0], timecode)
        stream = self._stream
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        given = GIVEN[channels]
        frame = VideoFrame(pixels.shape[1], pixels.shape[0], given)
        packed_pixels(frame, pixels.dtype, channels)[...] = pixels.reshape(*pixels.shape[:2], channels)
        if given != self.encoding.pixels:
            frame = self._reformatter.reformat(
                frame,
                format=self.encoding.pixels,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                dst_color_trc=ColorTrc.BT709,
                dst_color_primaries=ColorPrimaries.BT709,
            )
        self._container.mux(stream.encode(frame))

    def _new_stream(self, width: int, height: int, timecode: Timecode | None) -> VideoStream:
        about, encoding = self.about, self.encoding
        rate = self.options.frame_rate or about.frame_rate or USUAL_RATE
        exact = Fraction(rate).limit_denominator(LARGEST_DENOMINATOR)
        stream = self._container.add_stream(encoding.codec, rate=exact, options=encoding.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, encoding.pixels
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(about.pixel_aspect).limit_denominator(LARGEST_DENOMINATOR)
        if not encoding.pixels.startswith("gray"):
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        stream.metadata.update(encoding.tags)
        # FFmpeg makes a track of it in MOV and MP4. At another rate it would be that of other frames.
        if timecode is not None and rate == (about.frame_rate or rate) and timecode.fits(round(rate)):
            stream.metadata["timecode"] = str(timecode)
        return stream


def _reason(fault: OSError | av.FFmpegError) -> str:
    return reason_of(fault) if isinstance(fault, OSError) else (fault.strerror or str(fault)).lower()


class MatteMovie(Movie):
    """A matte as FFV1: gray of 16 bits, without loss."""

    part = "matte"
    extension = "mkv"
    encoding = Encoding("matroska", "ffv1", "gray16le", {"level": "3", "slicecrc": "1"})

    def picture(self, content: Frame) -> NDArray[Any]:
        (layer,) = content.layers
        return steps(cleaned(layer.matte), np.uint16)


class CutOutMovie(Movie):
    """A subject with alpha, its own color straight: display-referred, or values of the plate."""

    part = "cutout"

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.FOREGROUND})

    def picture(self, content: Frame) -> NDArray[Any]:
        (layer,) = content.layers
        assert layer.foreground is not None
        as_plate = self.options.colors is Colors.PLATE
        shown = cleaned(layer.foreground) if as_plate else srgb_from_linear(layer.foreground)
        color = steps(shown, np.uint16)
        alpha = steps(cleaned(layer.matte), np.uint16)
        return np.concatenate([color, alpha[..., None]], axis=-1)


class ProResMovie(CutOutMovie):
    """ProRes 4444 with 10 bits of alpha."""

    extension = "mov"
    encoding = Encoding("mov", "prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"})


class Vp9Movie(CutOutMovie):
    """VP9 with 8 bits of alpha, for browsers."""

    extension = "webm"
    encoding = Encoding(
        "webm",
        "libvpx-vp9",
        "yuva420p",
        # Frames that are not shown have no place for alpha.
        {"auto-alt-ref": "0", "crf": "18", "b": "0", "cpu-used": "4", "row-mt": "1"},
        tags={"alpha_mode": "1"},
    )


class ReviewMovie(Movie):
    """The subjects' colors over the picture, as H.264 that everything plays."""

    part = "review"
    extension = "mp4"
    joins = True
    encoding = Encoding("mp4", "libx264", "yuv420p", {"crf": "18"}, {"movflags": "+faststart"})

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.PLATE})

    def picture(self, content: Frame) -> NDArray[Any]:
        assert content.plate is not None
        return _even(tinted(content.plate, content.layers))


class SideBySideMovie(ReviewMovie):
    """The picture, and beside it all mattes in one, as H.264."""

    part = "side_by_side"

    def picture(self, content: Frame) -> NDArray[Any]:
        assert content.plate is not None
        gray = steps(union(content.layers), np.uint8)
        return _even(np.concatenate([content.plate, np.repeat(gray[..., None], 3, axis=-1)], axis=1))


def union(layers: tuple[Layer, ...]) -> NDArray[np.float32]:
    """(H, W) what any of the subjects covers, 0..1: the most that one of them does."""
    return np.asarray(np.max([cleaned(layer.matte) for layer in layers], axis=0))


def _even(pixels: NDArray[Any]) -> NDArray[Any]:
    """With the last row and column once more where their number is odd: H.264 halves colors."""
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
