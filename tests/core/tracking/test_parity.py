# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy `upstream` gives what SAM2VideoPredictor gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import RecordLayout, TrackKey, TrackStore
from rotopoint.tracking.cache import FeatureCache
from rotopoint.tracking.capability import Vectors, cpu_vectors
from rotopoint.tracking.loop import SubjectTracker
from rotopoint.tracking.policy import Asked, policy_named
from rotopoint.tracking.preprocess import model_input
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import PointPrompts
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.runtime import Sam2Runtime
from rotopoint.tracking.sam2.weights import load_weights
from rotopoint.tracking.together import run_together
from tests.core.tracking.upstream import propagate_with_corrections, upstream_predictor

FRAMES = 30
CLICKS = {
    0: [(570, 440, 1), (650, 450, 1), (500, 410, 1)],
    15: [(620, 430, 1), (500, 370, 1), (560, 600, 0)],
}
"""On dog.mp4, in source pixels: the dog, then a correction that takes the leash away."""

SMALLEST_IOU = 0.999

LARGEST_LOGIT_DIFFERENCE = {Vectors.AVX512: 1e-3, Vectors.AVX2: 1e-2, Vectors.OTHER: 1e-2}
"""With the first draft. Upstream keeps memories in bfloat16, where a last bit of a float decides which of two
neighbors is taken, and a track feeds on itself. Limited to AVX2, ours differ by 0.0045, and upstream from
itself by 0.0004 to 0.0036 where its pictures are moved by a last bit (twelve tries); with AVX-512 both by
0.0008. With the draft that ships no more than upstream differs from itself in one of
`upstreams_own_variations`: 0.0054 on another number of threads where ours differ by 0.0036."""


@pytest.fixture(scope="module")
def dog(footage: Path) -> list[np.ndarray]:
    import av

    with av.open(str(footage / "clips" / "dog.mp4")) as container:
        stream = container.decode(video=0)
        return [next(stream).to_ndarray(format="rgb24") for _ in range(FRAMES)]


@pytest.fixture(params=["first draft", "draft"])
def draft(request: pytest.FixtureRequest, footage: Path) -> ResolvedCheckpoint:
    ships = resolve("draft")
    if request.param == "draft":
        return ships
    weights = footage.parent / "draft" / "draft.safetensors"
    if not weights.is_file():
        pytest.skip(f"no first draft at {weights}")
    configuration = load_configuration(Path(__file__).with_name("small_hiera.toml"))
    return replace(ships, name="first draft", path=weights, configuration=configuration)


def scaled(size: tuple[int, int], input_size: int) -> dict[int, list[tuple[float, float, int]]]:
    width, height = size
    return {
        frame: [(x * input_size / width, y * input_size / height, label) for x, y, label in clicks]
        for frame, clicks in CLICKS.items()
    }


def ours(
    runtime: Sam2Runtime, pictures: list[np.ndarray], clicks: dict, folder: Path
) -> dict[int, np.ndarray]:
    policy = policy_named("upstream")
    layout = RecordLayout(runtime.shape.logit_size, runtime.shape.pointer_size, policy.logit_type)
    key = TrackKey("clip", "dog", "prompts", "draft", "upstream", "srgb")
    prompts = {
        frame: PointPrompts(
            np.array([c[:2] for c in on_frame], np.float32), np.array([c[2] for c in on_frame], np.int32)
        )
        for frame, on_frame in clicks.items()
    }
    asked = Asked(tuple(sorted(prompts)))
    positions = [SourceFrame(n) for n in range(len(pictures))]
    with SubjectRecords(TrackStore(folder), layout, positions, lambda _: key, write=True) as records:
        cache = FeatureCache(runtime, lambda frame: pictures[frame])
        tracker = SubjectTracker("dog", runtime, cache, positions, asked, prompts, policy, records)
        steps = tracker.steps(0, len(pictures) - 1)
        return {t.position: t.record.logits for t in run_together(runtime, [(tracker, steps)])}


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.logical_or(a, b).sum()
    return 1.0 if union == 0 else float(np.logical_and(a, b).sum() / union)


def largest_difference(some: dict[int, np.ndarray], others: dict[int, np.ndarray]) -> float:
    return max(float(np.abs(some[frame] - others[frame]).max()) for frame in some)


def upstreams_own_variations(
    run: Callable[[torch.Tensor], dict[int, np.ndarray]], images: torch.Tensor
) -> Iterator[dict[int, np.ndarray]]:
    """Upstream's answers where nothing but a last bit differs, the quickest to compute first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        yield run(images)
    finally:
        torch.set_num_threads(threads)
    yield run(torch.nextafter(images, images + 1))
    yield run(torch.nextafter(images, images - 1))
    with torch.backends.mkldnn.flags(enabled=False):
        yield run(images)


def test_every_frame_equals_upstreams(
    draft: ResolvedCheckpoint, dog: list[np.ndarray], tmp_path: Path
) -> None:
    model = build_model(draft.configuration)
    load_weights(model, draft.path)
    runtime = Sam2Runtime(model)
    size = (dog[0].shape[1], dog[0].shape[0])
    clicks = scaled(size, runtime.shape.input_size)
    images = torch.stack([torch.from_numpy(model_input(p, runtime.shape.input_size)) for p in dog])
    predictor = upstream_predictor(draft.configuration, draft.path)

    def upstreams(images: torch.Tensor) -> dict[int, np.ndarray]:
        return propagate_with_corrections(predictor, images, size, clicks)

    theirs = upstreams(images)
    mine = ours(runtime, dog, clicks, tmp_path)

    assert sorted(mine) == sorted(theirs) == list(range(FRAMES))
    off = largest_difference(mine, theirs)
    tried = [LARGEST_LOGIT_DIFFERENCE[cpu_vectors()]]
    if off > tried[0] and draft.name == "draft":
        for otherwise in upstreams_own_variations(upstreams, images):
            tried.append(largest_difference(otherwise, theirs))
            if off <= tried[-1]:
                break
    assert off <= max(tried), tried
    ious = {f: iou(mine[f] > 0, theirs[f] > 0) for f in mine}
    assert min(ious.values()) >= SMALLEST_IOU, ious
    # The agreement must be about masks that are there.
    assert sum(bool((mine[f] > 0).mean() > 0.01) for f in mine) >= 25
