# SPDX-License-Identifier: GPL-3.0-or-later
"""A device whose memory is short when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

SAID = "CUDA out of memory. Tried to allocate 2.00 MiB."


class ShortMemory(TorchDispatchMode):
    """Inside, `error` is raised in place of each of torch's operations for which `refuses` is true of its
    number, from 0; those of other threads are left alone."""

    def __init__(
        self,
        refuses: Callable[[int], bool],
        error: Callable[[], Exception] = lambda: torch.OutOfMemoryError(SAID),
    ) -> None:
        super().__init__()
        self.calls = 0
        self._refuses, self._error = refuses, error

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        number, self.calls = self.calls, self.calls + 1
        if self._refuses(number):
            raise self._error()
        return operation(*args, **(kwargs or {}))


@contextmanager
def nearly_full(device: torch.device, spare: int) -> Iterator[None]:
    """Inside, the device has `spare` bytes beside what is on it already; on the CPU it has none for whatever
    is as large as that."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + spare) / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    with _NothingLarge(spare):
        yield


class _NothingLarge(TorchDispatchMode):
    def __init__(self, spare: int) -> None:
        super().__init__()
        self._spare = spare

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = operation(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.nbytes > self._spare:
            raise torch.OutOfMemoryError(SAID)
        return made
