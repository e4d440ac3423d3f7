# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's color space decides what the tracker is shown."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import OpenEXR
import pytest

from blender_addon import shots
from blender_addon.faults import Refused
from tests.blender.inside.addon import load_clip
from tests.blender.inside.footage import plate, write

pytestmark = pytest.mark.usefixtures("addon")


def load(folder: Path, name: str) -> bpy.types.MovieClip:
    path = folder / name
    if path.suffix == ".exr":
        OpenEXR.File({}, {"RGB": plate(1).astype(np.float32) / 255}).write(str(path))
    else:
        write(path, plate(1))
    clip = load_clip(path)
    assert clip.size[0] > 0
    return clip


def asked(clip: bpy.types.MovieClip) -> str:
    return shots.shot_of(clip).settings.input_transform


@pytest.mark.parametrize(
    ("name", "by_default", "display", "linear"),
    [
        ("plate_0001.png", "sRGB", "auto", "linear"),
        ("plate_0001.jpg", "sRGB", "auto", "linear"),
        ("plate_0001.exr", "Linear Rec.709", "srgb", "auto"),
    ],
)
def test_a_new_clip_asks_for_what_the_command_line_takes(
    tmp_path: Path, name: str, by_default: str, display: str, linear: str
) -> None:
    clip = load(tmp_path, name)
    assert (clip.colorspace_settings.name, asked(clip)) == (by_default, "auto")
    for space, transform in (("sRGB", display), ("Linear Rec.709", linear), ("Non-Color", "auto")):
        clip.colorspace_settings.name = space
        assert asked(clip) == transform


def test_another_space_is_refused_until_the_input_is_named(tmp_path: Path) -> None:
    clip = load(tmp_path, "plate_0001.png")
    clip.colorspace_settings.name = "Filmic Log"
    with pytest.raises(Refused, match=r"Filmic Log.*set Input.*\.cube"):
        shots.shot_of(clip)
    for named in ("srgb", "linear", str(tmp_path / "log.cube")):
        clip.rotopoint.input_transform = named
        assert asked(clip) == named
