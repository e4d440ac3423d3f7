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

from rotopoint.tracking.sam2.layers import Linear, attend_batch
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

    @property
    def nbytes(self) -> int:
        also = () if self.placed is None else (self.placed,)
        return sum(tensor.nbytes for tensor in (*self.layers, self.values, *also))


@dataclass(frozen=True)
class AttendedKeys:
    """What a subject's picture is fused with: memories, each with its place in the bank, and pointers."""

    memories: Sequence[tuple[int, MemoryKeys]]
    pointers: MemoryKeys | None


class Gathered(Protocol):
    """Keys and values of a batch of subjects, ready to be looked at layer by layer."""

    def attend(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        """(B, n, C), scaled and rotated, give (B, n, M). Layers are asked for in order."""


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
    """Keys with all of their channels, for any device and precision."""

    def __init__(self, maps: KeyMaps, dtype: torch.dtype) -> None:
        exact, tokens = Rotation(maps.table, torch.float32), len(maps.table)
        self._rotate = Rotation(maps.table, dtype)
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
        return _GatheredWhole(self.places, subjects)


class _GatheredWhole:
    """All subjects have as many tokens."""

    def __init__(self, places: Sequence[torch.Tensor], subjects: Sequence[AttendedKeys]) -> None:
        self._places = places
        self._subjects = subjects
        self._values = torch.stack([_values(subject) for subject in subjects])
        width = subjects[0].memories[0][1].layers[0].shape[1]
        self._keys = self._values.new_empty(*self._values.shape[:2], width)

    def attend(self, layer: int, queries: torch.Tensor) -> torch.Tensor:
        for keys, subject in zip(self._keys, self._subjects, strict=True):
            end = 0
            for place, memory in subject.memories:
                start, end = end, end + len(memory.values)
                torch.add(memory.layers[layer], self._places[layer][place], out=keys[start:end])
            if subject.pointers is not None:
                keys[end:] = subject.pointers.layers[layer]
        return attend_batch(queries, self._keys, self._values)


def _values(subject: AttendedKeys) -> torch.Tensor:
    also = [] if subject.pointers is None else [subject.pointers.values]
    return torch.cat([memory.values for _, memory in subject.memories] + also)
