# SPDX-License-Identifier: GPL-3.0-or-later
"""From fused features and prompts to one mask a subject: the prompt encoder, the mask decoder, and the
choice among the decoder's masks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from rotopoint.checkpoints.configuration import Calibration
from rotopoint.tracking.runtime import GIVEN_LOGIT, NO_OBJECT_LOGIT
from rotopoint.tracking.sam2.mask_decoder import Answers, MaskDecoder, PackageDecoder
from rotopoint.tracking.takes import Take

SUREST = 1e-4
"""How close to none or all of a place a mean coverage comes, so that its logit is finite."""


@dataclass(frozen=True)
class Masks:
    """Of B subjects, float32: `logits` (B, 4h, 4w), `pointer` (B, C), `object_score` (B, 1), a logit,
    `predicted_iou` (B,)."""

    logits: torch.Tensor
    pointer: torch.Tensor
    object_score: torch.Tensor
    predicted_iou: torch.Tensor


def alike(masks: Masks, likeness: torch.Tensor | None) -> Masks:
    """Masks with `likeness` (B, 4h, 4w) added to the logits of those whose subject is seen. The predicted IoU
    is what the model says of its own mask, times the part of that which is left (IoU)."""
    if likeness is None:
        return masks
    seen = masks.object_score[..., None] > 0
    logits = torch.where(seen, masks.logits + likeness, masks.logits)
    before, after = (each.flatten(1) > 0 for each in (masks.logits, logits))
    shared, all_of_both = (before & after).sum(1), (before | after).sum(1)
    left = torch.where(all_of_both > 0, shared / all_of_both.clamp(min=1), 1.0)
    return replace(masks, logits=logits, predicted_iou=masks.predicted_iou * left)


def mean_coverage(logits: torch.Tensor, predicted_iou: torch.Tensor, spread: float) -> torch.Tensor:
    """The coverage (B, h, w), 0..1, that masks of `logits` (B, M, h, w) give on average, the chances of each
    to be the one that is meant being in proportion to exp(predicted IoU / `spread`); `predicted_iou` is
    (B, M)."""
    chances = torch.softmax(predicted_iou.float() / spread, 1)
    return (chances[..., None, None] * logits.float().sigmoid()).sum(1)


def calibrated(logits: torch.Tensor, predicted_iou: torch.Tensor, calibration: Calibration) -> torch.Tensor:
    """Logits (B, h, w) over 0 where the mean coverage of masks is over the level, or those of the best of
    several masks where it is sure; parameters as in `mean_coverage`."""
    coverage = mean_coverage(logits, predicted_iou, calibration.spread)
    cut = coverage.logit(SUREST) - math.log(calibration.level / (1 - calibration.level))
    if logits.shape[1] == 1:
        return cut
    highest, best = predicted_iou.max(1)
    sure = highest >= calibration.sure
    return torch.where(
        sure[:, None, None], logits[torch.arange(best.shape[0], device=best.device), best], cut
    )


class Heads:
    """Those of a SAM2Base `model`, whose mask decoder computes in `dtype`. What is calibrated needs a
    `calibration`."""

    def __init__(self, model: Any, dtype: torch.dtype, calibration: Calibration | None = None) -> None:
        self._calibration = calibration
        decoder = model.sam_mask_decoder
        self.prompts = model.sam_prompt_encoder
        position = self.prompts.get_dense_pe()[0].flatten(1).t().contiguous()
        self._decoder: MaskDecoder | PackageDecoder = (
            PackageDecoder(decoder, position)
            if dtype == torch.float32
            else MaskDecoder(decoder, position, dtype)
        )
        self._pointer, self._no_pointer = model.obj_ptr_proj, model.no_obj_ptr
        self._mask_downsample = model.mask_downsample
        self._asks_stability = decoder.dynamic_multimask_via_stability
        self._stability_delta = decoder.dynamic_multimask_stability_delta
        self._least_stability = decoder.dynamic_multimask_stability_thresh

    def decode(
        self,
        places: torch.Tensor,
        finer: tuple[torch.Tensor, ...],
        points: tuple[torch.Tensor, torch.Tensor] | None,
        earlier: torch.Tensor | None,
        take: Take,
        candidate: int = 0,
    ) -> Masks:
        """Decode features `places` (B, h * w, C) of one picture, whose finer maps are `finer`.

        `points`: (B, n, 2) in the model's pixels with centers on whole numbers, and (B, n) labels; None asks
        memory alone. `earlier` (B, 1, 4h, 4w): logits to correct. `candidate`: which of the three masks is
        taken, from 1; 0: as `take` says.
        """
        if points is None:
            nowhere = places.new_zeros(len(places), 1, 2)
            points = nowhere, -torch.ones(len(places), 1, dtype=torch.int32, device=places.device)
        sparse, dense = self.prompts(points=points, boxes=None, masks=earlier)
        return self.masks(self.answers(places, dense, finer, sparse), take, candidate=candidate)

    def answers(
        self, places: torch.Tensor, dense: torch.Tensor, finer: tuple[torch.Tensor, ...], sparse: torch.Tensor
    ) -> Answers:
        """All masks, from prompts as the prompt encoder gives them."""
        return self._decoder(places + dense.flatten(2).mT, finer, sparse)

    def masks(
        self, answers: Answers, take: Take, present: torch.Tensor | None = None, candidate: int = 0
    ) -> Masks:
        """What is taken of them. Where `present` is not true, pointers say that nothing is seen. `candidate`
        as in `decode`."""
        logits, iou, token = self._chosen(answers, take, candidate)
        seen = answers.object_score > 0
        return Masks(
            torch.where(seen[..., None], logits, NO_OBJECT_LOGIT),
            self._pointed(self._pointer(token), seen if present is None else seen & present),
            answers.object_score,
            iou,
        )

    def given(self, top: torch.Tensor, finer: tuple[torch.Tensor, ...], mask: torch.Tensor) -> Masks:
        """A mask (1, 1, S, S) of zeros and ones is the answer itself: no memory goes into its frame, and the
        decoder gives its pointer alone. `top` are the picture's features (h * w, C), float32."""
        logits = (2 * mask - 1) * GIVEN_LOGIT
        side = mask.shape[-1] // 4
        small = functional.interpolate(
            logits, size=(side, side), mode="bilinear", align_corners=False, antialias=True
        )
        seen = mask.flatten(1).any(1, keepdim=True)
        earlier = self._mask_downsample(mask)
        pointer = self.decode(top[None], finer, None, earlier, Take.STABLE).pointer
        score = torch.where(seen, GIVEN_LOGIT, -GIVEN_LOGIT)
        return Masks(small[:, 0], self._pointed(pointer, seen), score, torch.ones_like(score[:, 0]))

    def _pointed(self, pointer: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Where nothing is seen the pointer says that."""
        return torch.where(seen, pointer, self._no_pointer)

    def _chosen(
        self, answers: Answers, take: Take, candidate: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits (B, 4h, 4w), predicted IoU (B,) and token (B, C) of the mask that is taken; of a mean those
        two are the likeliest mask's."""
        if candidate:
            return (
                answers.logits[:, candidate],
                answers.predicted_iou[:, candidate],
                answers.tokens[:, candidate],
            )
        rows = torch.arange(answers.logits.shape[0], device=answers.logits.device)
        best = 1 + answers.predicted_iou[:, 1:].argmax(1)
        logits, iou, token = (
            part[rows, best] for part in (answers.logits, answers.predicted_iou, answers.tokens)
        )
        single, its_iou, its_token = (
            part[:, 0] for part in (answers.logits, answers.predicted_iou, answers.tokens)
        )
        match take:
            case Take.BEST:
                return logits, iou, token
            case Take.MEAN:
                return self._calibrated(answers, slice(1, None)), iou, token
            case Take.SINGLE:
                return self._calibrated(answers, slice(0, 1)), its_iou, its_token
            case Take.STABLE if not self._asks_stability:
                return single, its_iou, its_token
            case Take.STABLE:
                stable = self._stability(single) >= self._least_stability
                chosen = torch.where(stable[:, None, None], single, logits)
                return chosen, torch.where(stable, its_iou, iou), its_token

    def _calibrated(self, answers: Answers, masks: slice) -> torch.Tensor:
        assert self._calibration is not None
        return calibrated(answers.logits[:, masks], answers.predicted_iou[:, masks], self._calibration)

    def _stability(self, logits: torch.Tensor) -> torch.Tensor:
        """IoU (B,) of the masks at two thresholds around zero, of which one holds the other; 1 where both
        are empty."""
        inner, outer = (
            (logits > threshold).flatten(1).sum(1)
            for threshold in (self._stability_delta, -self._stability_delta)
        )
        return torch.where(outer > 0, inner / outer.clamp(min=1), 1.0)
