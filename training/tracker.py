# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 over a batch of clips with gradients: what `rotopoint.tracking.sam2.runtime` does for one subject.

The same modules in the same order, the same choice of memories, so that what is trained is what is used;
a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from rotopoint.checkpoints.configuration import Calibration
from rotopoint.tracking.runtime import NO_OBJECT_LOGIT
from rotopoint.tracking.sam2.heads import calibrated
from rotopoint.tracking.sam2.package import sam2_module

MASK_LOGIT = 10.0
"""A given mask as logits: minus this outside, plus this inside."""


@dataclass(frozen=True)
class Features:
    """A frame's maps: `top` (B, C, h, w), `finer` those of strides 4 and 8."""

    top: torch.Tensor
    finer: tuple[torch.Tensor, ...]

    def repeated(self, count: int) -> Features:
        """Each picture's maps `count` times, side by side: for as many subjects of it."""
        top, *finer = (maps.repeat_interleave(count, dim=0) for maps in (self.top, *self.finer))
        return Features(top, tuple(finer))


@dataclass(frozen=True)
class Answer:
    """`logits` (B, M, 4h, 4w), `predicted_iou` (B, M), `object_score` (B, 1); `best` (B, 1, 4h, 4w) are the
    logits of the mask that is taken and `pointer` (B, C) is the object pointer of the one with the highest
    predicted IoU."""

    logits: torch.Tensor
    predicted_iou: torch.Tensor
    object_score: torch.Tensor
    best: torch.Tensor
    pointer: torch.Tensor


@dataclass(frozen=True)
class Remembered:
    """What a frame leaves for later ones: `memory` (B, M, h, w), `pointer` (B, C)."""

    frame: int
    prompted: bool
    memory: torch.Tensor
    pointer: torch.Tensor


class ClipTracker:
    """Runs a SAM2Base on batches. The model stays set to evaluate: its dropouts are not used. First answers
    follow `calibration`."""

    def __init__(self, model: Any, calibration: Calibration | None = None) -> None:
        self.model = model
        self._calibration = calibration
        self._sine = sam2_module("modeling.sam2_utils").get_1d_sine_pe
        self._grid = int(model.image_size) // int(model.backbone_stride)

    def features(self, pictures: torch.Tensor) -> list[Features]:
        """The features of each frame of (B, T, 3, S, S) normalized pictures."""
        batch, frames = pictures.shape[:2]
        maps = self.model.forward_image(pictures.flatten(0, 1))["backbone_fpn"]
        split = [m.unflatten(0, (batch, frames)).unbind(1) for m in maps[-self.model.num_feature_levels :]]
        return [Features(split[-1][t], tuple(m[t] for m in split[:-1])) for t in range(frames)]

    def condition(
        self, features: Features, frame: int, past: Sequence[Remembered], extra_distance: int = 0
    ) -> torch.Tensor:
        """The frame's features fused with what was seen before, (B, C, h, w): prompted frames, the recent
        ones that the bank holds, and their pointers. Prompted pointers count as `extra_distance` farther."""
        model, top = self.model, features.top
        if not past:
            return torch.as_tensor(top + model.no_mem_embed.permute(0, 2, 1)[..., None])
        bank, pointer_count = int(model.num_maskmem), int(model.max_obj_ptrs_in_encoder)
        place = self._positions(model.memory_encoder.position_encoding, past[0].memory)
        tokens, positions = [], []
        for seen in _attended(past, frame, bank):
            step = model.num_maskmem - 1 if seen.prompted else frame - seen.frame - 1
            tokens.append(_tokens(seen.memory))
            positions.append(place + model.maskmem_tpos_enc[step])
        pointed = _attended(past, frame, pointer_count)
        pieces = model.hidden_dim // model.mem_dim
        pointers = torch.stack([seen.pointer for seen in pointed])
        batch = pointers.shape[1]
        pointers = pointers.reshape(-1, batch, pieces, model.mem_dim).permute(0, 2, 1, 3).flatten(0, 1)
        distances = torch.tensor(
            [frame - seen.frame + extra_distance * seen.prompted for seen in pointed], device=top.device
        )
        encoded = self._sine(distances / max(pointer_count - 1, 1), dim=model.hidden_dim)
        when = model.obj_ptr_tpos_proj(encoded)[:, None].repeat_interleave(pieces, dim=0)
        attended = model.memory_attention(
            curr=[_tokens(top)],
            curr_pos=[self._positions(model.image_encoder.neck.position_encoding, top)],
            memory=torch.cat([*tokens, pointers]),
            memory_pos=torch.cat([*positions, when]),
            num_obj_ptr_tokens=pointers.shape[0],
        )
        return torch.as_tensor(attended.permute(1, 2, 0).reshape(top.shape))

    def decode(
        self,
        fused: torch.Tensor,
        features: Features,
        points: tuple[torch.Tensor, torch.Tensor] | None,
        previous: torch.Tensor | None = None,
        starts: bool = False,
    ) -> Answer:
        """The masks of points ((B, n, 2) pixels with centers at .5, (B, n) labels), or of memory alone: three
        of up to one point, else one. `previous` (B, 1, 4h, 4w) are logits that the points correct; `starts`:
        no memory is in `fused`, and the answer is calibrated."""
        model, batch = self.model, fused.shape[0]
        if points is None:
            xy = torch.zeros(batch, 1, 2, device=fused.device)
            labels = -torch.ones(batch, 1, dtype=torch.int32, device=fused.device)
        else:
            # The prompt encoder adds half a pixel itself.
            xy, labels = points[0] - 0.5, points[1]
        several = points is None or labels.shape[1] <= 1
        sparse, dense = model.sam_prompt_encoder(points=(xy, labels), boxes=None, masks=previous)
        logits, ious, tokens, score = model.sam_mask_decoder.predict_masks(
            image_embeddings=fused,
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=False,
            high_res_features=list(features.finer),
        )
        chosen = slice(1, None) if several else slice(0, 1)
        logits, ious, tokens = logits[:, chosen].float(), ious[:, chosen], tokens[:, chosen]
        index, rows = ious.argmax(1), torch.arange(batch, device=fused.device)
        seen = (score > 0).to(tokens.dtype)
        pointer = seen * model.obj_ptr_proj(tokens[rows, index]) + (1 - seen) * model.no_obj_ptr
        taken = logits[rows, index]
        if starts and self._calibration is not None:
            taken = calibrated(logits, ious, self._calibration)
        best = torch.where(score[..., None, None] > 0, taken[:, None], NO_OBJECT_LOGIT)
        return Answer(logits, ious, score, best, pointer)

    def given_mask(self, features: Features, mask: torch.Tensor) -> Answer:
        """A mask prompt (B, S, S), 0 or 1: it is the answer, and the decoder makes its pointer."""
        outputs = self.model._use_mask_as_output(features.top, list(features.finer), mask[:, None])
        logits, _, ious, best, _, pointer, score = outputs
        return Answer(logits, ious, score, best, pointer)

    def remember(
        self, features: Features, frame: int, answer: Answer, prompted: bool, logits: torch.Tensor
    ) -> Remembered:
        """What the frame leaves, from its answer and the logits (B, 1, 4h, 4w) that its memory is made of."""
        size = (self.model.image_size, self.model.image_size)
        memory, _ = self.model._encode_new_memory(
            current_vision_feats=[_tokens(features.top)],
            feat_sizes=[(self._grid, self._grid)],
            pred_masks_high_res=functional.interpolate(
                logits.float(), size=size, mode="bilinear", align_corners=False
            ),
            object_score_logits=answer.object_score,
            is_mask_from_pts=prompted and self._calibration is None,
        )
        return Remembered(frame, prompted, memory, answer.pointer)

    def _positions(self, encoding: Any, maps: torch.Tensor) -> torch.Tensor:
        """(h * w, 1, C)."""
        return _tokens(encoding(maps[:1].float()))


def _attended(past: Sequence[Remembered], frame: int, count: int) -> list[Remembered]:
    """All prompted frames, then up to `count` - 1 recent others, the nearest last."""
    prompted = [seen for seen in past if seen.prompted]
    recent = [seen for seen in past if not seen.prompted and frame - seen.frame < count]
    return prompted + recent


def _tokens(maps: torch.Tensor) -> torch.Tensor:
    """(B, C, h, w) as (h * w, B, C)."""
    return maps.flatten(2).permute(2, 0, 1)
