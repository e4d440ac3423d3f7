# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtimes there are, and which one is taken. Another one is a folder of its own and an entry here."""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from rotopoint.errors import PackageMissing, RuntimeMissing
from rotopoint.tracking.kernels import Kernels
from rotopoint.tracking.precision import Precision

if TYPE_CHECKING:
    from rotopoint.checkpoints import ResolvedCheckpoint
    from rotopoint.tracking.arrangement import Arrangement
    from rotopoint.tracking.runtime import Runtime

AUTO = "auto"

RUNTIME_VARIABLE = "ROTOPOINT_RUNTIME"
"""Environment variable that names one for who asks for none."""


class Backend(Protocol):
    """What a runtime's module offers, as functions; all take devices by the runtime's own names."""

    def available_devices(self) -> tuple[str, ...]:
        """What it can compute on here. Raises PackageMissing."""
        ...

    def usual_device(self, devices: tuple[str, ...]) -> str:
        """The best of these."""
        ...

    def choose_precision(self, device: str, asked: str | None = None) -> Precision:
        """The precision of a name of `PRECISION_NAMES`; None: what the environment asks for. Raises
        KernelsUnavailable."""
        ...

    def described(self, device: str) -> str:
        """What a device can do, in words for who asks why."""
        ...

    def load(
        self,
        checkpoint: ResolvedCheckpoint,
        device: str,
        threads: int | None,
        precision: Precision,
        arrangement: Arrangement | None,
    ) -> Runtime[Any, Any, Any]:
        """A checkpoint's model, ready to run. Raises CheckpointBroken and what `is_memory_short` knows."""
        ...

    def is_memory_short(self, error: BaseException) -> bool:
        """Whether an error says that a device, or the system, has too little memory."""
        ...

    def give_back(self) -> None:
        """Give back what is kept of devices' memory for later."""
        ...


@dataclass(frozen=True)
class Known:
    """`packages` are what it imports, `module` is its Backend, `precisions` those that it computes in."""

    packages: tuple[str, ...]
    module: str
    precisions: tuple[Precision, ...]

    @property
    def lacks(self) -> str | None:
        """The first package that is not installed; finding out imports nothing."""
        return next((name for name in self.packages if importlib.util.find_spec(name) is None), None)


_FLOATS = (Precision.FP32, Precision.BF16, Precision.FP16)

RUNTIMES = {
    "torch": Known(("torch", "sam2"), "rotopoint.tracking.sam2.backend", _FLOATS),
    "onnx": Known(
        ("onnxruntime",),
        "rotopoint.tracking.onnx.backend",
        (Precision.FP32, Precision.FP16, Precision.INT8),
    ),
}
"""The first that is installed is what `auto` takes."""

RUNTIME_NAMES = (AUTO, *RUNTIMES)

ALL_KERNELS = tuple(
    Kernels(name, precision) for name, known in RUNTIMES.items() for precision in known.precisions
)
"""Whatever may have made a track."""


def installed_runtimes() -> tuple[str, ...]:
    """Those whose packages are there."""
    return tuple(name for name, known in RUNTIMES.items() if known.lacks is None)


def choose_runtime(asked: str | None = None) -> str:
    """The runtime that a name of `RUNTIME_NAMES` means here; None: what the environment asks for.

    Raises RuntimeMissing for one by name that lacks a package, PackageMissing where none is installed.
    """
    name = os.environ.get(RUNTIME_VARIABLE, AUTO).lower() if asked is None else asked
    if name in RUNTIMES:
        lacks = RUNTIMES[name].lacks
        if lacks is not None:
            raise RuntimeMissing(name, lacks)
        return name
    installed = installed_runtimes()
    if not installed:
        raise PackageMissing("torch", "torch")
    return installed[0]


def backend_of(runtime: str) -> Backend:
    """Its module, which may take seconds to import. Raises PackageMissing."""
    return cast(Backend, importlib.import_module(RUNTIMES[runtime].module))
