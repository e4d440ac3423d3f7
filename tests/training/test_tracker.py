# SPDX-License-Identifier: GPL-3.0-or-later
"""What is trained is what is used: the batched tracker gives what the runtime gives."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from rotopoint.checkpoints.configuration import Calibration, ModelConfiguration, load_configuration
from rotopoint.tracking.preprocess import model_input
from rotopoint.tracking.runtime import Decoded, FramePrompts, MaskPrompt, MemoryBank, PointPrompts
from rotopoint.tracking.sam2.runtime import Sam2Runtime
from rotopoint.tracking.sam2.values import Sam2Features, Sam2Memory
from training.data.batches import StepDataset
from training.recipe import PromptShares, load_recipe
from training.steps import clip_losses, still_losses
from training.tracker import Answer, ClipTracker, Features, Remembered
from training.weights import fresh_model

FRAMES = 5
SIZE = 64


@pytest.fixture
def configuration(recipe: Path) -> ModelConfiguration:
    return load_configuration(recipe.parent / "tiny.toml")


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (FRAMES, SIZE, SIZE, 3), np.uint8)


def by_runtime(runtime: Sam2Runtime, prompts: FramePrompts, calibrates: bool) -> list[Decoded]:
    """Frame after frame as the default policy goes: the prompted frame and the recent ones."""
    shape, answers = runtime.shape, []
    features: list[Sam2Features] = []
    memories: list[Sam2Memory] = []
    for frame, picture in enumerate(pictures()):
        features.append(runtime.encode_image(picture))
        bank = None
        if frame:
            recent = [p for p in range(1, frame) if frame - p < shape.memory_count]
            pointed = [p for p in range(1, frame) if frame - p < shape.pointer_count]
            bank = MemoryBank(
                ((0, memories[0]), *((shape.memory_count - (frame - p), memories[p]) for p in recent)),
                ((frame, answers[0].pointer), *((frame - p, answers[p].pointer) for p in pointed)),
                shape.pointer_count,
            )
        conditioned = runtime.condition_on_memory(features[-1], bank)
        asked = None if frame else prompts
        answers.append(runtime.decode_prompts(conditioned, asked, calibrates=calibrates))
        logits, score = answers[-1].logits, answers[-1].object_score
        memories.append(runtime.encode_memory(features[-1], logits, score, frame == 0, calibrates))
    return answers


CALIBRATION = Calibration(spread=0.1, level=0.3, sure=0.9)


@pytest.mark.parametrize(
    ("kind", "calibration"),
    [("point", None), ("mask", None), ("point", CALIBRATION), ("points", CALIBRATION), ("mask", CALIBRATION)],
)
def test_a_clip_is_tracked_as_the_runtime_tracks_it(
    configuration: ModelConfiguration, kind: str, calibration: Calibration | None
) -> None:
    model = fresh_model(configuration, seed=5)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:50, 10:40] = True
    xy, labels = np.array([[25.5, 35.5], [11.5, 22.5]], np.float32), np.array([1, 1], np.int32)
    if kind == "point":
        xy, labels = xy[:1], labels[:1]
    prompts: FramePrompts = MaskPrompt(mask) if kind == "mask" else PointPrompts(xy, labels)
    # The runtime takes the model apart.
    runtime = Sam2Runtime(copy.deepcopy(model), calibration=calibration)
    expected = by_runtime(runtime, prompts, calibrates=calibration is not None)

    tracker = ClipTracker(model, calibration)
    batch = np.stack([model_input(picture, SIZE) for picture in pictures()])
    # Twice in one batch: neither may disturb the other.
    all_features = tracker.features(torch.from_numpy(np.stack([batch, batch])))
    past: list[Remembered] = []
    for frame, features in enumerate(all_features):
        fused = tracker.condition(features, frame, past)
        if frame == 0 and kind == "mask":
            answer = tracker.given_mask(features, torch.from_numpy(np.stack([mask, mask])).float())
        else:
            points = (torch.from_numpy(xy).expand(2, -1, 2), torch.from_numpy(labels).expand(2, -1))
            answer = tracker.decode(fused, features, points if frame == 0 else None, starts=frame == 0)
        past.append(tracker.remember(features, frame, answer, frame == 0, answer.best))
        # The runtime keeps memories as bfloat16.
        past[-1] = Remembered(frame, frame == 0, past[-1].memory.bfloat16().float(), past[-1].pointer)
        for row in range(2):
            np.testing.assert_allclose(
                answer.best[row, 0].detach(), expected[frame].logits, atol=1e-4, err_msg=f"frame {frame}"
            )
            np.testing.assert_allclose(answer.pointer[row].detach(), expected[frame].pointer, atol=1e-4)
            assert answer.object_score[row].item() == pytest.approx(expected[frame].object_score, abs=1e-4)


def test_subjects_of_one_picture_learn_as_if_each_had_its_own(
    configuration: ModelConfiguration, recipe: Path, stills: Path
) -> None:
    tracker = ClipTracker(fresh_model(configuration, seed=5))
    stage = replace(load_recipe(recipe)[0].stage[0], stills=2, subjects=3, correction=0.0)
    batch = StepDataset(replace(load_recipe(recipe)[0], stage=(stage,)), stills)[0].stills
    assert batch is not None
    apart = replace(batch, pictures=batch.pictures.repeat_interleave(3, dim=0))
    together, alone = (
        still_losses(tracker, stage, each, np.random.default_rng(0)).total for each in (batch, apart)
    )
    assert together.item() == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["point", "mask"])
def test_a_later_frame_is_corrected_by_one_click_after_the_other(
    configuration: ModelConfiguration, recipe: Path, stills: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    given: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Watched(ClipTracker):
        def decode(
            self,
            fused: torch.Tensor,
            features: Features,
            points: tuple[torch.Tensor, torch.Tensor] | None,
            previous: torch.Tensor | None = None,
            starts: bool = False,
        ) -> Answer:
            if points is not None:
                given.append(points)
            return super().decode(fused, features, points, previous, starts)

    only = replace(PromptShares(0.0, 0.0, 0.0, 0.0), **{kind: 1.0})
    stage = replace(
        load_recipe(recipe)[0].stage[1],
        input_size=SIZE,
        stills=0,
        correction=1.0,
        correction_clicks=3,
        clip_prompts=only,
    )
    batch = StepDataset(replace(load_recipe(recipe)[0], stage=(stage,)), stills)[0].clips
    assert batch is not None
    counts = set()
    for seed in range(8):
        given.clear()
        clip_losses(Watched(fresh_model(configuration, seed=5)), stage, batch, np.random.default_rng(seed))
        clicks = given[1:] if kind == "point" else given
        assert [xy.shape for xy, _ in clicks] == [(2, n, 2) for n in range(1, len(clicks) + 1)]
        assert [labels.shape for _, labels in clicks] == [(2, n) for n in range(1, len(clicks) + 1)]
        for earlier, later in pairwise(clicks):
            assert torch.equal(earlier[0], later[0][:, :-1]) and torch.equal(earlier[1], later[1][:, :-1])
        counts.add(len(clicks))
    assert counts == {1, 2, 3}


def test_gradients_reach_every_part(configuration: ModelConfiguration) -> None:
    model = fresh_model(configuration, seed=5)
    tracker = ClipTracker(model)
    batch = torch.from_numpy(np.stack([[model_input(picture, SIZE) for picture in pictures()]]))
    past: list[Remembered] = []
    total = torch.zeros(())
    for frame, features in enumerate(tracker.features(batch)):
        fused = tracker.condition(features, frame, past)
        points = (torch.tensor([[[20.0, 20.0]]]), torch.ones(1, 1, dtype=torch.int32))
        answer = tracker.decode(fused, features, points if frame == 0 else None)
        past.append(tracker.remember(features, frame, answer, frame == 0, answer.best))
        total = total + answer.logits.square().mean()
    total.backward()
    for part in ("image_encoder", "memory_attention", "memory_encoder", "sam_mask_decoder", "obj_ptr_proj"):
        reached = [p.grad is not None and bool(p.grad.any()) for p in getattr(model, part).parameters()]
        assert any(reached), part
    assert model.maskmem_tpos_enc.grad.flatten(1).any(1).all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_clicks_come_with_the_logits_that_their_frame_was_tracked_with(
    configuration: ModelConfiguration, recipe: Path, stills: Path, share: float
) -> None:
    tracked: list[torch.Tensor] = []
    seen: list[torch.Tensor | None] = []

    class Watched(ClipTracker):
        def decode(
            self,
            fused: torch.Tensor,
            features: Features,
            points: tuple[torch.Tensor, torch.Tensor] | None,
            previous: torch.Tensor | None = None,
            starts: bool = False,
        ) -> Answer:
            answer = super().decode(fused, features, points, previous, starts)
            if points is None:
                tracked.append(answer.best)
            else:
                seen.append(previous)
            return answer

    stage = replace(
        load_recipe(recipe)[0].stage[1],
        input_size=SIZE,
        frames=2,
        stills=0,
        correction=1.0,
        correction_clicks=3,
        seen_before=share,
        clip_prompts=PromptShares(point=0.0, points=0.0, box=0.0, mask=1.0),
    )
    batch = StepDataset(replace(load_recipe(recipe)[0], stage=(stage,)), stills)[0].clips
    assert batch is not None
    clip_losses(Watched(fresh_model(configuration, seed=5)), stage, batch, np.random.default_rng(3))
    assert len(tracked) == 1 and seen
    for before in seen:
        if share:
            assert before is not None and not before.requires_grad
            assert torch.equal(before, tracked[0].clamp(-32, 32))
        else:
            assert before is None
