# SPDX-License-Identifier: GPL-3.0-or-later
"""The input transform that a clip's color space in Blender stands for."""

from __future__ import annotations

from pathlib import Path

from bpy.types import MovieClip

from .faults import Refused

AUTO, SRGB, LINEAR = "auto", "srgb", "linear"

DISPLAY_REFERRED = frozenset({"sRGB", "Rec.1886", "Filmic sRGB", "AgX Base sRGB", "Khronos PBR Neutral sRGB"})
"""Spaces with the primaries of Rec.709 whose values a display is sent: the tracker sees them as they are."""

SCENE_LINEAR = frozenset({"Linear Rec.709", "Linear"})
"""The second is what configurations before Blender 4.0 call the first."""


def transform_of(clip: MovieClip) -> str:
    """`auto`, `srgb` or `linear`: what brings the clip's pictures to what a display is sent.

    `auto` wherever that means the same, so that the tracks are those of the command line. It takes floats
    for linear and whole numbers for display-referred, as Blender does for a new clip. Non-Color says
    nothing of the color and stays `auto`.
    Raises Refused for a space that neither of them is.
    """
    space = clip.colorspace_settings
    is_exr = Path(clip.filepath).suffix.lower() == ".exr"
    if space.is_data or not space.name:
        return AUTO
    if space.name in SCENE_LINEAR:
        return AUTO if is_exr else LINEAR
    if space.name in DISPLAY_REFERRED:
        return SRGB if is_exr else AUTO
    raise Refused(
        f"the tracker cannot read the color space {space.name} of {clip.name}: set Input, under Advanced, "
        "to a .cube file from it to sRGB, or to srgb or linear where that is near enough"
    )
