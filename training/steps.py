# SPDX-License-Identifier: GPL-3.0-or-later
"""One step's losses: prompts are given, answers corrected, memories handed on, as at use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rotopoint.tracking.preprocess import DEVIATION, MEAN
from training.data.batches import Batch
from training.losses import AnswerLoss, Meanings, answer_loss
from training.prompts import PromptKind, click_on_error
from training.recipe import Stage
from training.tracker import MASK_LOGIT, Answer, ClipTracker, Features, Remembered

FARTHEST_PROMPT = 100
"""Frames that a prompted frame's pointer pretends to be farther away, at most."""


@dataclass(frozen=True)
class Losses:
    """Of one batch: the scalar to minimize, and how each frame's last answer went."""

    total: torch.Tensor
    answers: tuple[AnswerLoss, ...]


def normalized(pictures: torch.Tensor) -> torch.Tensor:
    """(B, T, S, S, 3) uint8 as the model's (B, T, 3, S, S) float32."""
    mean = torch.from_numpy(MEAN).to(pictures.device)
    deviation = torch.from_numpy(DEVIATION).to(pictures.device)
    return ((pictures.float() / 255 - mean) / deviation).movedim(-1, 2)


def clip_losses(tracker: ClipTracker, stage: Stage, batch: Batch, rng: np.random.Generator) -> Losses:
    """The mean loss of all answers on clips that are tracked from their first frame's prompt.

    Now and then a memory is made from the true mask, a later frame is corrected by clicks (and then counts
    as prompted), and the prompted frame's pointer is told to be far away, as it is in long clips.
    """
    coverage = batch.coverage.float() / 255
    all_features = tracker.features(normalized(batch.pictures))
    frames = len(all_features)
    farther = int(rng.integers(FARTHEST_PROMPT)) if rng.random() < stage.distant_prompt else 0
    corrected = -1
    if rng.random() < stage.correction:
        corrected = int(rng.integers(1, frames))
    total, answers = torch.zeros((), device=coverage.device), []
    past: list[Remembered] = []
    for frame, features in enumerate(all_features):
        truth, prompted = coverage[:, frame], frame == 0
        fused = tracker.condition(features, frame, past, farther)
        if frame == 0 and batch.kind is PromptKind.MASK:
            answer = tracker.given_mask(features, (truth >= 0.5).float())
        else:
            points = (batch.points, batch.labels) if frame == 0 else None
            answer = tracker.decode(fused, features, points, starts=frame == 0)
            clicked = frame == 0 and batch.kind is PromptKind.POINT
            answers.append(_loss(stage, answer, truth, stage.mean_weight if clicked else 0.0))
            total = total + answers[-1].total
        if frame == corrected:
            answer, loss = _corrected(tracker, stage, fused, features, answer, truth, rng)
            total = total + loss
            prompted = True
        logits = answer.best
        if rng.random() < stage.true_memory:
            logits = _true_logits(truth, logits.shape[-1])
        past.append(tracker.remember(features, frame, answer, prompted, logits))
    return Losses(total / frames, tuple(answers))


def _corrected(
    tracker: ClipTracker,
    stage: Stage,
    fused: torch.Tensor,
    features: Features,
    answer: Answer,
    truth: torch.Tensor,
    rng: np.random.Generator,
) -> tuple[Answer, torch.Tensor]:
    """The answer after clicks on errors, each seen with those before it, and the mean loss of all answers.

    Now and then the clicks come with the logits that the frame was tracked with.
    """
    xy, labels = truth.new_zeros(len(truth), 0, 2), torch.zeros(len(truth), 0, dtype=torch.int32)
    count = int(rng.integers(1, stage.correction_clicks + 1))
    total = truth.new_zeros(())
    before = answer.best.detach().clamp(-32, 32) if rng.random() < stage.seen_before else None
    for _ in range(count):
        more = _clicks(rng, answer, truth)
        xy, labels = torch.cat([xy, more[0]], 1), torch.cat([labels.to(more[1].device), more[1]], 1)
        answer = tracker.decode(fused, features, (xy, labels), before)
        total = total + _loss(stage, answer, truth).total
    return answer, total / count


def still_losses(tracker: ClipTracker, stage: Stage, batch: Batch, rng: np.random.Generator) -> Losses:
    """The mean loss of the first answer and, now and then, of the one that a click on its error gives."""
    truth = batch.coverage[:, 0].float() / 255
    (features,) = tracker.features(normalized(batch.pictures))
    features = features.repeated(len(truth) // len(batch.pictures))
    fused = tracker.condition(features, 0, [])
    answer = tracker.decode(fused, features, (batch.points, batch.labels))
    clicked = batch.kind is PromptKind.POINT
    first = _loss(stage, answer, truth, stage.mean_weight if clicked else 0.0, _meanings(stage, batch))
    total = first.total
    if rng.random() < stage.correction:
        xy, labels = _clicks(rng, answer, truth)
        both = torch.cat([batch.points, xy], 1), torch.cat([batch.labels, labels], 1)
        previous = answer.best.detach() if rng.random() < 0.3 else None
        if previous is not None:
            previous = previous.clamp(-32, 32)
        total = (total + _loss(stage, tracker.decode(fused, features, both, previous), truth).total) / 2
    return Losses(total, (first,))


def _meanings(stage: Stage, batch: Batch) -> Meanings | None:
    if batch.parts is None or batch.groups is None:
        return None
    return Meanings(batch.parts.float() / 255, batch.groups.float() / 255, stage.role_weight)


def _loss(
    stage: Stage,
    answer: Answer,
    truth: torch.Tensor,
    mean_weight: float = 0.0,
    meanings: Meanings | None = None,
) -> AnswerLoss:
    return answer_loss(
        answer.logits,
        answer.predicted_iou,
        answer.object_score,
        truth,
        mean_weight,
        stage.spread_weight,
        meanings,
    )


def _true_logits(truth: torch.Tensor, size: int) -> torch.Tensor:
    """(B, 1, size, size): the truth as confident logits."""
    return MASK_LOGIT * (2 * functional.adaptive_avg_pool2d(truth[:, None], size) - 1)


def _clicks(
    rng: np.random.Generator, answer: Answer, truth: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A click on each clip's error, found among the cells of the logits: (B, 1, 2) pixels, (B, 1) labels."""
    cells = answer.best.shape[-1]
    pixels = truth.shape[-1] / cells
    found = (answer.best[:, 0] > 0).cpu().numpy()
    wanted = (functional.adaptive_avg_pool2d(truth[:, None], cells)[:, 0] > 0.5).cpu().numpy()
    clicks = [click_on_error(rng, ours, theirs) for ours, theirs in zip(found, wanted, strict=True)]
    xy = torch.tensor([[click] for click, _ in clicks], dtype=torch.float32, device=truth.device)
    labels = torch.tensor([[label] for _, label in clicks], dtype=torch.int32, device=truth.device)
    return xy * pixels, labels
