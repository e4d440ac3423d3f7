# SPDX-License-Identifier: GPL-3.0-or-later
"""What graphs are traced from: the calls of the tracking loop as torch modules of plain operations.

The layers are those of the package's model, and the arrangement is that of `tracking/sam2`: values of memory
attention are factored, rotary encoding is real-valued, and what memory attention begins with is part of a
picture's features. Here banks have any number of memories and pointers, and there may be any number of
subjects and points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from rotopoint.checkpoints.configuration import Calibration
from rotopoint.tracking.sam2.heads import Heads
from rotopoint.tracking.sam2.layers import composed
from rotopoint.tracking.sam2.package import sam2_module
from rotopoint.tracking.sam2.rotary import Rotation, split_order
from rotopoint.tracking.takes import Take, take_name

QUERY_ROWS = 1024
"""Rows of the attention matrix that are at hand at a time."""


def attended(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """softmax(Q K^T) V of one head: (B, n, c), (B, m, c), (B, m, v) give (B, n, v). Queries are scaled."""
    across = keys.transpose(1, 2)
    parts = [torch.softmax(rows @ across, -1) @ values for rows in _few(queries)]
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def _few(queries: torch.Tensor) -> list[torch.Tensor]:
    return [queries[:, n : n + QUERY_ROWS] for n in range(0, queries.shape[1], QUERY_ROWS)]


class Map(nn.Module):
    """y = x W^T + b of a weight (out, in) and a bias (out,)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone(), False), nn.Parameter(bias.clone(), False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)


class AttentionLayer(nn.Module):
    """One layer of memory attention; tokens are (B, n, C)."""

    def __init__(self, layer: Any, rotation: Rotation) -> None:
        super().__init__()
        own, cross = layer.self_attn, layer.cross_attn_image
        own_scale, cross_scale = (a.q_proj.weight.shape[0] ** -0.5 for a in (own, cross))
        self.rotation = rotation
        self.norms = nn.ModuleList((layer.norm1, layer.norm2, layer.norm3))
        self.own_query = _split(own.q_proj, own_scale)
        self.own_key = _split(own.k_proj)
        self.own_value = _folded(own)
        self.query = _split(cross.q_proj, cross_scale)
        self.key = _split(cross.k_proj)
        self.value = _folded(cross)
        self.wide, self.narrow = layer.linear1, layer.linear2

    def attend_itself(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norms[0](x)
        query, key = (self.rotation(made(normed)) for made in (self.own_query, self.own_key))
        return x + attended(query, key, self.own_value(normed))

    def ask(self, x: torch.Tensor) -> torch.Tensor:
        """Queries to memories (B, n, C), scaled and turned."""
        return self.rotation(self.query(self.norms[1](x)))

    def take(self, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """What follows on what was seen of memories, (B, n, M)."""
        x = x + self.value(seen)
        answer: torch.Tensor = x + self.narrow(functional.relu(self.wide(self.norms[2](x))))
        return answer


def _split(projection: Any, scale: float = 1.0) -> Map:
    return Map(split_order(projection.weight) * scale, split_order(projection.bias) * scale)


def _folded(attention: Any) -> Map:
    out, value = attention.out_proj, attention.v_proj
    return Map(*composed((out.weight, out.bias), (value.weight, value.bias)))


@dataclass(frozen=True)
class Read:
    """What is attended to, (..., tokens, M): `values`, and `placed`, which are those with what tells places
    apart."""

    values: torch.Tensor
    placed: torch.Tensor


class MemoryAttention(nn.Module):
    """The model's memory attention in two parts: what comes before the first look at memories, and more."""

    def __init__(self, model: Any, grid: int) -> None:
        super().__init__()
        module = model.memory_attention
        rotation = Rotation(module.layers[0].self_attn.freqs_cis, torch.float32)
        self.layers: Any = nn.ModuleList(AttentionLayer(layer, rotation) for layer in module.layers)
        self.rotation = rotation
        self.norm = module.norm
        top = torch.zeros(1, model.hidden_dim, grid, grid)
        memory = torch.zeros(1, model.mem_dim, grid, grid)
        self.position = 0.1 * _tokens(model.image_encoder.neck.position_encoding(top))
        self.at_input = bool(module.pos_enc_at_input)
        self.memory_position = _tokens(model.memory_encoder.position_encoding(memory))
        self.places = model.maskmem_tpos_enc[:, 0, 0]
        self.pointer_position = model.obj_ptr_tpos_proj
        self.sine = sam2_module("modeling.sam2_utils").get_1d_sine_pe
        self.hidden, self.width = int(model.hidden_dim), int(model.mem_dim)

    def begin(self, top: torch.Tensor) -> torch.Tensor:
        """A picture's features (1, C, h, w) up to the first look at memories: (1, h * w, C)."""
        tokens = top.flatten(2).transpose(1, 2)
        if self.at_input:
            tokens = tokens + self.position
        begun: torch.Tensor = self.layers[0].attend_itself(tokens)
        return begun

    def forward(
        self,
        begun: torch.Tensor,
        memories: torch.Tensor,
        places: torch.Tensor,
        pointers: torch.Tensor,
        distances: torch.Tensor,
    ) -> torch.Tensor:
        """(B, h * w, C): a picture fused with what B subjects attend to.

        `memories` (B, N, M, h, w) with `places` (B, N) int64 in the bank; `pointers` (B, P, C) with
        `distances` (B, P), normalized.
        """
        batch = memories.shape[0]
        seen = memories.flatten(3).transpose(2, 3)
        placed = seen + self.memory_position + self.places[places][:, :, None]
        pieces = self.hidden // self.width
        told = pointers.reshape(batch, pointers.shape[1] * pieces, self.width)
        encoded = self.pointer_position(self.sine(distances.flatten(), dim=self.hidden))
        encoded = encoded.view(batch, pointers.shape[1], 1, self.width).expand(-1, -1, pieces, -1)
        told_placed = told + encoded.reshape(batch, pointers.shape[1] * pieces, self.width)
        x = self.look(begun.expand(batch, -1, -1), Read(seen, placed), Read(told, told_placed))
        fused: torch.Tensor = self.norm(x)
        return fused

    def look(self, x: torch.Tensor, memories: Read, told: Read) -> torch.Tensor:
        """Through all layers; tokens of memories are (B, N, h * w, M), of pointers (B, m, M)."""
        values = torch.cat((memories.values.flatten(1, 2), told.values), 1)
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = layer.attend_itself(x)
            made = self.rotation(layer.key(memories.placed)).flatten(1, 2)
            keys = torch.cat((made, layer.key(told.placed)), 1)
            x = layer.take(x, attended(layer.ask(x), keys, values))
        return x


def _tokens(maps: torch.Tensor) -> torch.Tensor:
    """(1, C, h, w) as (1, h * w, C)."""
    return maps.flatten(2).transpose(1, 2)


class EncodeImage(nn.Module):
    """A normalized picture (1, 3, S, S) to its maps, the finest first, and what `begin` gives."""

    def __init__(self, model: Any, attention: MemoryAttention) -> None:
        super().__init__()
        self.trunk, self.neck = model.image_encoder.trunk, model.image_encoder.neck
        self.finest = nn.ModuleList((model.sam_mask_decoder.conv_s0, model.sam_mask_decoder.conv_s1))
        self.attention = attention

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps, _ = self.neck(self.trunk(picture))
        finest, fine, top = maps[:3]
        return self.finest[0](finest), self.finest[1](fine), top, self.attention.begin(top)


class DecodePrompts(nn.Module):
    """Features `places` (B, h * w, C) of a picture and prompts to one mask a subject, as `Heads.decode`.

    `points` (B, n, 2) with centers on whole numbers and `labels` (B, n) int32; -1 is no point. `earlier`
    (B, 1, 4h, 4w) logits are used where `corrects` is true; where `present` is not, the pointer says that
    nothing is seen; `take` is a number in `ways`.
    """

    def __init__(self, model: Any, calibration: Calibration | None) -> None:
        super().__init__()
        self.model = model
        self.heads = Heads(model, torch.float32, calibration)
        takes = [t for t in Take if calibration is not None or t in (Take.STABLE, Take.BEST)]
        several = range(1, model.sam_mask_decoder.num_mask_tokens)
        self.ways = {take_name(take): (take, 0) for take in takes}
        self.ways |= {take_name(Take.BEST, candidate): (Take.BEST, candidate) for candidate in several}

    def forward(
        self,
        places: torch.Tensor,
        finest: torch.Tensor,
        fine: torch.Tensor,
        points: torch.Tensor,
        labels: torch.Tensor,
        earlier: torch.Tensor,
        corrects: torch.Tensor,
        present: torch.Tensor,
        take: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        sparse, dense = self.heads.prompts(points=(points, labels), boxes=None, masks=earlier)
        nothing = self.heads.prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        dense = torch.where(corrects, dense, nothing)
        answers = self.heads.answers(places, dense, (finest, fine), sparse)
        taken = [self.heads.masks(answers, how, present, candidate) for how, candidate in self.ways.values()]
        return tuple(
            torch.stack([getattr(masks, name) for masks in taken])[take]
            for name in ("logits", "pointer", "object_score", "predicted_iou")
        )


class Start(nn.Module):
    """Features `top` (1, C, h, w) of a picture that starts a track, as places (1, h * w, C)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.alone = model.no_mem_embed

    def forward(self, top: torch.Tensor) -> torch.Tensor:
        places: torch.Tensor = top.flatten(2).mT + self.alone
        return places


class GivenMask(nn.Module):
    """A mask (1, 1, S, S) of zeros and ones as earlier logits (1, 1, 4h, 4w) of the decoder."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.downsample = model.mask_downsample

    def forward(self, mask: torch.Tensor) -> torch.Tensor:
        earlier: torch.Tensor = self.downsample(mask)
        return earlier


class EncodeMemory(nn.Module):
    """The memory (1, M, h, w) of features `top` (1, C, h, w), logits (1, 1, 4h, 4w) and an object score (1,).

    `binary`: the mask is taken as it is, without its doubts.
    """

    def __init__(self, model: Any, size: int) -> None:
        super().__init__()
        self.encoder, self.size = model.memory_encoder, size
        self.scale, self.bias = model.sigmoid_scale_for_mem_enc, model.sigmoid_bias_for_mem_enc
        self.unseen = model.no_obj_embed_spatial

    def forward(
        self, top: torch.Tensor, logits: torch.Tensor, object_score: torch.Tensor, binary: torch.Tensor
    ) -> torch.Tensor:
        full = functional.interpolate(
            logits, size=(self.size, self.size), mode="bilinear", align_corners=False
        )
        mask = torch.where(binary, (full > 0).float(), torch.sigmoid(full)) * self.scale + self.bias
        spatial: torch.Tensor = self.encoder(top, mask, skip_mask_sigmoid=True)["vision_features"]
        if self.unseen is None:
            return spatial
        unseen = (object_score <= 0).float()[:, None, None, None]
        marked: torch.Tensor = spatial + unseen * self.unseen[..., None, None]
        return marked
