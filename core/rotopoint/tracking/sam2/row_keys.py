# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention to memories row by row, with fewer multiplications for its scores.

A rotary encoding over a grid turns half of the channels by a token's column and the other half by its row.
In one row y of a memory m, the half that the row turns is one linear map of all its tokens, so that
q . (R_y (W m + b)) = ((R_y W)^T q) . m + q . R_y b, where m has M of the keys' C channels. So a score takes
C / 2 + M multiplications, a quarter fewer with Meta's M = C / 4, after queries went through the maps of all
rows, which are the same for all memories. Exponentials are taken to the base 2 (keys are scaled for it) and
not relative to a row's largest, as in `layers.attend`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import Linear, few_queries, sums_hold
from rotopoint.tracking.sam2.memory_keys import AttendedKeys, KeyMaps, MemoryKeys
from rotopoint.tracking.sam2.rotary import Rotation

FEWEST_COLUMNS = {torch.float32: 32, torch.bfloat16: 48}
"""Of a grid, under which the scores of a row are too few to multiply well."""

LARGEST_OFFSET = 24.0
"""What a row may add to scores (base 2) so that exponentials without it hold all that matters."""


@dataclass(frozen=True)
class _Blocks:
    """`keys` (rows, memories, columns, C / 2 + M) and `values` (rows, memories, columns, M) of a subject."""

    subject: AttendedKeys
    keys: torch.Tensor
    values: torch.Tensor


class _Layer:
    """What a layer makes of queries and memories: `weight` (C, M), `bias` (C,), `table` (rows, columns,
    C / 2), `places` (count, M), all float32 or complex."""

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        table: torch.Tensor,
        places: torch.Tensor,
        dtype: torch.dtype,
    ) -> None:
        weight, bias = weight * math.log2(math.e), bias * math.log2(math.e)
        by_column, by_row = halves(weight)
        column_bias, row_bias = halves(bias)
        column_table, row_table = table[0].chunk(2, -1)[0], table[:, 0].chunk(2, -1)[1]
        rows = len(table)
        turned = Rotation(row_table[:, None], torch.float32)
        maps = turned(by_row.t().expand(rows, -1, -1)).flatten(0, 1)
        offsets = turned(row_bias.expand(rows, 1, -1)).flatten(0, 1)
        both = torch.cat((maps, offsets))
        self.rows_of = Linear(both, both.new_zeros(len(both)), dtype)
        """Queries' half (n, C / 2) for each row (rows * M), and what each row adds (rows)."""
        self._column_key = Linear(by_column, column_bias, dtype)
        self._rotate = Rotation(column_table, dtype)
        self.pointer_key = Linear(weight, bias, dtype)
        at_columns = functional.linear(places, by_column)[:, None].expand(-1, table.shape[1], -1)
        self.places = Rotation(column_table, torch.float32)(at_columns).to(dtype)
        """(count, columns, C / 2): what a place in the bank adds."""

    def column_key(self, placed: torch.Tensor) -> torch.Tensor:
        """(rows, columns, M) give (rows, columns, C / 2)."""
        return self._rotate(self._column_key(placed))


class RowKeys:
    """Keys of which the half that columns turn is kept for each layer, and memories stand for the other: on
    the CPU, over a square grid."""

    def __init__(self, maps: KeyMaps, dtype: torch.dtype) -> None:
        self._side = math.isqrt(len(maps.table))
        self._places = maps.places.to(dtype)
        grid = maps.table.view(self._side, self._side, -1)
        self._layers = [_Layer(weight, bias, grid, maps.places, dtype) for weight, bias in maps.layers]

    def of_memory(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        grid = placed.view(self._side, self._side, -1)
        keys = tuple(layer.column_key(grid).flatten(0, 1) for layer in self._layers)
        return MemoryKeys(keys, values, placed)

    def of_pointers(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        return MemoryKeys(tuple(layer.pointer_key(placed) for layer in self._layers), values)

    def gather(self, subjects: Sequence[AttendedKeys]) -> GatheredRows:
        return GatheredRows(self._layers, self._places, self._side, subjects)


class GatheredRows:
    def __init__(
        self, layers: Sequence[_Layer], places: torch.Tensor, side: int, subjects: Sequence[AttendedKeys]
    ) -> None:
        self._layers = layers
        self._subjects = [self._blocks(subject, places, side) for subject in subjects]

    def attend(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        """(B, n, C), scaled and rotated, give (B, n, M)."""
        answers = []
        for some, blocks in zip(queries, self._subjects, strict=True):
            self._fill(layer, blocks)
            answers.append(_attend(self._layers[layer], layer, some, blocks))
        return answers[0][None] if len(answers) == 1 else torch.stack(answers)

    def _blocks(self, subject: AttendedKeys, places: torch.Tensor, side: int) -> _Blocks:
        """All but what each layer has of its own."""
        half, width = self._layers[0].places.shape[-1], places.shape[1]
        keys = places.new_empty(side, len(subject.memories), side, half + width)
        values = places.new_empty(side, len(subject.memories), side, width)
        for number, (place, memory) in enumerate(subject.memories):
            assert memory.placed is not None
            torch.add(_grid(memory.placed, side), places[place], out=keys[:, number, :, half:])
            values[:, number] = _grid(memory.values, side)
        return _Blocks(subject, keys, values)

    def _fill(self, layer: int, blocks: _Blocks) -> None:
        places = self._layers[layer].places
        side, half = places.shape[1:]
        for number, (place, memory) in enumerate(blocks.subject.memories):
            into = blocks.keys[:, number, :, :half]
            torch.add(_grid(memory.layers[layer], side), places[place], out=into)


def _attend(layer: _Layer, number: int, queries: torch.Tensor, blocks: _Blocks) -> torch.Tensor:
    """softmax(Q K^T) V: (n, C) give (n, M)."""
    out = queries.new_empty(len(queries), blocks.values.shape[-1])
    for some, into in few_queries(queries, out):
        weighed = torch.zeros(into.shape, dtype=torch.float32)
        total = torch.zeros(len(some), 1, dtype=torch.float32)
        turned, offsets = _by_row(layer, some, len(blocks.values))
        factors = offsets.exp2()
        for row, (scores, values) in enumerate(_scores(number, some, turned, blocks)):
            scores.exp2_()
            weighed.addcmul_(torch.mm(scores, values), factors[:, row : row + 1])
            total.addcmul_(scores.sum(-1, keepdim=True), factors[:, row : row + 1])
        if sums_hold(total) and bool(offsets.abs().max() < LARGEST_OFFSET):
            torch.div(weighed, total, out=weighed)
            into.copy_(weighed)
        else:
            into.copy_(_softmax(number, some, turned, offsets, blocks))
    return out


def _softmax(
    number: int, queries: torch.Tensor, turned: torch.Tensor, offsets: torch.Tensor, blocks: _Blocks
) -> torch.Tensor:
    """The same relative to the largest score, for any scores."""
    whole, values = [], []
    for row, (scores, some_values) in enumerate(_scores(number, queries, turned, blocks)):
        whole.append(scores.float() + offsets[:, row : row + 1])
        values.append(some_values)
    shares = torch.softmax(torch.cat(whole, 1) * math.log(2), -1)
    return shares.to(queries.dtype) @ torch.cat(values)


def _by_row(layer: _Layer, queries: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The half of queries that rows turn, for each row of the memories' grid (n, rows * M), and what is to be
    added to the scores of each row, and of pointers, (n, rows + 1), float32."""
    made = layer.rows_of(halves(queries, -1)[1])
    turned, offsets = made[:, :-rows], made[:, -rows:]
    return turned, functional.pad(offsets.float(), (0, 1))


def _scores(
    number: int, queries: torch.Tensor, turned: torch.Tensor, blocks: _Blocks
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each row of the memories' grid, and for pointers: scores (n, keys), but for what `_by_row` adds, of
    which the next row takes the place, and values (keys, M)."""
    keys, values = blocks.keys.flatten(1, 2), blocks.values.flatten(1, 2)
    width, half = values.shape[-1], keys.shape[-1] - values.shape[-1]
    query = queries.new_empty(len(queries), half + width)
    query[:, :half] = halves(queries, -1)[0]
    scores = queries.new_empty(len(queries), keys.shape[1])
    for row in range(len(keys)):
        query[:, half:] = turned[:, row * width : (row + 1) * width]
        torch.mm(query, keys[row].t(), out=scores)
        yield scores, values[row]
    pointers = blocks.subject.pointers
    if pointers is not None:
        yield queries @ pointers.layers[number].t(), pointers.values


def halves(channels: torch.Tensor, dim: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Channels in split order that columns turn, and those that rows turn, each in split order."""
    quarters = channels.chunk(4, dim)
    return torch.cat(quarters[0::2], dim), torch.cat(quarters[1::2], dim)


def _grid(tokens: torch.Tensor, side: int) -> torch.Tensor:
    return tokens.view(side, side, -1)
