# SPDX-License-Identifier: GPL-3.0-or-later
"""The same loop on an NVIDIA GPU."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.errors import DeviceMemoryShort  # noqa: E402
from rotopoint.session import ShotSession  # noqa: E402
from rotopoint.shot import ClipReference, Point, Shot, Subject  # noqa: E402
from rotopoint.shot.frames import ClipFrame  # noqa: E402
from rotopoint.store import TrackStore  # noqa: E402
from rotopoint.tracking.cache import MEMORY_BYTES  # noqa: E402
from rotopoint.tracking.engine import Engine, choose_device, load_engine  # noqa: E402

pytestmark = pytest.mark.cuda

FRAMES = 40
SIZE = (320, 180)
PLACES = ((70, 60), (160, 110), (250, 70))
COLORS = ((220, 60, 40), (40, 190, 60), (60, 80, 230))

Logits = dict[tuple[str, int], np.ndarray]


@pytest.fixture(scope="module")
def device() -> str:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    return choose_device("auto")


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Three discs that wander over soft noise."""
    folder = tmp_path_factory.mktemp("discs")
    noise = np.random.default_rng(0).integers(60, 110, (12, 20, 3)).astype(np.uint8)
    ground = cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)
    for number in range(FRAMES):
        picture = ground.copy()
        for (x, y), color in zip(PLACES, COLORS, strict=True):
            cv2.circle(picture, (x + number // 2, y), 24, color, -1, cv2.LINE_AA)
        (folder / f"disc_{number + 1:04d}.png").write_bytes(cv2.imencode(".png", picture)[1])
    subjects = tuple(
        Subject(str(n), f"disc {n}", (Point(ClipFrame(1), float(x), float(y)),))
        for n, (x, y) in enumerate(PLACES)
    )
    return Shot(ClipReference(str(folder)), subjects)


def tracked(shot: Shot, engine: Engine, store: Path) -> Iterator[tuple[str, int, np.ndarray]]:
    with (
        engine.memory_watched(),
        ShotSession(shot, engine.checkpoint, TrackStore(store)) as session,
    ):
        for frame in session.track(engine.runtime):
            assert frame.record is not None
            yield frame.subject, int(frame.frame), frame.record.logits.astype(np.float32)


def logits(shot: Shot, engine: Engine, store: Path) -> Logits:
    return {(subject, frame): found for subject, frame, found in tracked(shot, engine, store)}


def worst_iou(mine: Logits, theirs: Logits) -> float:
    assert mine.keys() == theirs.keys() and len(mine) == FRAMES * len(PLACES)
    return min(
        float(((mine[key] > 0) & (theirs[key] > 0)).sum() / ((mine[key] > 0) | (theirs[key] > 0)).sum())
        for key in mine
    )


@pytest.mark.parametrize(("kernels", "least"), [("fp32", 0.99), ("bf16", 0.95)])
def test_tracks_are_those_of_the_cpu(
    device: str, shot: Shot, tmp_path: Path, kernels: str, least: float
) -> None:
    on_cpu = logits(shot, load_engine(resolve("draft"), "cpu", kernels="fp32"), tmp_path / "cpu")
    engine = load_engine(resolve("draft"), device, kernels=kernels)
    decode, together = engine.runtime.decode_together, []

    def counted(features, banks):
        together.append(len(banks))
        return decode(features, banks)

    engine.runtime.decode_together = counted
    assert worst_iou(logits(shot, engine, tmp_path / "gpu"), on_cpu) >= least
    assert together == [len(PLACES)] * (FRAMES - 1)


def test_memory_does_not_grow_and_is_given_back(device: str, shot: Shot, tmp_path: Path) -> None:
    gc.collect()
    before = torch.cuda.memory_allocated()
    engine = load_engine(resolve("draft"), device)
    used = {
        frame: torch.cuda.memory_allocated() for _, frame, _ in tracked(shot, engine, tmp_path / "tracks")
    }
    assert used[FRAMES] - used[10] <= MEMORY_BYTES
    del engine
    gc.collect()
    assert torch.cuda.memory_allocated() == before


def test_a_device_that_is_too_small_is_named(device: str, shot: Shot, tmp_path: Path) -> None:
    engine = load_engine(resolve("draft"), device)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (2 << 20)) / total)
    try:
        with pytest.raises(DeviceMemoryShort) as raised:
            logits(shot, engine, tmp_path / "tracks")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert raised.value.device.startswith("cuda")
