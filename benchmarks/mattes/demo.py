# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo clip as it is tracked by the model that ships."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.mattes.steps import cell_of
from rotopoint.mattes import coverage, upsample
from rotopoint.mattes.alpha import solved, trimap
from rotopoint.mattes.guided import snapped
from rotopoint.shot import MatteEdge

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo_clip"


def report_demo() -> Iterator[str]:
    from rotopoint.checkpoints import resolve
    from rotopoint.session import ShotSession
    from rotopoint.shot.json import load_shot
    from rotopoint.store import TrackStore
    from rotopoint.tracking.engine import load_engine

    shot = load_shot(DEMO / "demo.shot.json")
    truth = [
        cv2.imread(str(p), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        for p in sorted((DEMO / "truth").glob("*.png"))
    ]
    engine = load_engine(resolve(shot.settings.checkpoint))
    sums: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        for tracked, true in zip(session.track(engine.runtime), truth, strict=True):
            assert tracked.record is not None
            plate = session.clip.read(tracked.record.frame).astype(np.float32) / 255
            small = tracked.record.logits.astype(np.float32)
            logits, cell = upsample(small, session.clip.size), cell_of(session.clip.size, small)
            sharp = coverage(logits, MatteEdge.ANTIALIASED)
            guided = snapped(sharp, logits, plate, cell)
            alpha = solved(trimap(logits, cell), guided, plate)
            for name, matte in (("antialiased", sharp), ("default", guided), ("alpha solve", alpha)):
                sums.setdefault(name, []).append(float(np.abs(matte - true).sum()))
    yield "## The demo clip, tracked: SAD a frame"
    for name, found in sums.items():
        ratio = np.sum(found) / np.sum(sums["antialiased"])
        yield f"\n{name}: {np.mean(found):.0f} ({ratio:.2f} of antialiased), worst {np.max(found):.0f}"
