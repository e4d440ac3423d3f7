# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention to memories row by row, with a quarter fewer multiplications for its scores.

A rotary encoding over a grid turns half of the channels by a token's column and the other half by its row.
In one row y of a memory m, the half that the row turns is one linear map of all its tokens, so that
q . (R_y (W m + b)) = ((R_y W)^T q) . m + q . R_y b, where m has a quarter of the keys' channels C. So a score
takes C / 2 + C / 4 multiplications, after queries went through the maps of all rows, which are the same for
all memories. Exponentials are taken to the base 2 (keys are scaled for it) and not relative to a row's
largest, as in `layers.attend`.
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

FEWEST_COLUMNS = 64
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
        by_column, by_row = _halves(weight)
        column_bias, row_bias = _halves(bias)
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
        largest = 0.0
        for scores, offset, values in _scores(layer, number, some, blocks):
            scores.exp2_()
            shares = torch.mm(scores, values)
            sums = scores.sum(-1, keepdim=True)
            if offset is None:
                weighed += shares
                total += sums
            else:
                factor = offset.exp2()
                weighed.addcmul_(shares, factor)
                total.addcmul_(sums, factor)
                largest = max(largest, float(offset.abs().max()))
        if sums_hold(total) and largest < LARGEST_OFFSET:
            torch.div(weighed, total, out=weighed)
            into.copy_(weighed)
        else:
            into.copy_(_softmax(layer, number, some, blocks))
    return out


def _softmax(layer: _Layer, number: int, queries: torch.Tensor, blocks: _Blocks) -> torch.Tensor:
    """The same relative to the largest score, for any scores."""
    whole, values = [], []
    for scores, offset, some_values in _scores(layer, number, queries, blocks):
        whole.append(scores.float() if offset is None else scores.float() + offset)
        values.append(some_values)
    shares = torch.softmax(torch.cat(whole, 1) * math.log(2), -1)
    return shares.to(queries.dtype) @ torch.cat(values)


def _scores(
    layer: _Layer, number: int, queries: torch.Tensor, blocks: _Blocks
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]]:
    """For each row of the memories' grid, and for pointers: scores (n, keys), of which the next row takes the
    place, what is to be added to them (n, 1), float32, and values (keys, M)."""
    keys, values = blocks.keys.flatten(1, 2), blocks.values.flatten(1, 2)
    by_column, by_row = _halves(queries, -1)
    half, width, rows = by_column.shape[1], values.shape[-1], len(keys)
    turned = layer.rows_of(by_row)
    offsets = turned[:, rows * width :].float()
    query = queries.new_empty(len(queries), half + width)
    query[:, :half] = by_column
    scores = queries.new_empty(len(queries), keys.shape[1])
    for row in range(rows):
        query[:, half:] = turned[:, row * width : (row + 1) * width]
        torch.mm(query, keys[row].t(), out=scores)
        yield scores, offsets[:, row : row + 1], values[row]
    pointers = blocks.subject.pointers
    if pointers is not None:
        yield queries @ pointers.layers[number].t(), None, pointers.values


def _halves(channels: torch.Tensor, dim: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Channels in split order that columns turn, and those that rows turn, each in split order."""
    quarters = channels.chunk(4, dim)
    return torch.cat(quarters[0::2], dim), torch.cat(quarters[1::2], dim)


def _grid(tokens: torch.Tensor, side: int) -> torch.Tensor:
    return tokens.view(side, side, -1)
