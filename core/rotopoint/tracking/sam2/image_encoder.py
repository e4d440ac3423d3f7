# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2's image encoder in the precision of the kernels: a feature pyramid over a trunk, which is a Hiera
("Hiera: A Hierarchical Vision Transformer without the Bells-and-Whistles", Ryali et al., 2023) or one of
convolutions alone.

Blocks with windows go through a band of windows at a time, from their norm to the end of their MLP, so
that what lies between fits a processor's cache; where there is none to fit, all windows and heads go at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.convolutional_trunk import Trunk
from rotopoint.tracking.sam2.convolutions import ConvolutionalStages
from rotopoint.tracking.sam2.layers import Linear, attend, attend_heads, channel_map, composed, in_blocks

BAND_TOKENS = 4096
"""Tokens that go through a block at a time."""


class _Block:
    """One transformer block on a picture (h, w, c)."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._norms = (_norm(module.norm1, dtype), _norm(module.norm2, dtype))
        attention = module.attn
        self._heads = attention.num_heads
        self._channels = module.dim_out
        width = attention.proj.weight.shape[1] // self._heads
        # Queries come out scaled.
        scale = torch.ones(len(attention.qkv.weight), 1, device=attention.qkv.weight.device)
        scale[: len(scale) // 3] = width**-0.5
        self._qkv = Linear(attention.qkv.weight * scale, attention.qkv.bias * scale[:, 0], dtype)
        self._projection = Linear.of(attention.proj, dtype)
        self._shortcut = None if module.dim == module.dim_out else Linear.of(module.proj, dtype)
        self._pool = 1 if module.q_stride is None else module.q_stride[0]
        self._window = module.window_size
        self._wide, self._narrow = (Linear.of(layer, dtype) for layer in module.mlp.layers)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        height, width, _ = x.shape
        result = x.new_empty(height // self._pool, width // self._pool, self._channels)
        if self._window == 0:
            self._mlp(self._attended(x, self._everywhere), result)
            return result
        band = max(BAND_TOKENS // (width * self._window), 1) * self._window if in_blocks(x.device) else height
        for part, into in zip(torch.split(x, band), torch.split(result, band // self._pool), strict=True):
            self._mlp(self._attended(part, self._in_windows), into)
        return result

    def _attended(self, x: torch.Tensor, attend_in: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        normed = self._norms[0](x)
        shortcut = x if self._shortcut is None else _pooled(self._shortcut(normed)[None], self._pool)[0]
        return shortcut + attend_in(normed)

    def _mlp(self, x: torch.Tensor, result: torch.Tensor) -> None:
        rows = max(BAND_TOKENS // x.shape[1], 1) if in_blocks(x.device) else len(x)
        for part, into in zip(torch.split(x, rows), torch.split(result, rows), strict=True):
            torch.add(part, self._narrow(self._wide.gelu(self._norms[1](part))), out=into)

    def _in_windows(self, x: torch.Tensor) -> torch.Tensor:
        """Attention inside of windows of a picture, which is padded at its right and lower edge."""
        height, width, channels = x.shape
        side = self._window
        below, right = -height % side, -width % side
        if below or right:
            x = functional.pad(x, (0, 0, 0, right, 0, below))
        rows, columns = x.shape[0] // side, x.shape[1] // side
        windows = x.view(rows, side, columns, side, channels).transpose(1, 2).flatten(0, 1)
        queries, keys, values = self._qkv(windows).chunk(3, -1)
        queries = _pooled(queries, self._pool)
        answer = self._projection(_attend_batch(queries, keys, values, self._heads))
        side //= self._pool
        picture = answer.view(rows, columns, side, side, -1).transpose(1, 2).flatten(0, 1).flatten(1, 2)
        return picture[: height // self._pool, : width // self._pool]

    def _everywhere(self, x: torch.Tensor) -> torch.Tensor:
        height, width, _ = x.shape
        queries, keys, values = self._qkv(x).chunk(3, -1)
        queries = _pooled(queries[None], self._pool)[0]
        if not in_blocks(x.device):
            answer = _attend_batch(queries[None], keys[None], values[None], self._heads)[0]
            return self._projection(answer)
        heads = [
            attend(q.contiguous(), k.contiguous(), v.contiguous())
            for q, k, v in zip(
                queries.flatten(0, 1).chunk(self._heads, -1),
                keys.flatten(0, 1).chunk(self._heads, -1),
                values.flatten(0, 1).chunk(self._heads, -1),
                strict=True,
            )
        ]
        answer = self._projection(torch.cat(heads, -1))
        return answer.view(height // self._pool, width // self._pool, -1)


def _attend_batch(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int
) -> torch.Tensor:
    """Attention inside of each of a batch of windows (n, side, side, c), of which queries may have fewer;
    they are scaled already."""
    q, k, v = (
        part.reshape(len(part), -1, heads, part.shape[-1] // heads).transpose(1, 2)
        for part in (queries, keys, values)
    )
    # For torch's fused kernel on a CPU windows are too small to pay.
    answer = torch.softmax(q @ k.transpose(-1, -2), -1) @ v if in_blocks(q.device) else attend_heads(q, k, v)
    return answer.transpose(1, 2).reshape(*queries.shape[:3], -1)


def _pooled(x: torch.Tensor, stride: int) -> torch.Tensor:
    """(n, h, w, c) with the greatest of each `stride` by `stride` tokens."""
    if stride == 1:
        return x
    greatest = x[:, ::stride, ::stride]
    for number in range(1, stride * stride):
        greatest = torch.maximum(greatest, x[:, number // stride :: stride, number % stride :: stride])
    return greatest


def _norm(module: Any, dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    weight, bias = module.weight.to(dtype), module.bias.to(dtype)
    return lambda x: functional.layer_norm(x, module.normalized_shape, weight, bias, module.eps)


class HieraStages:
    """What the package's Hiera gives, for one picture of `size` pixels."""

    def __init__(self, trunk: Any, size: int, dtype: torch.dtype) -> None:
        self._dtype = dtype
        patches = trunk.patch_embed.proj
        # Channels last, as everything that follows has them.
        self._patch_weight = patches.weight.to(dtype).to(memory_format=torch.channels_last)
        self._patch_bias = patches.bias.to(dtype)
        self._patch_layout = (patches.stride, patches.padding)
        self._position = trunk._get_pos_embed((size // patches.stride[0],) * 2)[0].to(dtype).contiguous()
        self._blocks = [_Block(block, dtype) for block in trunk.blocks]
        self._stage_ends = tuple(trunk.stage_ends)

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Maps (h, w, C) of a normalized picture (3, size, size), the finest first."""
        stride, padding = self._patch_layout
        x = functional.conv2d(
            image.to(self._dtype)[None], self._patch_weight, self._patch_bias, stride, padding
        )
        x = x[0].permute(1, 2, 0) + self._position
        stages = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._stage_ends:
                stages.append(x)
        return stages


class ImageEncoder:
    """The package's image encoder `module`, and the maps that `decoder` makes of its two finest outputs,
    for square pictures of `size` pixels."""

    def __init__(self, module: Any, decoder: Any, size: int, dtype: torch.dtype) -> None:
        trunk, neck = module.trunk, module.neck
        self._stages: Callable[[torch.Tensor], list[torch.Tensor]] = (
            ConvolutionalStages(trunk, dtype) if isinstance(trunk, Trunk) else HieraStages(trunk, size, dtype)
        )
        # The neck lists its convolutions from the coarsest level on.
        lateral = [level.conv for level in reversed(neck.convs)]
        finest = (decoder.conv_s0, decoder.conv_s1)
        # Nothing is added between the two: one map.
        self._finest = [_chained(*pair, dtype) for pair in zip(lateral, finest, strict=False)]
        self._coarse = [channel_map(convolution, dtype) for convolution in lateral[len(finest) :]]

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Maps (1, C, h, w) of a picture (3, size, size) that is normalized, the finest first."""
        stages = self._stages(image)
        maps = [linear(stage) for linear, stage in zip(self._finest, stages, strict=False)]
        # Of the two coarse levels the coarser one only adds to the finer one.
        fine, coarse = (
            linear(stage).permute(2, 0, 1)[None]
            for linear, stage in zip(self._coarse, stages[len(maps) :], strict=True)
        )
        top = fine + functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        # The mask decoder reads the finer maps as they lie here, channels last.
        return [*(finer.permute(2, 0, 1)[None] for finer in maps), top]


def _chained(first: Any, second: Any, dtype: torch.dtype) -> Linear:
    """Two convolutions of one pixel as one map."""
    outer, inner = ((each.weight[:, :, 0, 0], each.bias) for each in (second, first))
    return Linear(*composed(outer, inner), dtype)
