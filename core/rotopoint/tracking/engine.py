# SPDX-License-Identifier: GPL-3.0-or-later
"""A model made ready to run: one engine serves any number of shots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotopoint.checkpoints import ResolvedCheckpoint, registry
from rotopoint.errors import DeviceMemoryShort, DeviceUnavailable, KernelsUnavailable, PackageMissing
from rotopoint.tracking.arrangement import Arrangement
from rotopoint.tracking.capability import Multiplies, capability_of
from rotopoint.tracking.precision import AUTO, Precision, asked_precision

if TYPE_CHECKING:
    from rotopoint.tracking.sam2.runtime import Sam2Runtime


@dataclass(frozen=True)
class Engine:
    """`device` is what torch calls it."""

    runtime: Sam2Runtime
    checkpoint: ResolvedCheckpoint
    device: str

    def memory_watched(self) -> AbstractContextManager[None]:
        """Inside, a device whose memory is too small is DeviceMemoryShort."""
        return _memory_watched(self.device, self.checkpoint)

    @property
    def identity(self) -> str:
        """Differs where the same pictures may give other numbers."""
        runtime = self.runtime
        return f"{self.checkpoint.identity} {self.device} {runtime.kernels.value} {runtime.arrangement}"


@contextmanager
def _memory_watched(device: str, checkpoint: ResolvedCheckpoint) -> Iterator[None]:
    from rotopoint.tracking.sam2.device_memory import is_memory_short

    try:
        yield
    except Exception as error:
        # A system that cannot map a file says so by an OSError.
        if not is_memory_short(error):
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
) -> Engine:
    """Build a checkpoint's model on a device and fill it.

    `device` is `auto` or what torch calls it; `threads` limits those of the CPU (None: torch's choice).
    `kernels` is as in `choose_precision`; `arrangement` None: the default.
    Raises PackageMissing, DeviceUnavailable, KernelsUnavailable, CheckpointBroken, DeviceMemoryShort.
    """
    # Torch takes seconds to import, and most commands do without it.
    from rotopoint.tracking.sam2.build import build_model
    from rotopoint.tracking.sam2.device_ready import make_ready
    from rotopoint.tracking.sam2.runtime import Sam2Runtime
    from rotopoint.tracking.sam2.weights import load_weights

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    chosen = choose_device(device)
    precision = choose_precision(chosen, kernels)
    make_ready(chosen)
    with _memory_watched(chosen, checkpoint):
        model = build_model(checkpoint.configuration)
        load_weights(model, checkpoint.path)
        calibration = checkpoint.configuration.calibration
        runtime = Sam2Runtime(model, chosen, precision, calibration, arrangement)
    return Engine(runtime, checkpoint, chosen)


def choose_device(device: str) -> str:
    """The device that a name means here: `auto` takes CUDA, without it Apple's GPU, else the CPU."""
    devices = available_devices()
    if device == "auto":
        return next(found for found in ("cuda", "mps", "cpu") if found in devices)
    if device not in devices:
        raise DeviceUnavailable(device, f"this machine has {', '.join(devices)}")
    return device


def choose_precision(device: str, asked: str | None = None) -> Precision:
    """The kernels that a name of `PRECISION_NAMES` means on a device; None: what the environment asks for.

    `auto` takes bfloat16 where the device multiplies it itself, and never float16, whose range a model's
    numbers may leave. Raises KernelsUnavailable for what is asked by name and cannot be computed there; what
    is only slow there is computed.
    """
    name = asked_precision() if asked is None else asked
    if name == Precision.FP32.value:
        return Precision.FP32
    able = capability_of(device)
    if name == AUTO:
        return Precision.BF16 if able.bf16 is Multiplies.ITSELF else Precision.FP32
    asked_for = Precision(name)
    if (able.fp16 if asked_for is Precision.FP16 else able.bf16) is Multiplies.NOT:
        raise KernelsUnavailable(name, device)
    return asked_for


def available_devices() -> tuple[str, ...]:
    """What torch can compute on here, by its own names."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise PackageMissing("torch", "torch") from error
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)
