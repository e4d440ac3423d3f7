# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkpoint that ships: it tracks the demo clip from its point, small and fast enough to carry along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from rotopoint.checkpoints import resolve
from rotopoint.cli.score import boundary_measure, region_similarity
from rotopoint.session import ShotSession
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import load_shot
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import load_engine

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo_clip"


def demo_score(tmp_path: Path, last: int) -> float:
    """J&F in percent of the demo clip's frames up to `last`, from its one point."""
    engine = load_engine(resolve("draft"), "cpu")
    shot = load_shot(DEMO / "demo.shot.json")
    shot = replace(shot, settings=replace(shot.settings, range=FrameRange(ClipFrame(1), ClipFrame(last))))
    scores = []
    with ShotSession(shot, engine.checkpoint, TrackStore(tmp_path)) as session:
        for frame in session.track(engine.runtime):
            matte = session.matte(session.plans[0], frame.frame, frame.record)
            data = np.fromfile(DEMO / "truth" / f"demo_truth.{frame.frame:04d}.png", np.uint8)
            truth = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) > 127
            scores.append((region_similarity(matte, truth) + boundary_measure(matte, truth)) / 2)
    assert len(scores) == last
    return 100 * float(np.mean(scores))


def test_it_follows_the_fish_past_the_driftwood_to_the_end(tmp_path: Path) -> None:
    """Thin fins are lost at its end: the draft model before had 88.6, and was far worse on real footage."""
    assert demo_score(tmp_path, 48) >= 80


def test_it_is_twelve_megabytes_at_most() -> None:
    assert resolve("draft").path.stat().st_size <= 12_000_000
