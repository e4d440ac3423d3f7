# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM's mask decoder ("Segment Anything", Kirillov et al., 2023, with SAM 2's finer maps), for several
subjects of a picture at once. A few tokens and many places of the picture attend to each other.

There are a hundred times as many places as tokens, so what the package multiplies onto places goes onto
tokens instead: a token's query q and a place x meet as q . (W x) = (q W) . x, and a token's value reaches a
place by one matrix with the output projection. Places are kept in the kernels' precision, tokens in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import Linear, attend_batch


class _Heads:
    """The projections of the package's attention `module`, cut into heads."""

    def __init__(self, module: Any) -> None:
        self.count = module.num_heads
        self.scale = (module.q_proj.weight.shape[0] // self.count) ** -0.5
        self.query, self.key, self.value = module.q_proj, module.k_proj, module.v_proj
        self.out = module.out_proj

    def cut(self, weight: torch.Tensor) -> torch.Tensor:
        """Rows (or biases) of a projection by head: (heads, width, ...)."""
        return weight.reshape(self.count, -1, *weight.shape[1:])

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, heads * width) as (B, heads, T, width)."""
        return x.view(*x.shape[:2], self.count, -1).transpose(1, 2)

    def join(self, x: torch.Tensor) -> torch.Tensor:
        """(B, heads, T, width) through the output projection: (B, T, C)."""
        joined: torch.Tensor = self.out(x.transpose(1, 2).flatten(2))
        return joined


class _OwnAttention(_Heads):
    """Tokens among themselves."""

    def __call__(self, x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        query, key = self.split(self.query(x)), self.split(self.key(x))
        weights = torch.softmax(self.scale * query @ key.transpose(-1, -2), -1)
        return self.join(weights @ self.split(self.value(values)))


class _LookAtPicture(_Heads):
    """Tokens look at places."""

    def __call__(self, tokens: torch.Tensor, placed: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(B, T, C) of tokens; `placed` are the places (B, N, C) with their positions."""
        # The key's bias adds the same to all scores of a token, which a softmax does not see.
        query = self.scale * self.split(self.query(tokens)) @ self.cut(self.key.weight)
        seen = attend_batch(query.flatten(1, 2).to(places.dtype), placed, places).float()
        by_head = seen.view(len(seen), self.count, -1, seen.shape[-1])
        values = by_head @ self.cut(self.value.weight).transpose(-1, -2) + self.cut(self.value.bias)[:, None]
        return self.join(values)


class _LookAtTokens(_Heads):
    """Places look at tokens."""

    def __call__(self, placed: torch.Tensor, tokens: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """What places (B, N, C), with their positions, take from tokens (B, T, C)."""
        dtype = placed.dtype
        key = self.scale * self.split(self.key(tokens))
        met = _by_token(key @ self.cut(self.query.weight))
        bias = _by_token(key @ self.cut(self.query.bias)[..., None])
        scores = torch.baddbmm(bias.mT.to(dtype), placed, met.mT.to(dtype))
        weights = torch.softmax(scores.view(*scores.shape[:2], -1, self.count), -2).flatten(2)
        out = self.cut(self.out.weight.t())
        carried = _by_token(self.split(self.value(values)) @ out)
        return torch.baddbmm(self.out.bias.to(dtype), weights, carried.to(dtype))


def _by_token(x: torch.Tensor) -> torch.Tensor:
    """(B, heads, T, c) as (B, T * heads, c). A softmax over T is quicker in this order."""
    return x.transpose(1, 2).flatten(1, 2)


class _Layer:
    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._first = module.skip_first_layer_pe
        self._own = _OwnAttention(module.self_attn)
        self._to_picture = _LookAtPicture(module.cross_attn_token_to_image)
        self._to_tokens = _LookAtTokens(module.cross_attn_image_to_token)
        self._norms = (module.norm1, module.norm2, module.norm3)
        self._mlp = module.mlp
        self._place_norm = (module.norm4.weight.to(dtype), module.norm4.bias.to(dtype), module.norm4.eps)

    def __call__(
        self, tokens: torch.Tensor, prompts: torch.Tensor, places: torch.Tensor, position: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._first:
            tokens = self._own(tokens, tokens)
        else:
            tokens = tokens + self._own(tokens + prompts, tokens)
        tokens = self._norms[0](tokens)
        placed = places + position
        tokens = self._norms[1](tokens + self._to_picture(tokens + prompts, placed, places))
        tokens = self._norms[2](tokens + self._mlp(tokens))
        places = places + self._to_tokens(placed, tokens + prompts, tokens)
        weight, bias, eps = self._place_norm
        return tokens, functional.layer_norm(places, weight.shape, weight, bias, eps)


class _Doubled:
    """The package's transposed convolution `module` of two pixels, on channels that come last."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        weight = module.weight.permute(2, 3, 1, 0)
        self._linear = Linear(weight.flatten(0, 2), module.bias.repeat(4), dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(B, h, w, C) to (B, 2h, 2w, c)."""
        batch, height, width, _ = x.shape
        quads = self._linear(x).view(batch, height, width, 2, 2, -1)
        return quads.transpose(2, 3).reshape(batch, 2 * height, 2 * width, -1)


@dataclass(frozen=True)
class Answers:
    """Of B subjects, float32: `logits` (B, M, 4h, 4w), `predicted_iou` (B, M), `tokens` (B, M, C) that
    pointers are made of, `object_score` (B, 1), a logit. The first of the M masks is the one for several
    points, the others are for one that can mean several things."""

    logits: torch.Tensor
    predicted_iou: torch.Tensor
    tokens: torch.Tensor
    object_score: torch.Tensor


class MaskDecoder:
    """The package's module `module`. `position` (h * w, C) is the encoding of places."""

    def __init__(self, module: Any, position: torch.Tensor, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._position = position.to(dtype)
        self._own_tokens = torch.cat(
            [module.obj_score_token.weight, module.iou_token.weight, module.mask_tokens.weight]
        )
        transformer = module.transformer
        self._layers = [_Layer(layer, dtype) for layer in transformer.layers]
        self._last = _LookAtPicture(transformer.final_attn_token_to_image)
        self._last_norm = transformer.norm_final_attn
        first, norm, _, second, _ = module.output_upscaling
        self._first, self._second = _Doubled(first, dtype), _Doubled(second, dtype)
        self._norm = (norm.weight.to(dtype), norm.bias.to(dtype), norm.eps)
        self._mask_heads = list(module.output_hypernetworks_mlps)
        self._iou_head, self._score_head = module.iou_prediction_head, module.pred_obj_score_head

    def __call__(
        self, places: torch.Tensor, finer: tuple[torch.Tensor, ...], prompts: torch.Tensor
    ) -> Answers:
        """Decode `places` (B, h * w, C), fused with memories and given masks, on prompts (B, T, C) as the
        prompt encoder gives them; `finer` are the picture's maps (1, c, 4h, 4w) and (1, c, 2h, 2w)."""
        asked = torch.cat([self._own_tokens.expand(len(prompts), -1, -1), prompts], 1)
        tokens, places = asked, places.to(self._dtype)
        for layer in self._layers:
            tokens, places = layer(tokens, asked, places, self._position)
        tokens = self._last_norm(tokens + self._last(tokens + asked, places + self._position, places))
        score, iou, masks = tokens[:, 0], tokens[:, 1], tokens[:, 2 : 2 + len(self._mask_heads)]
        hyper = torch.stack([head(masks[:, n]) for n, head in enumerate(self._mask_heads)], 1)
        logits = self._upscaled(places, finer) @ hyper.to(self._dtype).mT
        side = finer[0].shape[-1]
        return Answers(
            logits.mT.float().reshape(*hyper.shape[:2], side, side),
            self._iou_head(iou),
            masks,
            self._score_head(score),
        )

    def _upscaled(self, places: torch.Tensor, finer: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """(B, 16 * h * w, c)."""
        finest, fine = (maps.permute(0, 2, 3, 1) for maps in finer)
        side = fine.shape[1] // 2
        weight, bias, eps = self._norm
        x = self._first(places.view(len(places), side, side, -1)) + fine
        x = functional.gelu(functional.layer_norm(x, weight.shape, weight, bias, eps))
        return functional.gelu(self._second(x) + finest).flatten(1, 2)


class PackageDecoder:
    """The package's module as it is, in float32, called as MaskDecoder is.

    A track feeds on itself: over twenty frames a difference in the order of additions grows a hundredfold.
    In upstream's precision tracks stay closest to upstream's with its own operations.
    """

    def __init__(self, module: Any, position: torch.Tensor) -> None:
        side = round(len(position) ** 0.5)
        self._module = module
        self._position = _as_maps(position[None], side)

    def __call__(
        self, places: torch.Tensor, finer: tuple[torch.Tensor, ...], prompts: torch.Tensor
    ) -> Answers:
        maps = _as_maps(places, self._position.shape[-1])
        logits, iou, tokens, score = self._module.predict_masks(
            image_embeddings=maps,
            image_pe=self._position,
            sparse_prompt_embeddings=prompts,
            dense_prompt_embeddings=torch.zeros_like(maps),
            repeat_image=False,
            high_res_features=[each.contiguous() for each in finer],
        )
        return Answers(logits, iou, tokens, score)


def _as_maps(places: torch.Tensor, side: int) -> torch.Tensor:
    """(B, side * side, C) as (B, C, side, side)."""
    return places.mT.reshape(*places.shape[::2], side, side)
