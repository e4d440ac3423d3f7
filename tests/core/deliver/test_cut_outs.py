# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut-outs are premultiplied light with alpha, read back by FFmpeg."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from rotopoint.clip.transform import linear_from_srgb
from rotopoint.deliver.cut_outs import CutOutFiles
from rotopoint.deliver.deliverable import About, Frame, Layer
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events
from rotopoint.session import ShotSession
from rotopoint.shot import MatteSettings
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH, plate
from tests.core.deliver.ffmpeg_exr import read_layer

ABOUT = About("plate", "plate.mov", (3, 1), ("der Bär",))


def test_colors_are_multiplied_by_coverage_and_stay_over_one(tmp_path: Path) -> None:
    matte = np.array([[1, 0.5, 0]], np.float32)
    color = np.array([[[0.25, np.nan, 8], [0.5, 4, 16], [np.inf, np.nan, 9]]], np.float32)
    with CutOutFiles(ABOUT, lambda number: tmp_path / f"größe.{number}.exr") as files:
        path = files.frame(Frame(1, 7, (Layer("der Bär", matte, foreground=color),)))
    assert read_layer(path).tolist() == [[[0.25, 0, 8, 1], [0.25, 2, 8, 0.5], [0, 0, 0, 0]]]
    with OpenEXR.File(str(path), separate_channels=True) as file:
        assert {channel.type() for channel in file.channels().values()} == {OpenEXR.HALF}
        assert file.header()["rotopoint/alpha"] == "premultiplied"


def test_a_stored_shot_without_its_background(stored: Callable[..., ShotSession], tmp_path: Path) -> None:
    with stored() as session:
        list(deliver_events("d", ShotDelivery(session, tmp_path / "out", CutOutFiles), overwrite=False))
        mattes = {
            (t.subject, t.frame): session.matte(session.plan(t.subject), t.frame, t.record)
            for t in session.tracks.all()
        }
    for subject in (BALL, GONE):
        for n in range(1, COUNT + 1):
            found = read_layer(tmp_path / "out" / f"plate_{subject.name}_cutout.{n:04d}.exr")
            assert found.shape == (HEIGHT, WIDTH, 4)
            matte = mattes[subject.id, n]
            assert np.array_equal(found[..., 3], matte.astype(np.float16))
            # Where the subject is alone, its color is the plate's.
            light = linear_from_srgb(plate(n)[..., ::-1] / np.float32(255))
            full = matte == 1
            assert np.abs(found[..., :3] - light)[full].max(initial=0) < 2e-3
            assert not found[..., :3][matte == 0].any()


def test_colors_are_found_without_what_compiles_itself(
    stored: Callable[..., ShotSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the engine that the extension brings, which has none of these packages."""
    for package in ("pymatting", "numba", "scipy", "llvmlite"):
        monkeypatch.setitem(sys.modules, package, None)
    soft = replace(BALL, matte=MatteSettings(alpha=True, decontaminate=True))
    with stored(soft) as session:
        list(deliver_events("d", ShotDelivery(session, tmp_path / "out", CutOutFiles), overwrite=False))
    found = read_layer(tmp_path / "out" / "plate_der Bär_cutout.0001.exr")
    color, matte = found[..., :3], found[..., 3]
    edge = (matte > 0.05) & (matte < 1)
    light = linear_from_srgb(plate(1)[..., ::-1] / np.float32(255))
    assert edge.sum() > 10
    # It is another color than the plate's.
    assert np.abs(color - matte[..., None] * light)[edge].max() > 0.05
