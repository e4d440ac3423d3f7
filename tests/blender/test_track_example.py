# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/track_in_blender.py in each bpy: it tracks by operators and renders what it wired."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.blender.bpy_process import ROOT, VERSIONS, run_in_bpy

EXAMPLE = ROOT / "examples" / "track_in_blender.py"
COUNT = 4


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED).astype(int)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="this Python does not have the engine")
@pytest.mark.parametrize("version", VERSIONS)
def test_it_renders_the_mattes_it_tracked(version: str, tmp_path: Path) -> None:
    args = ["--engine", sys.executable, "--out", tmp_path / "ä out", "--range", "1", str(COUNT)]
    said = [line.split(" ", 1) for line in run_in_bpy(version, EXAMPLE, *args).stdout.splitlines()]
    mattes, frames = (
        [Path(words[1]) for words in said if words[0] == kind and len(words) == 2]
        for kind in ("matte", "frame")
    )
    assert [path.name for path in frames] == [f"frame_{n:04d}.png" for n in range(1, COUNT + 1)]
    assert len(mattes) == COUNT
    for matte, frame in zip(map(read, mattes), map(read, frames), strict=True):
        assert 0.01 < np.mean(matte > 32767) < 0.5
        # Within 1 of 255.
        assert np.abs(frame[..., 3] - matte).max() <= 257


def test_without_an_engine_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"status 1[\s\S]*This build brings no engine"):
        run_in_bpy("5.0", EXAMPLE, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
