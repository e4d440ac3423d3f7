# SPDX-License-Identifier: GPL-3.0-or-later
"""A model made ready to run: one engine serves any number of shots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from rotopoint.checkpoints import ResolvedCheckpoint, registry
from rotopoint.errors import DeviceMemoryShort, DeviceUnavailable
from rotopoint.tracking.arrangement import Arrangement
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.runtime import Runtime
from rotopoint.tracking.runtimes import Backend, backend_of, choose_runtime


@dataclass(frozen=True)
class Engine:
    """`device` is what the runtime calls it, `backend` what the runtime comes from."""

    runtime: Runtime[Any, Any, Any]
    checkpoint: ResolvedCheckpoint
    device: str
    backend: Backend

    def memory_watched(self) -> AbstractContextManager[None]:
        """Inside, a device whose memory is too small is DeviceMemoryShort."""
        return _memory_watched(self.backend, self.device, self.checkpoint)

    @property
    def identity(self) -> str:
        """Differs where the same pictures may give other numbers."""
        return f"{self.checkpoint.identity} {self.device} {self.runtime.identity}"


@contextmanager
def _memory_watched(backend: Backend, device: str, checkpoint: ResolvedCheckpoint) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # A system that cannot map a file says so by an OSError.
        if not backend.is_memory_short(error):
            raise
        raise DeviceMemoryShort(device, checkpoint.name, _smaller(checkpoint)) from error


def _smaller(checkpoint: ResolvedCheckpoint) -> str | None:
    """The largest registered checkpoint that is smaller than this one."""
    sizes = {known.name: known.parameters for known in registry()}
    mine = sizes.get(checkpoint.name, max(sizes.values()))
    below = {name: size for name, size in sizes.items() if size < mine}
    return max(below, key=lambda name: below[name], default=None)


def load_engine(
    checkpoint: ResolvedCheckpoint,
    device: str = "auto",
    threads: int | None = None,
    kernels: str | None = None,
    arrangement: Arrangement | None = None,
    runtime: str | None = None,
) -> Engine:
    """Build a checkpoint's model on a device and fill it.

    `device` is `auto` or what the runtime calls it; `threads` limits those of the CPU (None: the runtime's
    choice). `kernels` is as in `choose_precision`, `runtime` as in `choose_runtime`; `arrangement` None: the
    default. Raises PackageMissing, RuntimeMissing, DeviceUnavailable, KernelsUnavailable, CheckpointBroken,
    GraphsMissing, DeviceMemoryShort.
    """
    # Torch takes seconds to import, and most commands do without it.
    backend = backend_of(choose_runtime(runtime))
    chosen = _device_of(backend, device)
    precision = backend.choose_precision(chosen, kernels)
    with _memory_watched(backend, chosen, checkpoint):
        loaded = backend.load(checkpoint, chosen, threads, precision, arrangement)
    return Engine(loaded, checkpoint, chosen, backend)


def choose_device(device: str, runtime: str | None = None) -> str:
    """The device that a name means here: `auto` takes a GPU that is there, else the CPU.

    Raises PackageMissing, RuntimeMissing, DeviceUnavailable.
    """
    return _device_of(backend_of(choose_runtime(runtime)), device)


def _device_of(backend: Backend, device: str) -> str:
    devices = backend.available_devices()
    if device == "auto":
        return backend.usual_device(devices)
    if device not in devices:
        raise DeviceUnavailable(device, f"this machine has {', '.join(devices)}")
    return device


def choose_precision(device: str, asked: str | None = None, runtime: str | None = None) -> Precision:
    """See `Backend.choose_precision`."""
    return backend_of(choose_runtime(runtime)).choose_precision(device, asked)


def available_devices(runtime: str | None = None) -> tuple[str, ...]:
    """What can compute here, by the runtime's own names. Raises PackageMissing, RuntimeMissing."""
    return backend_of(choose_runtime(runtime)).available_devices()
