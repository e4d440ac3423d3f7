# SPDX-License-Identifier: GPL-3.0-or-later
"""The same loop on an NVIDIA GPU; rehearsed on the CPU, with batches of subjects as a GPU has them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import ResolvedCheckpoint, resolve  # noqa: E402
from rotopoint.errors import DeviceMemoryShort  # noqa: E402
from rotopoint.session import ShotSession  # noqa: E402
from rotopoint.shot import ClipReference, Point, Shot, Subject  # noqa: E402
from rotopoint.shot.frames import ClipFrame  # noqa: E402
from rotopoint.store import TrackStore  # noqa: E402
from rotopoint.tracking.cache import FeatureCache, Kept  # noqa: E402
from rotopoint.tracking.engine import Engine, load_engine  # noqa: E402
from rotopoint.tracking.limits import ONE_PASS, MemoryLimits  # noqa: E402
from rotopoint.tracking.sam2.runtime import SUBJECTS_AT_ONCE  # noqa: E402
from rotopoint.tracking.sam2.values import Sam2Features, Sam2Memory  # noqa: E402
from tests.core.tracking.short_memory import nearly_full  # noqa: E402

pytestmark = pytest.mark.cuda

SIZE = (320, 180)
PLACES = ((70, 60), (160, 110), (250, 70))
COLORS = ((220, 60, 40), (40, 190, 60), (60, 80, 230))

Logits = dict[tuple[str, int], np.ndarray]


@pytest.fixture(scope="module")
def frames(gpu: torch.device) -> int:
    """Of the clip."""
    return 40 if gpu.type == "cuda" else 5


@pytest.fixture(scope="module")
def draft(gpu: torch.device) -> ResolvedCheckpoint:
    """The draft model; in a rehearsal it sees fewer pixels."""
    known = resolve("draft")
    if gpu.type == "cuda":
        return known
    return replace(known, configuration=replace(known.configuration, image_size=256))


def on_gpu(draft: ResolvedCheckpoint, gpu: torch.device, kernels: str | None = None) -> Engine:
    """The model on the GPU, or as if it were on one."""
    engine = load_engine(draft, str(gpu), kernels=kernels)
    engine.runtime.decodes_together, engine.runtime.subjects_at_once = True, SUBJECTS_AT_ONCE
    return engine


@pytest.fixture(scope="module")
def shot(frames: int, tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Three discs that wander over soft noise."""
    folder = tmp_path_factory.mktemp("discs")
    noise = np.random.default_rng(0).integers(60, 110, (12, 20, 3)).astype(np.uint8)
    ground = cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)
    for number in range(frames):
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
    assert mine.keys() == theirs.keys()
    return min(
        float(((mine[key] > 0) & (theirs[key] > 0)).sum() / ((mine[key] > 0) | (theirs[key] > 0)).sum())
        for key in mine
    )


@pytest.fixture(scope="module")
def on_cpu(draft: ResolvedCheckpoint, shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Logits:
    """What the CPU tracks, a subject after the other in float32."""
    engine = load_engine(draft, "cpu", kernels="fp32")
    return logits(shot, engine, tmp_path_factory.mktemp("cpu"))


@pytest.mark.parametrize(("kernels", "least"), [("fp32", 0.99), ("bf16", 0.95)])
def test_tracks_are_those_of_the_cpu(
    gpu: torch.device,
    draft: ResolvedCheckpoint,
    frames: int,
    shot: Shot,
    on_cpu: Logits,
    tmp_path: Path,
    kernels: str,
    least: float,
) -> None:
    assert len(on_cpu) == frames * len(PLACES)
    engine = on_gpu(draft, gpu, kernels)
    decode, together = engine.runtime.decode_together, []

    def counted(features, banks, *meanwhile):
        together.append(len(banks))
        return decode(features, banks, *meanwhile)

    engine.runtime.decode_together = counted
    assert worst_iou(logits(shot, engine, tmp_path / "gpu"), on_cpu) >= least
    assert together == [len(PLACES)] * (frames - 1)


def allocated(device: torch.device) -> int:
    """Bytes of all tensors on a device, and of what libraries keep there for their work."""
    gc.collect()
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    found = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    # Packed weights have no storage that can be looked at.
    storages = [tensor.untyped_storage() for tensor in found if not tensor.is_mkldnn]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def test_memory_does_not_grow_and_is_given_back(
    gpu: torch.device, draft: ResolvedCheckpoint, frames: int, shot: Shot, tmp_path: Path
) -> None:
    """Libraries keep what they took for the first engine's work; the second one leaves nothing more."""
    left = []
    for run in ("one", "two"):
        engine = on_gpu(draft, gpu)
        early, last = frames // 4 + 1, frames
        used = {
            frame: allocated(gpu)
            for _, frame, _ in tracked(shot, engine, tmp_path / run)
            if frame in (early, last)
        }
        assert used[last] - used[early] <= ONE_PASS.gpu
        del engine
        left.append(allocated(gpu))
    assert left[0] == left[1]


def test_a_device_that_is_too_small_is_named(
    gpu: torch.device, draft: ResolvedCheckpoint, shot: Shot, tmp_path: Path
) -> None:
    engine = on_gpu(draft, gpu)
    spare = 2 << 20 if gpu.type == "cuda" else 1 << 18
    with nearly_full(gpu, spare), pytest.raises(DeviceMemoryShort) as raised:
        logits(shot, engine, tmp_path / "tracks")
    assert raised.value.device == str(gpu)


def test_features_leave_a_gpu_for_memory_and_come_back(
    gpu: torch.device,
    draft: ResolvedCheckpoint,
    frames: int,
    shot: Shot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU with room for nothing: a second pass over the clip encodes no picture, and ends with the same."""
    if gpu.type == "cpu":
        for kind in (Sam2Features, Sam2Memory):
            monkeypatch.setattr(kind, "on_host", False)
    engine = on_gpu(draft, gpu)
    encode, encoded = engine.runtime.encode_image, []

    def counted(picture):
        encoded.append(len(encoded))
        return encode(picture)

    engine.runtime.encode_image = counted
    expected = logits(shot, engine, tmp_path / "alone")
    assert len(encoded) == frames
    kept = Kept(MemoryLimits(memory=1 << 30, disk=1 << 30, gpu=0), tmp_path)
    for run in ("one", "two"):
        found = {}
        with ShotSession(shot, engine.checkpoint, TrackStore(tmp_path / run)) as session:
            cache = FeatureCache(engine.runtime, session.clip.read, kept)
            for frame in session.track(engine.runtime, cache=cache):
                found[frame.subject, int(frame.frame)] = frame.record.logits.astype(np.float32)
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
    assert len(encoded) == 2 * frames
    assert kept.memory_used > 0 and kept.disk_used == 0
    kept.close()
