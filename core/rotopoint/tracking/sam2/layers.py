# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear layers and attention in the precision of the kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.capability import packs

IN_BLOCKS = frozenset(("cpu",))
"""Devices on which work is cut into blocks that fit a cache. Others are given all of it at once: what one
block costs there is starting it."""

SCORES_AT_ONCE = 16 << 20
"""Bytes of the attention matrix that are at hand in one piece in float32: what a large cache holds."""

QUERIES_AT_ONCE = {torch.float32: 1024, torch.bfloat16: 2048, torch.float16: 256}
KEYS_AT_ONCE = 1024
"""Rows and columns of the attention matrix that are at hand at a time where it is cut into blocks."""

SMALLEST_SUM, LARGEST_SUM = 1e-20, 1e30
"""Of exponentials, between which float32 and bfloat16 hold all that matter."""


def in_blocks(device: torch.device) -> bool:
    """Whether a device is given its work a block at a time."""
    return device.type in IN_BLOCKS


def packs_weights(weight: torch.Tensor) -> bool:
    """Whether oneDNN can hold this weight, of a map or a convolution, in the layout that its kernels read."""
    return in_blocks(weight.device) and packs(weight.dtype)


class Linear:
    """y = x W^T + b. On the CPU the weight is packed once, and what follows is fused into it.

    `weight`: (out, in), `bias`: (out,), both float32 and rounded here to `dtype`.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> None:
        self._weight = weight.to(dtype).contiguous()
        self._bias = bias.to(dtype).contiguous()
        self._packed: Any = None
        if packs_weights(self._weight):
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self._weight, None)
            del self._weight

    @classmethod
    def of(cls, module: torch.nn.Linear, dtype: torch.dtype) -> Linear:
        return cls(module.weight, module.bias, dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._packed is None:
            return functional.linear(x, self._weight, self._bias)
        return self._fused(x, "none")

    def relu(self, x: torch.Tensor) -> torch.Tensor:
        if self._packed is None:
            return functional.relu(functional.linear(x, self._weight, self._bias))
        return self._fused(x, "relu")

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        if self._packed is None:
            return functional.gelu(functional.linear(x, self._weight, self._bias))
        return self._fused(x, "gelu", "none")

    def clamped(self, x: torch.Tensor, least: float, most: float) -> torch.Tensor:
        if self._packed is None:
            return functional.hardtanh(functional.linear(x, self._weight, self._bias), least, most)
        return self._fused(x, "hardtanh", limits=(least, most))

    def _fused(
        self, x: torch.Tensor, activation: str, algorithm: str = "", limits: tuple[float, ...] = ()
    ) -> torch.Tensor:
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self._bias, activation, list(limits), algorithm
        )
        return result


def composed(
    outer: tuple[torch.Tensor, torch.Tensor], inner: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias, float32, of a map after another, each given as (weight (out, in), bias (out,)).

    They are multiplied in float64 on the CPU, since not all devices have it.
    """
    device = outer[0].device
    (weight, bias), (inner_weight, inner_bias) = (
        tuple(part.to("cpu", torch.float64) for part in each) for each in (outer, inner)
    )
    made = weight @ inner_weight, weight @ inner_bias + bias
    return made[0].float().to(device), made[1].float().to(device)


def channel_map(convolution: Any, dtype: torch.dtype) -> Linear:
    """A convolution of one pixel, for channels that come last."""
    return Linear(convolution.weight[:, :, 0, 0], convolution.bias, dtype)


def attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """softmax(Q K^T) V of one head: (n, c), (m, c), (m, v) give (n, v). Queries are already scaled.

    On the CPU torch's fused kernel wants values as wide as keys, and takes more than twice as long in
    bfloat16.
    """
    if not in_blocks(queries.device):
        return attend_heads(queries[None, None], keys[None, None], values[None, None])[0, 0]
    out = queries.new_empty(queries.shape[0], values.shape[1])
    scores = len(queries) * len(keys) * keys.element_size()
    if queries.dtype == torch.float16:
        # Its exponentials want to be taken relative to the largest.
        for rows, into in few_queries(queries, out):
            _attend_rows(rows, keys, values, into)
    elif queries.dtype == torch.bfloat16 or scores > SCORES_AT_ONCE:
        _attend_in_blocks(queries, keys, values, out)
    else:
        _attend_rows(queries, keys, values, out)
    return out


def _attend_rows(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, out: torch.Tensor) -> None:
    torch.mm(torch.softmax(queries @ keys.t(), -1), values, out=out)


def _attend_in_blocks(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, out: torch.Tensor
) -> None:
    """`attend` with fewer passes over the scores, which stay in the cache.

    Exponentials are taken to the base 2, which is quicker, and not relative to a row's largest score:
    bfloat16 has the range of float32, and a row whose sum comes near its ends is done again with a softmax.
    """
    blocks = list(zip(torch.split(keys, KEYS_AT_ONCE), torch.split(values, KEYS_AT_ONCE), strict=True))
    nothing = queries.new_zeros(())
    for rows, into in few_queries(queries, out):
        weighed = torch.zeros(into.shape, dtype=torch.float32)
        total = torch.zeros(len(rows), 1, dtype=torch.float32)
        room = rows.new_empty(len(rows) * min(KEYS_AT_ONCE, len(keys)))
        for some_keys, some_values in blocks:
            shares = room[: len(rows) * len(some_keys)].view(len(rows), -1)
            torch.addmm(nothing, rows, some_keys.t(), beta=0, alpha=math.log2(math.e), out=shares)
            shares.exp2_()
            total += shares.sum(-1, keepdim=True)
            weighed += torch.mm(shares, some_values)
        if sums_hold(total):
            torch.div(weighed, total, out=weighed)
            into.copy_(weighed)
        else:
            _attend_rows(rows, keys, values, into)


def sums_hold(total: torch.Tensor) -> bool:
    """Whether sums of exponentials that were not taken relative to the largest say what a softmax says."""
    return bool(SMALLEST_SUM < total.min() and total.max() < LARGEST_SUM)


def few_queries(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Tensors with the same first dimension, in parts of about QUERIES_AT_ONCE rows of equal length."""
    count = max(round(len(tensors[0]) / QUERIES_AT_ONCE[tensors[0].dtype]), 1)
    return zip(*(tensor.tensor_split(count) for tensor in tensors), strict=True)


def attend_batch(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """softmax(Q K^T) V for each of a batch: (B, n, c), (B, m, c), (B, m, v) give (B, n, v)."""
    if not in_blocks(queries.device):
        return attend_heads(queries[:, None], keys[:, None], values[:, None])[:, 0]
    if len(queries) == 1:
        return attend(queries[0], keys[0], values[0])[None]
    return torch.stack([attend(*each) for each in zip(queries, keys, values, strict=True)])


def attend_heads(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """softmax(Q K^T) V by a kernel of torch's that never holds Q K^T: (B, heads, n, c), (B, heads, m, c),
    (B, heads, m, v) give (B, heads, n, v).

    It takes four dimensions: with three torch's selector falls back to products in float32. On CUDA it takes
    FlashAttention ("FlashAttention-2", Dao, 2023) where values are as wide as keys, and else the
    memory-efficient kernel ("Self-attention Does Not Need O(n^2) Memory", Rabe and Staats, 2021).
    """
    return functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)
