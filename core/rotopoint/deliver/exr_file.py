# SPDX-License-Identifier: GPL-3.0-or-later
"""One EXR file of one part: scanlines, data window and display window the picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from rotopoint import __version__
from rotopoint.clip.timecode import Timecode
from rotopoint.deliver.deliverable import Compression
from rotopoint.whole_files import write_whole

BINARY_GROUPS = 8
"""Of a timecode, for who has a use for them."""

LARGEST_HALF = float(np.finfo(np.float16).max)

COMPRESSIONS = {
    Compression.ZIP: OpenEXR.ZIP_COMPRESSION,
    Compression.PIZ: OpenEXR.PIZ_COMPRESSION,
    Compression.DWAA: OpenEXR.DWAA_COMPRESSION,
}


def write_exr(
    path: Path,
    channels: Mapping[str, NDArray[np.float16] | NDArray[np.float32]],
    attributes: Mapping[str, Any],
    compression: Compression = Compression.ZIP,
    pixel_aspect: float = 1.0,
) -> None:
    """Write channels (H, W) by name, half or 32-bit float as their arrays are, in one step.

    `attributes` are texts, whole numbers and a timecode of the header. An existing file is replaced. Raises
    OutputUnwritable.
    """
    header: dict[str, Any] = {
        "compression": COMPRESSIONS[compression],
        "type": OpenEXR.scanlineimage,
        "pixelAspectRatio": float(pixel_aspect),
        "software": f"Rotopoint {__version__}",
        **attributes,
    }
    content = io.BytesIO()
    planes = {name: np.ascontiguousarray(channels[name]) for name in sorted(channels)}
    OpenEXR.File(header, planes).write(content)
    write_whole(path, content.getvalue())


def timecode_attributes(timecode: Timecode | None, frame_rate: float | None) -> dict[str, Any]:
    """A frame's timecode for its header: by the standard attribute `timeCode`, of 30 frames a second at most
    and beyond in pairs, and as text in `rotopoint/timecode`."""
    if timecode is None:
        return {}
    found: dict[str, Any] = {"rotopoint/timecode": str(timecode)}
    short = timecode.of_32_bits(None if frame_rate is None else round(frame_rate))
    if short is not None:
        numbers = (short.hours, short.minutes, short.seconds, short.frame)
        flags = (int(short.drop_frame), 0, int(short.second_field), 0, 0, 0)
        found["timeCode"] = OpenEXR.TimeCode(*numbers, *flags, *(0,) * BINARY_GROUPS)
    return found


def half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """What is beyond half floats becomes their largest and what is no number 0: no reader meets others."""
    return np.clip(np.nan_to_num(values, posinf=LARGEST_HALF), -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
