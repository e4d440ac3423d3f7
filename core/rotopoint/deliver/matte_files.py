# SPDX-License-Identifier: GPL-3.0-or-later
"""One matte as a file, in linear coverage: gray PNG of 8 or 16 bits, or half-float EXR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.image_file import read_gray
from rotopoint.clip.timecode import Timecode
from rotopoint.deliver.deliverable import Compression, Deliverable, Frame, Options, cleaned
from rotopoint.deliver.exr_file import timecode_attributes, write_exr
from rotopoint.deliver.naming import EXTENSIONS, MATTE
from rotopoint.deliver.png_file import encode_png, steps
from rotopoint.shot import MatteFormat
from rotopoint.whole_files import write_whole


@dataclass(frozen=True)
class MatteMetadata:
    """What an EXR says of its origin, in attributes named `rotopoint/...`; PNG holds none."""

    clip: str
    subject: str
    clip_frame: int
    timecode: Timecode | None = None
    frame_rate: float | None = None


class MatteFiles(Deliverable):
    """One gray matte a file, as Blender's compositor is wired to them."""

    part = MATTE
    extension = EXTENSIONS[MatteFormat.PNG]

    @classmethod
    def extension_of(cls, options: Options) -> str:
        return EXTENSIONS[options.format]

    def frame(self, content: Frame) -> Path:
        (layer,) = content.layers
        path = self.path(content.number)
        metadata = MatteMetadata(
            self.about.clip, layer.subject, content.frame, content.timecode, self.about.frame_rate
        )
        write_matte(
            path,
            layer.matte,
            self.options.format,
            metadata,
            self.options.compression,
            self.about.pixel_aspect,
        )
        return path


def write_matte(
    path: Path,
    matte: NDArray[np.float32],
    format: MatteFormat,
    metadata: MatteMetadata | None = None,
    compression: Compression = Compression.ZIP,
    pixel_aspect: float = 1.0,
) -> None:
    """Write a matte, (H, W) coverage 0..1, in one step: the file is whole or not there.

    PNG rounds to the nearest step of the full range, 0..255 or 0..65535. EXR has the one channel Y in
    half float, data window and display window the picture. What lies outside 0..1 is clipped and
    NaN becomes 0. An existing file is replaced. Raises OutputUnwritable.
    """
    clean = cleaned(matte)
    match format:
        case MatteFormat.PNG8:
            content = encode_png(steps(clean, np.uint8))
        case MatteFormat.PNG:
            content = encode_png(steps(clean, np.uint16))
        case MatteFormat.EXR:
            write_exr(path, {"Y": clean.astype(np.float16)}, _attributes(metadata), compression, pixel_aspect)
            return
    write_whole(path, content)


def read_matte(path: Path) -> NDArray[np.float32]:
    """Read a matte back, (H, W) coverage 0..1, from any of the three formats. Raises ClipUnreadable."""
    return read_gray(path)


def _attributes(metadata: MatteMetadata | None) -> dict[str, Any]:
    if metadata is None:
        return {}
    return {
        "rotopoint/clip": metadata.clip,
        "rotopoint/subject": metadata.subject,
        "rotopoint/clip_frame": int(metadata.clip_frame),
        **timecode_attributes(metadata.timecode, metadata.frame_rate),
    }
