# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs for a processor: work goes through them in parts that fit its cache.

Arrangement and sources are those of `tracking/sam2/image_encoder.py` and `row_keys.py`. One part after the
other is a `Scan` in the graph, whose weights are there once. What a GPU does at once it would do here in
hundreds of steps, so this is for the CPU alone. Attention to memories keeps the largest score so far ("Online
normalizer calculation for softmax", Milakov and Gimelshein, 2018), so that it holds for any scores.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._higher_order_ops.scan import scan

from rotopoint.tracking.onnx.modules import (
    QUERY_ROWS,
    AttentionLayer,
    EncodeImage,
    Map,
    MemoryAttention,
    Read,
)
from rotopoint.tracking.sam2.rotary import Rotation, split_order
from rotopoint.tracking.sam2.row_keys import halves

TOKENS = 1024
"""That go through a block's wide hidden layer at a time."""

FEWEST_COLUMNS = 48
"""Of a grid of memories, under which a row is too short to be looked at alone: with 32 all rows at once take
three quarters of the time."""

State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Of attention to a part of the keys: weighed values (B, n, M), the sum of weights (B, n, 1), and the largest
score (B, n, 1), which weights are relative to."""


def each(work: Callable[[torch.Tensor], torch.Tensor], parts: torch.Tensor) -> torch.Tensor:
    """`work` done on each of `parts` along their first axis."""
    if not torch.compiler.is_exporting():
        return torch.stack([work(part) for part in parts])
    # A graph's loop hands something on, and takes it as another value each time.
    _, made = scan(lambda nothing, part: (nothing.clone(), work(part)), parts.new_zeros(1), parts)
    result: torch.Tensor = made
    return result


class MlpInParts(nn.Module):
    """The package's MLP on a picture (1, h, w, C)."""

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, height, width, channels = x.shape
        if height * width <= TOKENS or height * width % TOKENS:
            whole: torch.Tensor = self.mlp(x)
            return whole
        return each(self.mlp, x.reshape(-1, TOKENS, channels)).reshape(1, height, width, -1)


class AttentionInParts(nn.Module):
    """The package's attention of all tokens of a picture (1, h, w, C), a part of the queries at a time."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.qkv, self.proj = attention.qkv, attention.proj
        self.heads = int(attention.num_heads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, height, width, _ = x.shape
        made = self.qkv(x).reshape(1, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = made.unbind(0)
        across = keys.mT * keys.shape[-1] ** -0.5
        parts = [torch.softmax(some @ across, -1) @ values for some in queries.split(QUERY_ROWS, 2)]
        seen = torch.cat(parts, 2).transpose(1, 2).reshape(1, height, width, -1)
        answer: torch.Tensor = self.proj(seen)
        return answer


class BandedBlock(nn.Module):
    """The package's block with windows, on `rows` rows of a picture (1, h, w, C) at a time."""

    def __init__(self, block: nn.Module, rows: int) -> None:
        super().__init__()
        self.block, self.rows = block, rows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, height, width, channels = x.shape
        made = each(self.block, x.reshape(height // self.rows, 1, self.rows, width, channels))
        return made.reshape(1, -1, *made.shape[3:])


def has_windows(model: Any) -> bool:
    """Whether a model's trunk is a Hiera of the package."""
    return hasattr(model.image_encoder.trunk, "patch_embed")


def trunk_in_parts(trunk: Any, side: int) -> Any:
    """A Hiera of the package as blocks in parts; its first one has a picture of `side` by `side` tokens."""
    made = copy.deepcopy(trunk)
    for number, block in enumerate(made.blocks):
        window = int(block.window_size)
        if window and side % window == 0:
            made.blocks[number] = BandedBlock(block, band_rows(side, window))
        else:
            block.mlp = MlpInParts(block.mlp)
            if not window and not block.q_stride:
                block.attn = AttentionInParts(block.attn)
        side //= block.q_stride[0] if block.q_stride else 1
    return made


def band_rows(side: int, window: int) -> int:
    """The most rows of whole windows that a picture is whole bands of, and that hold no more than TOKENS;
    those of one window at least."""
    fitting = [n * window for n in range(1, side // window + 1) if side % (n * window) == 0]
    return max((rows for rows in fitting if rows * side <= TOKENS), default=window)


class EncodeImageInParts(EncodeImage):
    """`size` is that of a picture."""

    def __init__(self, model: Any, attention: MemoryAttention, size: int) -> None:
        super().__init__(model, attention)
        self.trunk = trunk_in_parts(self.trunk, size // int(self.trunk.patch_embed.proj.stride[0]))


class RowLayer(nn.Module):
    """Keys of a layer by row of a square grid: the half that columns turn, and maps by which queries meet
    memories themselves for the other half."""

    def __init__(self, layer: AttentionLayer, projection: Any, table: torch.Tensor) -> None:
        super().__init__()
        side = math.isqrt(len(table))
        grid = table.view(side, side, -1)
        weight, bias = split_order(projection.weight), split_order(projection.bias)
        by_column, by_row = halves(weight)
        column_bias, row_bias = halves(bias)
        column_table, row_table = grid[0].chunk(2, -1)[0], grid[:, 0].chunk(2, -1)[1]
        turned = Rotation(row_table[:, None], torch.float32)
        maps = turned(by_row.t().expand(side, -1, -1))
        offsets = turned(row_bias.expand(side, 1, -1))
        self.layer = layer
        self.maps = nn.Parameter(torch.cat((maps, offsets), 1).mT.contiguous(), False)
        """(rows, C / 2, M + 1); the last of a row is what it adds to scores."""
        self.key = Map(by_column, column_bias)
        self.rotation = Rotation(column_table, torch.float32)

    def attend(
        self, queries: torch.Tensor, rows: torch.Tensor, values: torch.Tensor, told: Read
    ) -> torch.Tensor:
        """(B, n, C), scaled and turned, give (B, n, M). `rows` (h, B, N, w, M + 1) are memories with
        positions and a one, `values` (h, B, N * w, M) without."""
        turned = self.rotation(self.key(rows[..., :-1]))
        keys = torch.cat((turned, rows), -1).flatten(2, 3)
        told_keys = self.layer.key(told.placed)
        parts = [
            _with_pointers(self._rows(some, keys, values), some, told_keys, told.values)
            for some in torch.split(queries, QUERY_ROWS, 1)
        ]
        return torch.cat(parts, 1)

    def _rows(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> State:
        by_column, by_row = halves(queries, -1)

        def look(state: State, row: tuple[torch.Tensor, ...]) -> tuple[State, tuple[()]]:
            weighed, total, most = state
            maps, some_keys, some_values = row
            scores = torch.cat((by_column, by_row @ maps), -1) @ some_keys.mT
            higher = torch.maximum(most, scores.amax(-1, keepdim=True))
            weights, fades = torch.exp(scores - higher), torch.exp(most - higher)
            weighed = weighed * fades + weights @ some_values
            return (weighed, total * fades + weights.sum(-1, keepdim=True), higher), ()

        shape = queries.shape[:2]
        state: State = (
            values.new_zeros(*shape, values.shape[-1]),
            values.new_zeros(*shape, 1),
            values.new_full((*shape, 1), -torch.inf),
        )
        if torch.compiler.is_exporting():
            state, _ = scan(look, state, (self.maps, keys, values))
            return state
        for row in zip(self.maps, keys, values, strict=True):
            state, _ = look(state, row)
        return state


def _with_pointers(
    state: State, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """What is seen (B, n, M) of memories and of pointers, of which there may be none."""
    weighed, total, most = state
    scores = torch.cat((most, queries @ keys.mT), -1)
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    memories, pointers = weights[..., :1], weights[..., 1:]
    return (weighed * memories + pointers @ values) / (total * memories + pointers.sum(-1, keepdim=True))


class MemoryAttentionByRow(MemoryAttention):
    """Memory attention that looks at memories row by row."""

    def __init__(self, model: Any, grid: int) -> None:
        super().__init__(model, grid)
        modules = model.memory_attention.layers
        table = modules[0].self_attn.freqs_cis
        self.by_row: Any = nn.ModuleList(
            RowLayer(layer, module.cross_attn_image.k_proj, table)
            for layer, module in zip(self.layers, modules, strict=True)
        )

    def look(self, x: torch.Tensor, memories: Read, told: Read) -> torch.Tensor:
        rows = _rows(torch.cat((memories.placed, torch.ones_like(memories.placed[..., :1])), -1))
        values = _rows(memories.values).flatten(2, 3)
        for number, (layer, by_row) in enumerate(zip(self.layers, self.by_row, strict=True)):
            if number > 0:
                x = layer.attend_itself(x)
            x = layer.take(x, by_row.attend(layer.ask(x), rows, values, told))
        return x


def _rows(tokens: torch.Tensor) -> torch.Tensor:
    """(B, N, h * w, c) of a square grid as (h, B, N, w, c)."""
    batch, count, places, channels = tokens.shape
    side = math.isqrt(places)
    return tokens.reshape(batch, count, side, side, channels).permute(2, 0, 1, 3, 4)
