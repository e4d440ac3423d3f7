# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2's memory attention, arranged so that nothing is computed twice.

The layers are those of "SAM 2: Segment Anything in Images and Videos" (Ravi et al., 2024), with the
rotary encoding of "RoFormer" (Su et al., 2021). Same result, other order:

- values are a linear map of memories that have a quarter of their channels, so that
  softmax(Q K^T) (M W) = (softmax(Q K^T) M) W;
- what follows the values, the output projection, is the same kind of map: both are one matrix;
- keys depend on a memory and its place in the bank alone, and the place adds a constant: they are made
  once a memory;
- up to its first look at memories a picture is the same for all subjects: `begin` is done once a picture;
- channels are ordered so that the two of a rotated pair lie half of the channels apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import Linear, attend_batch

MLP_ROWS = 1024
"""Tokens that go through the wide hidden layer at a time."""


@dataclass(frozen=True)
class MemoryKeys:
    """What attention reads of one memory, or of a set of object pointers.

    `layers`: for each layer (tokens, C); `values`: (tokens, M).
    """

    layers: tuple[torch.Tensor, ...]
    values: torch.Tensor


@dataclass(frozen=True)
class AttendedKeys:
    """What a subject's picture is fused with: memories, each with its place in the bank, and pointers."""

    memories: Sequence[tuple[int, MemoryKeys]]
    pointers: MemoryKeys | None

    @property
    def values(self) -> torch.Tensor:
        """(tokens, M) of all, in order."""
        also = [] if self.pointers is None else [self.pointers.values]
        return torch.cat([memory.values for _, memory in self.memories] + also)


class _Rotation:
    """Rotary position encoding over a square grid, on channels in split order."""

    def __init__(self, table: torch.Tensor, dtype: torch.dtype) -> None:
        self._cos, self._sin = table.real.to(dtype), table.imag.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(..., tokens, C) turned by each token's place."""
        first, second = x.chunk(2, -1)
        return torch.cat(
            (
                torch.addcmul(first * self._cos, second, self._sin, value=-1),
                torch.addcmul(first * self._sin, second, self._cos),
            ),
            -1,
        )


def _split(weight: torch.Tensor) -> torch.Tensor:
    """Rows of pairs (0, 1), (2, 3), ... as all firsts, then all seconds."""
    return torch.cat((weight[0::2], weight[1::2]))


class _Layer:
    """Works on a batch of subjects: tokens are (B, n, C)."""

    def __init__(self, module: Any, rotation: _Rotation, dtype: torch.dtype) -> None:
        own, cross = module.self_attn, module.cross_attn_image
        self._norms = (module.norm1, module.norm2, module.norm3)
        self._rotate = rotation
        self._dtype = dtype
        own_scale, cross_scale = (a.q_proj.weight.shape[0] ** -0.5 for a in (own, cross))
        value, value_bias = _folded(own)
        self._width = own.q_proj.weight.shape[0]
        self._own = Linear(
            torch.cat((_split(own.q_proj.weight) * own_scale, _split(own.k_proj.weight), value)),
            torch.cat((_split(own.q_proj.bias) * own_scale, _split(own.k_proj.bias), value_bias)),
            dtype,
        )
        self._query = Linear(
            _split(cross.q_proj.weight) * cross_scale, _split(cross.q_proj.bias) * cross_scale, dtype
        )
        self.key_weight, self.key_bias = _split(cross.k_proj.weight), _split(cross.k_proj.bias)
        self._key = Linear(self.key_weight, self.key_bias, dtype)
        self._value = Linear(*_folded(cross), dtype)
        self._wide, self._narrow = Linear.of(module.linear1, dtype), Linear.of(module.linear2, dtype)

    def _norm(self, index: int, x: torch.Tensor) -> torch.Tensor:
        norm = self._norms[index]
        return functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps).to(
            self._dtype
        )

    def attend_itself(self, x: torch.Tensor) -> torch.Tensor:
        made, width = self._own(self._norm(0, x)), self._width
        query, key, value = made[..., :width], made[..., width : 2 * width], made[..., 2 * width :]
        return x + attend_batch(self._rotate(query), self._rotate(key), value.contiguous())

    def query(self, x: torch.Tensor) -> torch.Tensor:
        return self._rotate(self._query(self._norm(1, x)))

    def attend_memories(
        self, x: torch.Tensor, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        x = x + self._value(attend_batch(query, keys, values))
        tokens, normed = x.flatten(0, 1), self._norm(2, x).flatten(0, 1)
        for rows in range(0, len(tokens), MLP_ROWS):
            part = slice(rows, rows + MLP_ROWS)
            tokens[part] += self._narrow(self._wide.relu(normed[part]))
        return tokens.view_as(x)

    def key(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._key(tokens)


def _folded(attention: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and output projection as one map; weights of a softmax sum to 1, so biases pass through."""
    out, value = attention.out_proj, attention.v_proj
    weight = out.weight.double()
    return (
        (weight @ value.weight.double()).float(),
        (weight @ value.bias.double() + out.bias).float(),
    )


class MemoryAttention:
    """The package's module `module` for a square grid of tokens, on one device, in one precision.

    `position` (tokens, 1, C) is the encoding of a picture's tokens, `memory_position` (tokens, 1, M)
    that of a memory's, `places` (count, M) what tells the places in the bank apart.
    """

    def __init__(
        self,
        module: Any,
        position: torch.Tensor,
        memory_position: torch.Tensor,
        places: torch.Tensor,
        dtype: torch.dtype,
    ) -> None:
        self._dtype = dtype
        self._position = 0.1 * position[:, 0] if module.pos_enc_at_input else torch.zeros(())
        self._memory_position = memory_position[:, 0]
        self._norm = module.norm
        table = module.layers[0].self_attn.freqs_cis.to(position.device)
        exact = _Rotation(table, torch.float32)
        self._rotate = _Rotation(table, dtype)
        self._layers = [_Layer(layer, self._rotate, dtype) for layer in module.layers]
        # For each layer (places, tokens, C): what a place in the bank adds to the keys of a memory.
        self._places = [
            exact(functional.linear(places, layer.key_weight)[:, None].expand(-1, len(table), -1)).to(dtype)
            for layer in self._layers
        ]

    def begin(self, top: torch.Tensor) -> torch.Tensor:
        """A picture's features (1, C, h, w) up to the first look at memories: (tokens, C)."""
        tokens = top[0].flatten(1).t().float() + self._position
        return self._layers[0].attend_itself(tokens[None])[0].to(self._dtype)

    def memory_keys(self, spatial: torch.Tensor) -> MemoryKeys:
        """Keys of a memory (1, M, h, w), but for its place."""
        tokens = spatial[0].flatten(1).t().contiguous()
        placed = (tokens + self._memory_position).to(self._dtype)
        keys = tuple(self._rotate(layer.key(placed)) for layer in self._layers)
        return MemoryKeys(keys, tokens.to(self._dtype))

    def pointer_keys(self, pointers: torch.Tensor, positions: torch.Tensor) -> MemoryKeys:
        """Keys of object pointers in pieces (n, M) at their distances (n, M); these are not rotated."""
        placed = (pointers + positions).to(self._dtype)
        return MemoryKeys(tuple(layer.key(placed) for layer in self._layers), pointers.to(self._dtype))

    def finish(self, begun: torch.Tensor, subjects: Sequence[AttendedKeys]) -> torch.Tensor:
        """Features (B, tokens, C), float32, of one picture fused with what each of B subjects attends to,
        which must be as many tokens for each."""
        values = torch.stack([subject.values for subject in subjects])
        keys = values.new_empty(*values.shape[:2], subjects[0].memories[0][1].layers[0].shape[1])
        x = begun.float().expand(len(subjects), -1, -1)
        for number, layer in enumerate(self._layers):
            if number > 0:
                x = layer.attend_itself(x)
            for subject, its_keys in zip(subjects, keys, strict=True):
                self._fill(its_keys, subject, number)
            x = layer.attend_memories(x, layer.query(x), keys, values)
        return functional.layer_norm(
            x, self._norm.normalized_shape, self._norm.weight, self._norm.bias, self._norm.eps
        )

    def _fill(self, keys: torch.Tensor, subject: AttendedKeys, layer: int) -> None:
        end = 0
        for place, memory in subject.memories:
            start, end = end, end + len(memory.values)
            torch.add(memory.layers[layer], self._places[layer][place], out=keys[start:end])
        if subject.pointers is not None:
            keys[end:] = subject.pointers.layers[layer]
