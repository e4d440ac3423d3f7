# SPDX-License-Identifier: GPL-3.0-or-later
"""Trimaps and solved alpha as passes of their own, read back by Pillow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotopoint.cli import main
from rotopoint.deliver.alpha_files import AlphaFiles, TrimapFiles
from rotopoint.deliver.deliverable import About, Frame, Layer
from rotopoint.deliver.matte_files import read_matte
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events
from rotopoint.mattes import chain
from rotopoint.mattes.alpha import UNKNOWN
from rotopoint.session import ShotSession
from rotopoint.shot import MatteOverride, MatteSettings
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import save_shot
from tests.core.deliver.conftest import BALL, COUNT, GONE

Stored = Callable[..., ShotSession]


def test_a_trimap_is_black_gray_and_white(tmp_path: Path) -> None:
    row = np.array([[0, UNKNOWN, 1]], np.float32)
    with TrimapFiles(About("plate", "plate.mov", (3, 1), ("a",)), lambda n: tmp_path / f"{n}.png") as files:
        path = files.frame(Frame(1, 7, (Layer("a", np.zeros_like(row), trimap=row),)))
    with Image.open(path) as image:
        assert (image.mode, np.asarray(image).tolist()) == ("L", [[0, 128, 255]])


def test_the_command_line_delivers_trimaps(stored: Stored, tmp_path: Path) -> None:
    """As wide as is asked for; nothing is known to be there where a subject is absent."""
    with stored() as session:
        save_shot(session.absolute_shot(), tmp_path / "s.json")
    line = ["deliver", str(tmp_path / "s.json"), "-o", str(tmp_path), "--store", str(tmp_path / "store")]
    assert main([*line, "--as", "trimap", "--trimap-width", "4", "--name", "{subject}_{pass}.{number}"]) == 0

    def read(name: str) -> np.ndarray:
        with Image.open(tmp_path / name) as image:
            return np.asarray(image)

    for frame in range(1, COUNT + 1):
        ball = read(f"der Bär_trimap.{frame:04d}.png")
        assert set(np.unique(ball)) == {0, 128, 255}
        # Of the row through its middle, the two crossings of its edge.
        assert (ball[16] == 128).sum() in (4, 8)
        assert read(f"7 dwarfs_trimap.{frame:04d}.png").any() == (frame < 3)


def test_a_pass_of_solved_alpha_goes_beside_the_mattes(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Solved whatever the shot asks for, but on frames where that is said to be otherwise."""
    monkeypatch.setattr(chain, "solved", lambda known, matte, plate, **_: np.full_like(matte, 0.25))
    off = MatteOverride(FrameRange(ClipFrame(2), ClipFrame(2)), "alpha", False)
    with stored(replace(BALL, overrides=(off,)), GONE) as session:
        for kind in (None, AlphaFiles):
            delivery = ShotDelivery(session, tmp_path, *filter(None, [kind]))
            list(deliver_events("d", delivery, overwrite=False))
    plain, alpha = (
        [read_matte(tmp_path / f"plate_der Bär_{part}.{n:04d}.png") for n in range(1, COUNT + 1)]
        for part in ("matte", "alpha")
    )
    assert [bool((a == p).all()) for a, p in zip(alpha, plain, strict=True)] == [False, True, False, False]
    assert abs(alpha[0] - 0.25).max() < 1e-4 and plain[0].max() == 1


def test_the_trimap_is_as_wide_as_the_store_says_that_the_track_is_unsure(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stored() as session:
        for tracked in session.tracks.all():
            plan = session.plan(tracked.subject)
            known = None if plan.subject.is_absent(tracked.frame) else tracked.confidence
            assert session.tracks.confidence(plan, tracked.frame) == known
        plan = session.plans[0]
        record = session.tracks.record(plan, ClipFrame(2))
        unknown = []
        for sure in (1.0, 0.0):
            monkeypatch.setattr(session.tracks, "confidence", lambda *_, sure=sure: sure)
            unknown.append((session.mattes.trimap(plan, ClipFrame(2), record) == UNKNOWN).sum())
        assert unknown[0] < unknown[1]
        # The answer to a click is not stored: it speaks for itself.
        monkeypatch.setattr(session.tracks, "confidence", lambda *_: None)
        alone = (session.mattes.trimap(plan, ClipFrame(2), record) == UNKNOWN).sum()
        assert unknown[0] <= alone <= unknown[1]


def test_of_what_a_person_gave_the_trimap_is_where_it_is_full_or_none(stored: Stored, tmp_path: Path) -> None:
    with stored() as session:
        plan, frame = session.plans[0], ClipFrame(3)
        assert not session.mattes.trimap(plan, frame, None).any()
        given = session.matte(plan, frame, session.tracks.record(plan, frame))
    known = np.where((given > 0) & (given < 1), UNKNOWN, given)
    assert (known == UNKNOWN).any()
    with stored(replace(BALL, matte=MatteSettings(trimap_width=9)), GONE) as session:
        session.mattes._approved[plan.subject.id, frame] = object()
        session.mattes.matte = lambda *_: given
        np.testing.assert_array_equal(session.mattes.trimap(session.plans[0], frame, None), known)
