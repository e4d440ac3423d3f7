# SPDX-License-Identifier: GPL-3.0-or-later
"""Of an EXR with several layers the engine reads the one that Blender's Clip Editor shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip import open_clip
from rotopoint.shot import ClipReference
from rotopoint.shot.frames import SourceFrame
from tests.blender.bpy_process import VERSIONS, run_in_bpy
from tests.core.clip.layered_exr import write_every_layout

SCRIPT = Path(__file__).with_name("render_clip_frames.py")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_layer_read_is_the_one_shown(version: str, tmp_path: Path) -> None:
    clips = write_every_layout(tmp_path)
    run_in_bpy(version, SCRIPT, tmp_path / "out", *clips)
    for path in clips:
        rendered = np.fromfile(tmp_path / "out" / path.name / "0001.png", np.uint8)
        blenders = cv2.imdecode(rendered, cv2.IMREAD_COLOR)[..., ::-1]
        with open_clip(ClipReference(str(path))) as clip:
            difference = np.abs(clip.read(SourceFrame(0)).astype(int) - blenders).max()
        assert difference <= 2, path.name
