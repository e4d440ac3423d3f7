# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2's memory attention, arranged so that nothing is computed twice.

The layers are those of "SAM 2: Segment Anything in Images and Videos" (Ravi et al., 2024), with the
rotary encoding of "RoFormer" (Su et al., 2021). Same result, other order:

- values are a linear map of memories that have a quarter of their channels, so that
  softmax(Q K^T) (M W) = (softmax(Q K^T) M) W;
- what follows the values, the output projection, is the same kind of map: both are one matrix;
- keys are made once a memory (`memory_keys.py`), over a large grid a part of them (`row_keys.py`);
- up to its first look at memories a picture is the same for all subjects: `begin` is done once a picture;
- channels are ordered so that the two of a rotated pair lie half of the channels apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.arrangement import Arrangement, Values
from rotopoint.tracking.sam2.compiled import arranged
from rotopoint.tracking.sam2.layers import Linear, attend_batch, composed, in_blocks
from rotopoint.tracking.sam2.memory_keys import AttendedKeys, KeyMaps, Keys, MemoryKeys, WholeKeys
from rotopoint.tracking.sam2.rotary import Rotation, split_order
from rotopoint.tracking.sam2.row_keys import FEWEST_COLUMNS, RowKeys

MLP_ROWS = 1024
"""Tokens that go through the wide hidden layer at a time."""


class _Layer:
    """Works on a batch of subjects: tokens are (B, n, C)."""

    def __init__(self, module: Any, rotation: Rotation, values: Values, dtype: torch.dtype) -> None:
        own, cross = module.self_attn, module.cross_attn_image
        self._norms = (module.norm1, module.norm2, module.norm3)
        self._rotate = rotation
        self._dtype = dtype
        self._values = values
        own_scale, cross_scale = (a.q_proj.weight.shape[0] ** -0.5 for a in (own, cross))
        value, value_bias = _folded(own)
        self._width = own.q_proj.weight.shape[0]
        self._own = Linear(
            torch.cat((split_order(own.q_proj.weight) * own_scale, split_order(own.k_proj.weight), value)),
            torch.cat((split_order(own.q_proj.bias) * own_scale, split_order(own.k_proj.bias), value_bias)),
            dtype,
        )
        self._query = Linear(
            split_order(cross.q_proj.weight) * cross_scale,
            split_order(cross.q_proj.bias) * cross_scale,
            dtype,
        )
        self.value = Linear(*_folded(cross), dtype)
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

    def take(self, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """(B, n, C) with what was seen of memories, (B, n, M), or of whole values (B, n, C)."""
        x = x + (self.value(seen) if self._values is Values.FACTORED else seen)
        tokens, normed = x.flatten(0, 1), self._norm(2, x).flatten(0, 1)
        at_once = MLP_ROWS if in_blocks(x.device) else len(tokens)
        for rows in range(0, len(tokens), at_once):
            part = slice(rows, rows + at_once)
            tokens[part] += self._narrow(self._wide.relu(normed[part]))
        return tokens.view_as(x)


def _folded(attention: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and output projection as one map; weights of a softmax sum to 1, so biases pass through."""
    out, value = attention.out_proj, attention.v_proj
    return composed((out.weight, out.bias), (value.weight, value.bias))


class MemoryAttention:
    """The package's module `module` for a square grid of tokens, on one device, in one precision.

    `position` (tokens, 1, C) is the encoding of a picture's tokens, `memory_position` (tokens, 1, M)
    that of a memory's, `places` (count, M) what tells the places in the bank apart. Whole values go with
    whole keys.
    """

    def __init__(
        self,
        module: Any,
        position: torch.Tensor,
        memory_position: torch.Tensor,
        places: torch.Tensor,
        dtype: torch.dtype,
        arrangement: Arrangement | None = None,
    ) -> None:
        arrangement = arrangement or Arrangement()
        values = arrangement.values
        self._dtype = dtype
        self._position = 0.1 * position[:, 0] if module.pos_enc_at_input else torch.zeros(())
        self._memory_position = memory_position[:, 0]
        self._norm = module.norm
        table = module.layers[0].self_attn.freqs_cis.to(position.device)
        rotate = Rotation(table, dtype)
        layers = [_Layer(layer, rotate, values, dtype) for layer in module.layers]
        self._layers = [
            tuple(arranged(part, arrangement) for part in (each.attend_itself, each.query, each.take))
            for each in layers
        ]
        projections = [layer.cross_attn_image.k_proj for layer in module.layers]
        made = tuple((split_order(each.weight), split_order(each.bias)) for each in projections)
        maps = KeyMaps(made, table, places)
        self._keys: Keys
        if values is Values.WHOLE:
            self._keys = WholeKeys(maps, dtype, [layer.value for layer in layers])
        else:
            self._keys = RowKeys(maps, dtype) if _suits_rows(maps, dtype) else WholeKeys(maps, dtype)

    def begin(self, top: torch.Tensor) -> torch.Tensor:
        """A picture's features (1, C, h, w) up to the first look at memories: (tokens, C)."""
        tokens = top[0].flatten(1).t().float() + self._position
        attend_itself, _, _ = self._layers[0]
        return attend_itself(tokens[None])[0].to(self._dtype)

    def memory_keys(self, spatial: torch.Tensor) -> MemoryKeys:
        """Keys of a memory (1, M, h, w), but for its place."""
        tokens = spatial[0].flatten(1).t().contiguous()
        placed = (tokens + self._memory_position).to(self._dtype)
        return self._keys.of_memory(tokens.to(self._dtype), placed)

    def pointer_keys(self, pointers: torch.Tensor, positions: torch.Tensor) -> MemoryKeys:
        """Keys of object pointers in pieces (n, M) at their distances (n, M)."""
        return self._keys.of_pointers(pointers.to(self._dtype), (pointers + positions).to(self._dtype))

    def finish(self, begun: torch.Tensor, subjects: Sequence[AttendedKeys]) -> torch.Tensor:
        """Features (B, tokens, C), float32, of one picture fused with what each of B subjects attends to,
        which must be as many tokens for each."""
        gathered = self._keys.gather(subjects)
        x = begun.float().expand(len(subjects), -1, -1)
        for number, (attend_itself, query, take) in enumerate(self._layers):
            if number > 0:
                x = attend_itself(x)
            x = take(x, gathered.attend(number, query(x)))
        return functional.layer_norm(
            x, self._norm.normalized_shape, self._norm.weight, self._norm.bias, self._norm.eps
        )


def _suits_rows(maps: KeyMaps, dtype: torch.dtype) -> bool:
    """Whether keys by row are faster: on the CPU, over a large enough grid, where memories are so narrow
    that multiplications are saved."""
    fewest = FEWEST_COLUMNS.get(dtype)
    if not in_blocks(maps.table.device) or fewest is None:
        return False
    channels, width = maps.layers[0][0].shape
    return width < channels // 2 and math.isqrt(len(maps.table)) >= fewest
