# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runtime on ONNX Runtime holds between calls, and as bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rotopoint.tracking.appearance import Appearance
from rotopoint.tracking.onnx.graph import Value
from rotopoint.tracking.runtime import HostCopy


def pack(*arrays: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    for array in arrays:
        np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes) -> list[npt.NDArray[np.generic]]:
    buffer, found = io.BytesIO(content), []
    while buffer.tell() < len(content):
        found.append(np.load(buffer, allow_pickle=False))
    return found


@dataclass(frozen=True)
class HostArrays:
    """In the host's memory."""

    arrays: tuple[npt.NDArray[np.generic], ...]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)


@dataclass(frozen=True, eq=False)
class OnnxFeatures:
    """Of a picture, float32: its maps (1, c, 4h, 4w), (1, c, 2h, 2w) and `top` (1, C, h, w), and `begun`
    (1, h * w, C), which memory attention goes on from."""

    finest: Value
    fine: Value
    top: Value
    begun: Value

    @property
    def values(self) -> tuple[Value, ...]:
        return self.finest, self.fine, self.top, self.begun

    @property
    def nbytes(self) -> int:
        return sum(4 * int(np.prod(value.shape())) for value in self.values)

    @property
    def on_host(self) -> bool:
        return bool(self.top.device_name() == "cpu")

    def to_bytes(self) -> bytes:
        return pack(*(value.numpy() for value in self.values))

    def host_copy(self) -> HostArrays:
        return HostArrays(tuple(np.array(value.numpy()) for value in self.values))


@dataclass(frozen=True, eq=False)
class OnnxConditioned:
    """`places` (1, h * w, C) are a picture's features, fused with memories; `starts` where there are none.
    `likeness` (4h, 4w) is what is added to logits of a picture without prompts, for what the subject looks
    like."""

    features: OnnxFeatures
    places: Value
    starts: bool
    likeness: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class OnnxMemory:
    """`upper` (1, M, h, w): the upper halves of float32, which is bfloat16, what upstream keeps of a frame;
    and what a prompted one shows of the subject's appearance."""

    upper: npt.NDArray[np.uint16]
    appearance: Appearance | None = None

    @staticmethod
    def of(spatial: npt.NDArray[np.float32], appearance: Appearance | None = None) -> OnnxMemory:
        """Rounded to the nearest, and to the even one of two."""
        bits = spatial.view(np.uint32)
        rounded = ((bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16).astype(np.uint16)
        return OnnxMemory(rounded, appearance)

    @staticmethod
    def from_kept(kept: bytes | HostCopy) -> OnnxMemory:
        upper, *learned = arrays_of(kept)
        appearance = Appearance(np.asarray(learned[0], np.float32)) if learned else None
        return OnnxMemory(np.asarray(upper, np.uint16), appearance)

    @property
    def spatial(self) -> npt.NDArray[np.float32]:
        return (self.upper.astype(np.uint32) << 16).view(np.float32)

    @property
    def nbytes(self) -> int:
        return self.host_copy().nbytes

    @property
    def on_host(self) -> bool:
        return True

    def to_bytes(self) -> bytes:
        return pack(*self.host_copy().arrays)

    def host_copy(self) -> HostArrays:
        learned = self.appearance
        return HostArrays((self.upper,) if learned is None else (self.upper, learned.sums))


def arrays_of(kept: bytes | HostCopy) -> list[npt.NDArray[np.generic]]:
    """What was kept, from bytes or from the host's memory."""
    if isinstance(kept, bytes):
        return unpack(kept)
    assert isinstance(kept, HostArrays)
    return list(kept.arrays)
