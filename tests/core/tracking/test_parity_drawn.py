# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy `upstream` gives what SAM2VideoPredictor gives, with a full memory: random weights in tiny's shape,
its bank of seven memories and sixteen pointers, drawn pictures, both directions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import data_folder  # noqa: E402
from rotopoint.checkpoints.configuration import load_configuration  # noqa: E402
from rotopoint.shot.frames import SourceFrame  # noqa: E402
from rotopoint.store import RecordLayout, TrackKey, TrackStore  # noqa: E402
from rotopoint.tracking.cache import FeatureCache  # noqa: E402
from rotopoint.tracking.loop import SubjectTracker  # noqa: E402
from rotopoint.tracking.policy import Asked, policy_named  # noqa: E402
from rotopoint.tracking.preprocess import model_input  # noqa: E402
from rotopoint.tracking.records import SubjectRecords  # noqa: E402
from rotopoint.tracking.runtime import PointPrompts  # noqa: E402
from rotopoint.tracking.sam2.build import build_model  # noqa: E402
from rotopoint.tracking.sam2.runtime import Sam2Runtime  # noqa: E402
from rotopoint.tracking.sam2.weights import load_weights  # noqa: E402
from tests.core.tracking.upstream import upstream_predictor, upstream_state  # noqa: E402

FRAMES = 25
SIZE = 128
"""Of the model's input."""

DRAWN = 256
"""Of the pictures."""

CLICKS = {
    3: [(50.0, 60.0, 1)],
    11: [(62.0, 65.0, 1), (20.0, 30.0, 0)],
    19: [(75.0, 70.0, 1), (30.0, 100.0, 0), (80.0, 60.0, 1)],
}
"""By frame: x, y, label, in the model's pixels. The earliest has frames on both of its sides."""


ALLOWED = 1e-5
"""Of logits of about 0.1. Seen were 4e-7, as much as another order of additions does to upstream itself."""


def pictures() -> list[np.ndarray]:
    """A bright disc that wanders over a checkered ground."""
    y, x = np.mgrid[:DRAWN, :DRAWN]
    ground = np.stack([(x // 16 + y // 24) % 2 * 60 + 40, x // 3 + 20, y // 2], -1)
    drawn = []
    for n in range(FRAMES):
        disc = (x - 80 - 5 * n) ** 2 + (y - 110 - 2 * n) ** 2 < (40 + n) ** 2
        drawn.append(np.where(disc[..., None], (230, 150, 30 + 6 * n), ground).astype(np.uint8))
    return drawn


def random_weights(path: Path) -> None:
    """Weights that no one trained, drawn so that masks are there: features must differ from place to place
    and the object score must be over zero."""
    torch.manual_seed(5)
    model = build_model(configuration())
    state = model.state_dict()
    for name, weight in state.items():
        if name.endswith("pred_obj_score_head.layers.2.bias"):
            weight.fill_(5.0)
    torch.save({"model": state}, path)


def configuration():
    return replace(load_configuration(data_folder() / "sam2.1_tiny.toml"), image_size=SIZE)


def theirs(predictor, images: torch.Tensor) -> dict[int, np.ndarray]:
    """Prompt the earliest frame, propagate, correct, propagate again; at last backward.

    Before it goes backward upstream is made to forget what it saw forward, which it would mix in."""
    state = upstream_state(images, (SIZE, SIZE))
    # Upstream keeps the features of one picture; with all of them it need not encode a picture four times.
    features = {}
    for frame in range(FRAMES):
        predictor._get_image_feature(state, frame, 1)
        features |= state["cached_features"]
    state["cached_features"] = features
    prompted = sorted(CLICKS)
    for frame, stop in zip(prompted, [*prompted[1:], FRAMES - 1], strict=True):
        xy = [[(x - 0.5) / SIZE, (y - 0.5) / SIZE] for x, y, _ in CLICKS[frame]]
        labels = np.array([label for *_, label in CLICKS[frame]], np.int32)
        predictor.add_new_points_or_box(
            state, frame, 1, points=np.array(xy, np.float32), labels=labels, normalize_coords=False
        )
        # What lies beyond the next correction is propagated anew after it.
        length = stop - prompted[0]
        for _ in predictor.propagate_in_video(state, prompted[0], length):
            pass
    outputs = state["output_dict_per_obj"][0]
    kept = {**outputs["non_cond_frame_outputs"], **outputs["cond_frame_outputs"]}
    outputs["non_cond_frame_outputs"].clear()
    for _ in predictor.propagate_in_video(state, start_frame_idx=min(CLICKS), reverse=True):
        pass
    kept |= {f: out for f, out in outputs["non_cond_frame_outputs"].items() if f < min(CLICKS)}
    return {frame: out["pred_masks"][0, 0].float().numpy() for frame, out in kept.items()}


def ours(runtime: Sam2Runtime, drawn: list[np.ndarray], folder: Path) -> dict[int, np.ndarray]:
    policy = policy_named("upstream")
    layout = RecordLayout(runtime.shape.logit_size, runtime.shape.pointer_size, policy.logit_type)
    key = TrackKey("clip", "disc", "prompts", "random", "upstream", "srgb")
    prompts = {
        frame: PointPrompts(
            np.array([c[:2] for c in clicks], np.float32), np.array([c[2] for c in clicks], np.int32)
        )
        for frame, clicks in CLICKS.items()
    }
    positions = [SourceFrame(n) for n in range(FRAMES)]
    with SubjectRecords(TrackStore(folder), layout, positions, lambda _: key, write=True) as records:
        cache = FeatureCache(runtime, lambda frame: drawn[frame])
        asked = Asked(tuple(sorted(prompts)))
        tracker = SubjectTracker("disc", runtime, cache, positions, asked, prompts, policy, records)
        done = (tracker.run(step) for step in tracker.steps(0, FRAMES - 1))
        return {frame.position: frame.record.logits for frame in done if frame is not None}


def largest_difference(some: dict[int, np.ndarray], others: dict[int, np.ndarray]) -> float:
    return max(float(np.abs(some[frame] - others[frame]).max()) for frame in some)


def test_a_full_bank_equals_upstreams_in_both_directions(tmp_path: Path) -> None:
    weights = tmp_path / "random.pt"
    random_weights(weights)
    model = build_model(configuration())
    load_weights(model, weights)
    runtime = Sam2Runtime(model)
    assert (runtime.shape.memory_count, runtime.shape.pointer_count) == (7, 16)
    drawn = pictures()
    images = torch.stack([torch.from_numpy(model_input(picture, SIZE)) for picture in drawn])
    predictor = upstream_predictor(configuration(), weights)

    expected = theirs(predictor, images)
    mine = ours(runtime, drawn, tmp_path / "store")

    assert sorted(mine) == sorted(expected) == list(range(FRAMES))
    assert largest_difference(mine, expected) <= ALLOWED
    for frame, logits in expected.items():
        # The agreement must be about masks that are there.
        assert 0.1 < (logits > 0).mean() < 0.9
        assert np.array_equal(mine[frame] > 0, logits > 0)
    # And memory must have a say in them: pictures after corrections differ from those before.
    assert largest_difference({24: expected[24]}, {24: expected[2]}) > 100 * ALLOWED
