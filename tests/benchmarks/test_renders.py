# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders whose alpha and color are known: how they are read, and that Blender makes them so."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from benchmarks.renders.clips import (
    CLIPS,
    KINDS,
    MOTION,
    Frame,
    decoded,
    encoded,
    is_rendered,
    motion,
    rendered,
)

ROOT = Path(__file__).resolve().parents[2]
BLENDER = ROOT / ".venvs" / "bpy-5.0" / "bin" / "python"


def frame(color: float, alpha: float, behind: float) -> Frame:
    front = np.full((1, 1, 4), color * alpha, np.float32)
    front[..., 3] = alpha
    return Frame(front, np.full((1, 1, 3), behind, np.float32))


def test_a_plate_is_the_subject_over_what_is_behind_it() -> None:
    seen = frame(color=0.8, alpha=0.25, behind=0.4)
    assert seen.light[0, 0, 0] == pytest.approx(0.25 * 0.8 + 0.75 * 0.4, abs=0.003)
    assert seen.color[0, 0, 0] == pytest.approx(0.8)
    steps = 255 * seen.plate
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_where_the_subject_is_not_its_color_is_black() -> None:
    seen = frame(color=0.8, alpha=0, behind=0.4)
    assert not seen.color.any() and seen.light[0, 0, 0] == pytest.approx(0.4, abs=0.003)


def test_what_is_too_bright_for_a_plate_is_clipped() -> None:
    assert frame(color=3, alpha=0.5, behind=1).plate.max() == 1


def test_encoding_undoes_decoding() -> None:
    shown = np.arange(256, dtype=np.float32) / 255
    np.testing.assert_allclose(encoded(decoded(shown)), shown, atol=1e-6)
    assert decoded(np.float32(0.5) + np.zeros(1, np.float32))[0] == pytest.approx(0.2140, abs=1e-4)


def test_a_clip_is_read_as_it_was_written(tmp_path: Path) -> None:
    clip = replace(CLIPS[0], frames=2)
    assert not is_rendered(clip, tmp_path)
    (tmp_path / clip.name).mkdir()
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for number in (1, 2):
        for kind, names in zip(KINDS, ("RGBA", "RGB"), strict=True):
            values = np.full((3, 4, len(names)), number / 4, np.float16)
            OpenEXR.File(header, {names: values}).write(
                str(tmp_path / clip.name / f"{kind}.{number:04d}.exr")
            )
    assert is_rendered(clip, tmp_path)
    first, second = rendered(clip, tmp_path)
    assert first.alpha.shape == (3, 4) and first.behind.shape == (3, 4, 3)
    assert (first.alpha == 0.25).all() and (second.behind == 0.5).all()


def test_blender_renders_the_subject_apart(tmp_path: Path) -> None:
    if not BLENDER.is_file():
        pytest.skip("no bpy wheel: python3 make.py setup")
    small = ["--frames", "1", "16", "--percent", "20", "--samples-percent", "10"]
    command = [
        BLENDER,
        "-m",
        "benchmarks.renders",
        "--out",
        tmp_path,
        "--clips",
        "streaking",
        *small,
        "--motion",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)])}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    clip = replace(CLIPS[0], frames=1)
    last = tmp_path / "streaking" / "front.0016.exr"
    after = OpenEXR.File(str(last)).channels()["RGBA"].pixels[..., 3]
    (found,) = rendered(clip, tmp_path)
    alpha = found.alpha
    assert alpha.shape == (54, 96) and alpha.min() == 0 and alpha.max() <= 1.001
    assert 0.03 < ((alpha > 0.01) & (alpha < 0.99)).mean() < 0.4 and (alpha > 0.99).mean() > 0.03
    # It is of red hair, before a wall that is not, and flies from the right to the left.
    assert found.color[alpha > 0.5][:, 0].mean() > 1.5 * found.color[alpha > 0.5][:, 2].mean()
    assert abs(found.behind[..., 0].mean() / found.behind[..., 2].mean() - 1) < 0.3
    columns = np.arange(96)
    middles = [(a.sum(0) * columns).sum() / a.sum() for a in (alpha, after)]
    assert middles[0] > middles[1] + 20
    assert not found.front[alpha == 0].any()
    # So each of its pixels lies farther to the right before, and to the left after.
    step = (middles[0] - middles[1]) / 15
    assert is_rendered(clip, tmp_path, (*KINDS, MOTION))
    for vectors, side in zip(motion(clip, 1, tmp_path), (1, -1), strict=True):
        assert 0.3 * step < side * np.nanmedian(vectors[..., 0]) < 3 * step
        assert np.isnan(vectors[0, 0]).all()
