# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and values of what memory attention looks at, made once a memory.

Keys depend on a memory and its place in the bank alone, and the place adds a constant. Values are the
memories themselves, since softmax(Q K^T) (M W) = (softmax(Q K^T) M) W.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import Linear, attend_batch, in_blocks
from rotopoint.tracking.sam2.rotary import Rotation


@dataclass(frozen=True)
class MemoryKeys:
    """What attention reads of one memory, or of a set of object pointers.

    `layers`: for each layer (tokens, channels); `values`: (tokens, M); `placed`: (tokens, M), the memory with
    its position, where layers hold a part of the keys' channels alone.
    """

    layers: tuple[torch.Tensor, ...]
    values: torch.Tensor
    placed: torch.Tensor | None = None

    def split(self, count: int) -> list[MemoryKeys]:
        """Cut into so many of equal length."""
        layers = zip(*(layer.chunk(count) for layer in self.layers), strict=True)
        return [MemoryKeys(*each) for each in zip(layers, self.values.chunk(count), strict=True)]

    @property
    def nbytes(self) -> int:
        also = () if self.placed is None else (self.placed,)
        return sum(tensor.nbytes for tensor in (*self.layers, self.values, *also))


@dataclass(frozen=True)
class AttendedKeys:
    """What a subject's picture is fused with: memories, each with its place in the bank, and pointers."""

    memories: Sequence[tuple[int, MemoryKeys]]
    pointers: MemoryKeys | None

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(place for place, _ in self.memories)

    @property
    def parts(self) -> list[MemoryKeys]:
        """Memories, and pointers after them."""
        return [memory for _, memory in self.memories] + ([] if self.pointers is None else [self.pointers])


class Gathered(Protocol):
    """Keys and values of a batch of subjects, ready to be looked at layer by layer."""

    def attend(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        """(B, n, C), scaled and rotated, give (B, n, M), or (B, n, C) where values are whole. Layers are
        asked for in order."""


class Keys(Protocol):
    """How keys are made and looked at."""

    def of_memory(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        """From a memory's tokens (tokens, M), by themselves and with their position."""

    def of_pointers(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        """From pieces of object pointers (n, M), by themselves and with their distance; not rotated."""

    def gather(self, subjects: Sequence[AttendedKeys]) -> Gathered: ...


@dataclass(frozen=True)
class KeyMaps:
    """What keys are made with, float32 or complex.

    `layers`: each its weight (C, M) and bias (C,), in split order; `table` (tokens, C / 2) is the rotation;
    `places` (count, M) what tells the places in the bank apart.
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    table: torch.Tensor
    places: torch.Tensor


class WholeKeys:
    """Keys with all of their channels, for any device and precision. `values`: for each layer what makes
    whole values of memories."""

    def __init__(self, maps: KeyMaps, dtype: torch.dtype, values: Sequence[Linear] | None = None) -> None:
        exact, tokens = Rotation(maps.table, torch.float32), len(maps.table)
        self._rotate = Rotation(maps.table, dtype)
        self._values = values
        self._keys = [Linear(weight, bias, dtype) for weight, bias in maps.layers]
        # For each layer (places, tokens, C): what a place in the bank adds to the keys of a memory.
        self.places = [
            exact(functional.linear(maps.places, weight)[:, None].expand(-1, tokens, -1)).to(dtype)
            for weight, _ in maps.layers
        ]

    def of_memory(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        return MemoryKeys(tuple(self._rotate(key(placed)) for key in self._keys), values)

    def of_pointers(self, values: torch.Tensor, placed: torch.Tensor) -> MemoryKeys:
        return MemoryKeys(tuple(key(placed) for key in self._keys), values)

    def gather(self, subjects: Sequence[AttendedKeys]) -> Gathered:
        return _GatheredWhole(self.places, self._values, subjects)


class _GatheredWhole:
    """All subjects have as many memories and as many tokens."""

    def __init__(
        self,
        places: Sequence[torch.Tensor],
        values: Sequence[Linear] | None,
        subjects: Sequence[AttendedKeys],
    ) -> None:
        self._places = places
        self._value_maps = values
        self._subjects = subjects
        self._count = len(subjects)
        self._values = torch.cat([part.values for subject in subjects for part in subject.parts])
        width = subjects[0].memories[0][1].layers[0].shape[1]
        self._keys = self._values.new_empty(len(self._values), width)

    def attend(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        places = self._places[layer]
        if in_blocks(queries.device):
            self._fill_each(layer, places)
        else:
            self._fill_all(layer, places)
        values = self._values if self._value_maps is None else self._value_maps[layer](self._values)
        return attend_batch(queries, self._by_subject(self._keys), self._by_subject(values))

    def _by_subject(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.view(self._count, -1, tokens.shape[-1])

    def _fill_each(self, layer: int, places: torch.Tensor) -> None:
        """Memory by memory, in one pass over it."""
        end = 0
        for subject in self._subjects:
            for place, memory in subject.memories:
                start, end = end, end + len(memory.values)
                torch.add(memory.layers[layer], places[place], out=self._keys[start:end])
            if subject.pointers is not None:
                start, end = end, end + len(subject.pointers.values)
                self._keys[start:end] = subject.pointers.layers[layer]

    def _fill_all(self, layer: int, places: torch.Tensor) -> None:
        """In as few operations for many subjects as for one: what each costs on a GPU is starting it."""
        keys = [part.layers[layer] for subject in self._subjects for part in subject.parts]
        torch.cat(keys, out=self._keys)
        chosen = [subject.places for subject in self._subjects]
        if len(set(chosen)) == 1:
            # Subjects that were prompted on the same pictures remember the same ones.
            chosen = chosen[:1]
        added = torch.stack([places[place] for each in chosen for place in each])
        memories = self._by_subject(self._keys)[:, : len(chosen[0]) * places.shape[1]]
        memories += added.view(len(chosen), -1, added.shape[-1])
