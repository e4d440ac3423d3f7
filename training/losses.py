# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer is told: SAM 2's losses, on soft coverage.

Weights and terms are those of "SAM 2: Segment Anything in Images and Videos" (Ravi et al., 2024): focal 20,
dice 1, error of the predicted IoU 1, cross-entropy of the object score 1. Only the best of three masks is
taught, unless what each stands for is known. One term is added: the predicted IoUs of three masks must also
put the masks in order, since the highest alone decides which is used (as ListNet does: Cao et al., "Learning
to Rank: From Pairwise Approach to Listwise Approach", ICML 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.heads import mean_coverage

FOCAL_WEIGHT = 20.0
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
CHOICE_WEIGHT, CHOICE_SPREAD = 0.1, 0.1
"""Of the order among masks, and how much IoU makes a difference there."""
MEAN_SPREAD = 0.15
"""Of the chances by which masks are averaged while training."""
AWAY = 6
"""Cells of the logits around a subject in which a mask that takes too much is no spreading."""
FINER = 2
"""Masks are compared at twice the side of the logits, so that edges are learned finer than their cells."""


class Role(IntEnum):
    """What the masks of a click stand for, by their number. The draft's had come to stand for sizes in this
    order before they were taught it."""

    GROUP = 0
    PART = 1
    OBJECT = 2


@dataclass(frozen=True)
class Meanings:
    """What else than its object a click may mean, (B, S, S) coverage 0..1; a part is empty where none is
    known. `weight` is that of their losses."""

    parts: torch.Tensor
    groups: torch.Tensor
    weight: float


@dataclass(frozen=True)
class AnswerLoss:
    """`total` is a scalar to minimize; the others tell how it went, each the mean over the batch.

    `iou`: of the chosen mask with the truth, where there is a subject. `seen`: how often the object score
    is right.
    """

    total: torch.Tensor
    iou: float
    seen: float


def answer_loss(
    logits: torch.Tensor,
    predicted_iou: torch.Tensor,
    object_score: torch.Tensor,
    coverage: torch.Tensor,
    mean_weight: float = 0.0,
    spread_weight: float = 0.0,
    meanings: Meanings | None = None,
) -> AnswerLoss:
    """Compare one frame's answers with the truth.

    `logits` (B, M, h, w), `predicted_iou` (B, M), `object_score` (B, 1): a logit. `coverage` (B, S, S) is
    float32 0..1, S a multiple of 2h. `mean_weight` is that of the masks' mean, which answers a single
    click, `spread_weight` that of what lies away from the subject. With `meanings` each of three masks is
    taught what its `Role` is, and the predicted IoUs are still those with the object, so that this is chosen.
    Where the subject is absent only the object score is taught.
    """
    finer = functional.interpolate(
        logits.float(), scale_factor=float(FINER), mode="bilinear", align_corners=False
    )
    truth = functional.adaptive_avg_pool2d(coverage[:, None], finer.shape[-1])
    present = (truth.flatten(1) > 0.5).sum(1) >= FINER**2
    there = present.float()
    masks = _mask_loss(finer, truth)
    if spread_weight > 0:
        masks = masks + spread_weight * spread_loss(finer, truth)
    if meanings is None:
        taught = masks.gather(1, masks.detach().argmin(1, keepdim=True))[:, 0]
    else:
        taught = masks[:, Role.OBJECT] + meanings.weight * _beside(finer, meanings)
    with torch.no_grad():
        iou = hard_iou(finer > 0, truth > 0.5)
    iou_error = (predicted_iou.float() - iou).abs().mean(1) + CHOICE_WEIGHT * choice_loss(predicted_iou, iou)
    seen = functional.binary_cross_entropy_with_logits(object_score.float()[:, 0], there)
    frame = taught + iou_error
    if mean_weight > 0:
        mean = mean_coverage(finer, predicted_iou, MEAN_SPREAD)[:, None]
        spread = spread_weight * _spread(mean, truth) if spread_weight > 0 else 0.0
        frame = frame + mean_weight * (_dice(mean, truth) + spread)[:, 0]
    total = (frame * there).sum() / max(len(there), 1) + seen
    chosen = iou.gather(1, predicted_iou.argmax(1, keepdim=True))[:, 0]
    return AnswerLoss(
        total,
        float((chosen * there).sum() / there.sum().clamp(min=1)),
        float(((object_score[:, 0] > 0) == present).float().mean()),
    )


def _mask_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, M) from (B, M, h, w) logits and (B, 1, h, w) coverage."""
    return FOCAL_WEIGHT * focal_loss(logits, truth) + dice_loss(logits, truth)


def _beside(logits: torch.Tensor, meanings: Meanings) -> torch.Tensor:
    """(B,) losses of the masks (B, 3, h, w) that stand for a part, where one is known, and for the group."""
    parts, groups = (
        functional.adaptive_avg_pool2d(coverage[:, None], logits.shape[-1])
        for coverage in (meanings.parts, meanings.groups)
    )
    known = ((parts.flatten(1) > 0.5).sum(1) >= FINER**2).float()
    part, group = (
        _mask_loss(logits[:, role : role + 1], wanted)[:, 0]
        for role, wanted in ((Role.PART, parts), (Role.GROUP, groups))
    )
    return known * part + group


def focal_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, M) from (B, M, h, w) logits and (B, 1, h, w) coverage. Lin et al., "Focal Loss for Dense Object
    Detection", ICCV 2017, with coverage for the class."""
    truth = truth.expand_as(logits)
    chance = logits.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    right = chance * truth + (1 - chance) * (1 - truth)
    weight = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return (weight * (1 - right) ** FOCAL_GAMMA * entropy).flatten(2).mean(2)


def dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, M) from (B, M, h, w) logits and (B, 1, h, w) coverage."""
    return _dice(logits.sigmoid(), truth)


def spread_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, M) from (B, M, h, w) logits and (B, 1, h, w) coverage: what lies away from the subject, as a share
    of it and the subject together."""
    return _spread(logits.sigmoid(), truth)


def _spread(chance: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    reach = FINER * AWAY
    near = functional.max_pool2d(truth, 2 * reach + 1, stride=1, padding=reach)
    away = (chance * (1 - near)).flatten(2).sum(2)
    return away / (truth.flatten(2).sum(2) + away + 1)


def _dice(chance: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    chance, truth = chance.flatten(2), truth.flatten(2)
    shared = (chance * truth).sum(2)
    return 1 - (2 * shared + 1) / (chance.sum(2) + truth.sum(2) + 1)


def choice_loss(predicted_iou: torch.Tensor, iou: torch.Tensor) -> torch.Tensor:
    """(B,) from (B, M) each: how far the chances that the predicted IoUs give each mask to be the best are
    from those that the true ones give (Kullback-Leibler); of one mask 0."""
    wanted = (iou / CHOICE_SPREAD).log_softmax(1)
    said = (predicted_iou.float() / CHOICE_SPREAD).log_softmax(1)
    return (wanted.exp() * (wanted - said)).sum(1)


def hard_iou(answer: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, M) from (B, M, h, w) and (B, 1, h, w) bool; 1 where both are empty."""
    both = (answer & truth).flatten(2).sum(2)
    either = (answer | truth).flatten(2).sum(2)
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)
