# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of where a checkpoint fails: the worst frames of clips that are this project's own.

Run as: python -m benchmarks.failures PICTURE.jpg [--checkpoint NAME]

The matte is filled, the truth is outlined. Each clip starts from one point on its first frame.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import farthest_point
from benchmarks.scenes import Scene
from rotopoint.checkpoints import resolve
from rotopoint.cli.score import region_similarity
from rotopoint.clip import open_clip
from rotopoint.cores import share_cores
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import load_shot
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import Engine, load_engine
from training.data.scene import without_others
from training.sheet import SHOWN, row

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo_clip"

APART = 5
"""Frames that those which are shown lie apart at least."""

DRAWN = {
    "small among others like it": Scene((1280, 720), 24, 20, 12, others=6),
    "fast": Scene((1280, 720), 24, 60, 60),
}


def worst(scores: Sequence[float], count: int, apart: int = APART) -> list[int]:
    """The numbers of up to `count` frames with the lowest scores that lie `apart`, in order."""
    chosen: list[int] = []
    for number in np.argsort(scores, kind="stable").tolist():
        if len(chosen) < count and all(abs(number - other) >= apart for other in chosen):
            chosen.append(number)
    return sorted(chosen)


def failures(shot: Shot, truth: Sequence[NDArray[np.bool_]], engine: Engine) -> NDArray[np.uint8]:
    """A row of the frames of a shot's only subject that are farthest from the truth, BGR."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        mattes = {
            t.frame: session.matte(session.plans[0], t.frame, t.record) for t in session.track(engine.runtime)
        }
    found = [mattes[frame] for frame in sorted(mattes)]
    scores = [region_similarity(matte, true) for matte, true in zip(found, truth, strict=True)]
    shown = worst(scores, SHOWN)
    with open_clip(shot.clip) as clip:
        sources = [clip.frame_map.source(ClipFrame(number + 1)) for number in shown]
        pictures = [clip.read(source) for source in sources if source is not None]
    known = without_others(
        np.stack(pictures), np.stack([truth[number].astype(np.uint8) * 255 for number in shown])
    )
    return row(known, [found[number] - 0.5 for number in shown], [number + 1 for number in shown])


def demo() -> tuple[Shot, list[NDArray[np.bool_]]]:
    files = sorted((DEMO / "truth").glob("*.png"))
    return load_shot(DEMO / "demo.shot.json"), [_mask(file) for file in files]


def drawn(scene: Scene, folder: Path) -> tuple[Shot, list[NDArray[np.bool_]]]:
    clip, files = scene.write(folder)
    truth = [_mask(file) for file in files]
    subject = Subject("1", "star", (Point(ClipFrame(1), *farthest_point(truth[0])),))
    return Shot(ClipReference(str(clip)), (subject,), Settings()), truth


def _mask(file: Path) -> NDArray[np.bool_]:
    pixels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels > 127)


def main() -> int:
    parser = argparse.ArgumentParser(description="Where a checkpoint fails")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    share_cores()
    engine = load_engine(resolve(arguments.checkpoint), "cpu", arguments.threads)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        shots = [demo()]
        for number, scene in enumerate(DRAWN.values()):
            (Path(folder) / str(number)).mkdir()
            shots.append(drawn(scene, Path(folder) / str(number)))
        for shot, truth in shots:
            settings = replace(shot.settings, checkpoint=engine.checkpoint.name)
            rows.append(failures(replace(shot, settings=settings), truth, engine))
    encoded = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    arguments.picture.write_bytes(encoded.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
