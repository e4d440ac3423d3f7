# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to a device, comes back or is kept, so that the host waits for it once a picture: for the answer.

A CUDA device copies by itself from and into memory that stays where it is ("pinned"); with any other memory
the host waits until all that was asked before is done.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rotopoint.tracking.runtime import HostCopy


def to_device(array: npt.NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """An array on a device, in its own type."""
    # Torch takes no arrays that are for reading alone.
    tensor = torch.from_numpy(np.require(array, requirements=("C", "W")))
    return tensor.pin_memory().to(device, non_blocking=True) if _pins(device) else tensor.to(device)


def from_device(tensor: torch.Tensor, meanwhile: Callable[[], None] | None = None) -> npt.NDArray[np.generic]:
    """A tensor as an array. A device that works by itself copies it, and is given `meanwhile` to do after
    that, before the copy is waited for; elsewhere `meanwhile` is not called."""
    if not _pins(tensor.device):
        host: npt.NDArray[np.generic] = tensor.cpu().numpy()
        return host
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    there.copy_(tensor, non_blocking=True)
    copied = torch.cuda.current_stream(tensor.device).record_event()
    if meanwhile is not None:
        meanwhile()
    copied.synchronize()
    array: npt.NDArray[np.generic] = there.numpy()
    return array


def normalized(pixels: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """A picture (h, w, 3) uint8 as (3, h, w) float32: what `table` (3, 256) has for each value. The same to
    the bit on any device, as arithmetic would not be."""
    height, width, _ = pixels.shape
    values = pixels.permute(2, 0, 1).reshape(3, -1).long()
    return table.gather(1, values).view(3, height, width)


@dataclass(frozen=True)
class HostTensors:
    """In the host's memory; pinned for a GPU, which copies from and to there while the program goes on."""

    tensors: tuple[torch.Tensor, ...]

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for t in self.tensors)

    @staticmethod
    def of(*tensors: torch.Tensor) -> HostTensors:
        return HostTensors(tuple(_on_host(t) for t in tensors))


def packed(*tensors: torch.Tensor) -> bytes:
    """Tensors of any device as `tensors_from` reads them."""
    buffer = io.BytesIO()
    torch.save([t.cpu() for t in tensors], buffer)
    return buffer.getvalue()


def tensors_from(kept: bytes | HostCopy, device: torch.device) -> list[torch.Tensor]:
    """What `packed` or `HostTensors.of` has kept, on a device."""
    if isinstance(kept, HostTensors):
        return [t.to(device, non_blocking=True) for t in kept.tensors]
    assert isinstance(kept, bytes), "what another runtime has made"
    tensors: list[torch.Tensor] = torch.load(io.BytesIO(kept), map_location=device, weights_only=True)
    return tensors


def _on_host(tensor: torch.Tensor) -> torch.Tensor:
    if not _pins(tensor.device):
        return tensor.cpu()
    try:
        into = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    except RuntimeError:
        # A system may let no more of its memory be pinned.
        return tensor.cpu()
    # Whatever uses it is put behind this on the same stream.
    return into.copy_(tensor, non_blocking=True)


def _pins(device: torch.device) -> bool:
    return device.type == "cuda"
