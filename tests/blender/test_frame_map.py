# SPDX-License-Identifier: GPL-3.0-or-later
"""Clip frame N is the picture that Blender shows there: every frame of every kind of clip, rendered."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rotopoint.clip import open_clip
from rotopoint.shot import ClipReference, Missing
from tests.blender.bpy_process import VERSIONS, run_in_bpy
from tests.core.clip.damaged_video import write_every_damage
from tests.core.clip.numbered_video import number_in, numbered_picture, write_every_kind, write_table

SCRIPT = Path(__file__).with_name("render_clip_frames.py")

LIKE_BLENDER = 2.0
"""Mean difference, of 255: rounding and compression; another picture differs by 32 at least."""

NOT_COMPARED = {
    # Past the last picture, where seeking finds none, Blender shows memory that it has not written to:
    # the picture changes with the environment variable MALLOC_PERTURB_. The map holds the last picture.
    **{(version, "edit begins empty.mp4"): {29, 30} for version in VERSIONS},
    # 4.2 shows picture 21 a second time in the place of 22, every time; later versions do not.
    ("4.2", "b-frames open groups.mp4"): {23},
    # 4.2 shows a later picture there, after it has sought; later versions do not.
    ("4.2", "mpeg-2, b-frames.mpg"): {2},
    **{("4.2", f"libx264 b2 {rate}.m2ts"): set(range(1, 65)) for rate in ("24.00", "29.97")},
    **{
        ("4.2", f"{codec} b2 {rate}.{extension}"): {2}
        for rate in ("24.00", "29.97")
        for codec, extension in (("mpeg1video", "mpg"), ("mpeg2video", "mpg"), ("mpeg2video", "vob"))
    },
}
"""The clip frames at which the map is knowingly not what Blender shows."""


def write_sequences(folder: Path) -> list[Path]:
    """Image sequences that Blender starts in the middle, ends at a gap, and counts beyond their padding."""
    plain = {f"plain_{n:04d}.png": n for n in range(1, 7)}
    unpadded = {f"unpadded{n}.png": n for n in range(8, 13)}
    for name, number in (plain | unpadded | {"alone.png": 77}).items():
        (folder / name).write_bytes(cv2.imencode(".png", numbered_picture(number))[1].tobytes())
    return [folder / name for name in ("plain_0001.png", "plain_0003.png", "unpadded8.png", "alone.png")]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return write_every_kind(folder) + write_sequences(folder)


def picture(path: Path) -> NDArray[np.uint8]:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_clip_frame_is_what_blender_shows(version: str, clips: list[Path], tmp_path: Path) -> None:
    compare(version, clips, tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_undecodable_pictures_are_held_as_blender_does(version: str, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    compare(version, write_every_damage(tmp_path / "clips"), tmp_path, Missing.HOLD)


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_container_and_codec(version: str, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    compare(version, write_table(tmp_path / "clips"), tmp_path)


def compare(version: str, clips: list[Path], tmp_path: Path, missing: Missing = Missing.ERROR) -> None:
    run_in_bpy(version, SCRIPT, tmp_path, *clips)
    said = json.loads((tmp_path / "clips.json").read_text(encoding="utf-8"))
    for path in clips:
        with open_clip(ClipReference(str(path), missing, honors_rotation=version != "4.2")) as clip:
            assert clip.size == tuple(said[path.name]["size"]), path.name
            assert len(clip.frame_map) == said[path.name]["frame_count"], path.name
            assert (clip.frame_rate or 0.0) == pytest.approx(said[path.name]["frame_rate"], rel=1e-6), (
                path.name
            )
            for frame in clip.frame_map.full_range:
                if frame in NOT_COMPARED.get((version, path.name), ()):
                    continue
                source = clip.frame_map.source(frame)
                assert source is not None
                ours, blenders = clip.read(source), picture(tmp_path / path.name / f"{frame:04d}.png")
                assert number_in(ours) == number_in(blenders), f"{path.name} at frame {frame}"
                difference = np.abs(ours.astype(int) - blenders).mean()
                assert difference < LIKE_BLENDER, f"{path.name} at frame {frame}"
