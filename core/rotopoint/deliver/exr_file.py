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
from rotopoint.deliver.deliverable import Compression
from rotopoint.whole_files import write_whole

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

    `attributes` are texts and whole numbers of the header. An existing file is replaced. Raises
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


def half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """What is beyond half floats becomes their largest and what is no number 0: no reader meets others."""
    return np.clip(np.nan_to_num(values, posinf=LARGEST_HALF), -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
