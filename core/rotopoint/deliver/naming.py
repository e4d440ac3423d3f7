# SPDX-License-Identifier: GPL-3.0-or-later
"""How delivered files are called."""

from __future__ import annotations

from pathlib import Path

from rotopoint.errors import FileNumberNegative
from rotopoint.shot import MatteFormat
from rotopoint.shot.frames import FileNumber

EXTENSIONS = {MatteFormat.PNG8: "png", MatteFormat.PNG: "png", MatteFormat.EXR: "exr"}


def matte_name(clip: str, subject: str, number: FileNumber, format: MatteFormat) -> str:
    """`{clip}_{subject}_matte.{number}.{ext}`, the number with four digits or as many as it needs.

    `clip` is the clip's name without folder and extension, `subject` the subject's name, both kept as
    they are. Raises FileNumberNegative: a minus sign breaks the file numbers of every reader.
    """
    if number < 0:
        raise FileNumberNegative(number)
    return f"{clip}_{subject}_matte.{number:04d}.{EXTENSIONS[format]}"


def matte_path(folder: Path, clip: str, subject: str, number: FileNumber, format: MatteFormat) -> Path:
    """The matte's file in `folder`; see `matte_name`."""
    return folder / matte_name(clip, subject, number, format)
