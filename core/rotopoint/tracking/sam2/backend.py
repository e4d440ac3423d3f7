# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 on torch, as `runtimes.Backend`."""

from __future__ import annotations

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.errors import KernelsUnavailable, PackageMissing
from rotopoint.tracking.arrangement import Arrangement
from rotopoint.tracking.capability import Multiplies, capability_of
from rotopoint.tracking.precision import AUTO, Precision, asked_precision

try:
    import torch
except ModuleNotFoundError as error:
    raise PackageMissing("torch", "torch") from error

from rotopoint.tracking.sam2.build import build_model  # noqa: E402
from rotopoint.tracking.sam2.device_memory import give_back, is_memory_short  # noqa: E402
from rotopoint.tracking.sam2.device_ready import make_ready  # noqa: E402
from rotopoint.tracking.sam2.runtime import Sam2Runtime  # noqa: E402
from rotopoint.tracking.sam2.weights import load_weights  # noqa: E402

__all__ = [
    "available_devices",
    "choose_precision",
    "described",
    "give_back",
    "is_memory_short",
    "load",
    "usual_device",
]


def available_devices() -> tuple[str, ...]:
    """What torch can compute on here, by its own names."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def usual_device(devices: tuple[str, ...]) -> str:
    """CUDA, without it Apple's GPU, else the CPU."""
    return next(found for found in ("cuda", "mps", "cpu") if found in devices)


def choose_precision(device: str, asked: str | None = None) -> Precision:
    """As in `Backend`. `auto` takes bfloat16 where the device multiplies it itself, and never float16, whose
    range a model's numbers may leave. What is only slow there is computed where it is asked by name."""
    name = asked_precision() if asked is None else asked
    if name == Precision.FP32.value:
        return Precision.FP32
    able = capability_of(device)
    if name == AUTO:
        return Precision.BF16 if able.bf16 is Multiplies.ITSELF else Precision.FP32
    asked_for = Precision(name)
    if asked_for is Precision.INT8:
        raise KernelsUnavailable(name, device)
    if (able.fp16 if asked_for is Precision.FP16 else able.bf16) is Multiplies.NOT:
        raise KernelsUnavailable(name, device)
    return asked_for


def described(device: str) -> str:
    return str(capability_of(device))


def load(
    checkpoint: ResolvedCheckpoint,
    device: str,
    threads: int | None,
    precision: Precision,
    arrangement: Arrangement | None,
) -> Sam2Runtime:
    """As in `Backend`; `threads` None: torch's choice."""
    if threads is not None:
        torch.set_num_threads(threads)
    make_ready(device)
    model = build_model(checkpoint.configuration)
    load_weights(model, checkpoint.path)
    return Sam2Runtime(model, device, precision, checkpoint.configuration.calibration, arrangement)
