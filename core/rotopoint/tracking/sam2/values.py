# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runtime on torch holds between calls, and as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from rotopoint.tracking.appearance import Appearance
from rotopoint.tracking.sam2.memory_keys import MemoryKeys
from rotopoint.tracking.sam2.transfer import HostTensors, packed


@dataclass(frozen=True)
class Sam2Features:
    """`top` is (1, C, h, w); `high_resolution` are the decoder's finer maps, strides 4 and 8; `begun`
    (h * w, C) is memory attention up to its first look at memories. All in the kernels' precision."""

    top: torch.Tensor
    high_resolution: tuple[torch.Tensor, ...]
    begun: torch.Tensor

    @property
    def places(self) -> torch.Tensor:
        """`top` as (h * w, C) float32."""
        return self.top[0].flatten(1).t().float()

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for t in (self.top, self.begun, *self.high_resolution))

    @property
    def on_host(self) -> bool:
        return self.top.device.type == "cpu"

    def to_bytes(self) -> bytes:
        return packed(self.top, self.begun, *self.high_resolution)

    def host_copy(self) -> HostTensors:
        return HostTensors.of(self.top, self.begun, *self.high_resolution)


@dataclass(frozen=True)
class Sam2Conditioned:
    """`places` is (h * w, C) float32; `starts` where no memory went in. `likeness` (1, 4h, 4w) is what is
    added to logits of a picture without prompts, for what the subject looks like."""

    features: Sam2Features
    places: torch.Tensor
    starts: bool
    likeness: torch.Tensor | None = None


@dataclass(eq=False)
class HeldKeys:
    """None where memory was short: they follow from the memory."""

    keys: MemoryKeys | None = None


@dataclass(frozen=True, eq=False)
class Sam2Memory:
    """`spatial` (1, M, h, w) bfloat16: what upstream keeps of a frame, and keys that follow from it, in many
    times as many bytes; what a prompted one shows of the subject's appearance, in the host's memory."""

    spatial: torch.Tensor
    held: HeldKeys = field(default_factory=HeldKeys)
    appearance: Appearance | None = None

    @property
    def nbytes(self) -> int:
        keys, learned = self.held.keys, self.appearance
        kept = self.spatial.nbytes + (0 if learned is None else learned.sums.nbytes)
        return kept + (0 if keys is None else keys.nbytes)

    @property
    def on_host(self) -> bool:
        return self.spatial.device.type == "cpu"

    def to_bytes(self) -> bytes:
        return packed(*self._tensors)

    def host_copy(self) -> HostTensors:
        return HostTensors.of(*self._tensors)

    @property
    def _tensors(self) -> tuple[torch.Tensor, ...]:
        learned = self.appearance
        return (self.spatial,) if learned is None else (self.spatial, torch.from_numpy(learned.sums))
