# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with checkpoints, devices and models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.errors.base import InputError, RotopointError


@dataclass(eq=False)
class CheckpointUnknown(InputError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class CheckpointMissing(InputError):
    """A registered checkpoint that was not downloaded yet."""

    name: str
    path: Path


@dataclass(eq=False)
class CheckpointBroken(InputError):
    path: Path
    reason: str


@dataclass(eq=False)
class DownloadFailed(RotopointError):
    address: str
    reason: str


@dataclass(eq=False)
class DeviceUnavailable(InputError):
    device: str
    reason: str


@dataclass(eq=False)
class DeviceMemoryShort(RotopointError):
    """Also without anything kept; `smaller` is the next smaller checkpoint by name, if there is one."""

    device: str
    checkpoint: str
    smaller: str | None


@dataclass(eq=False)
class PolicyUnknown(InputError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class PackageMissing(RotopointError):
    """An optional dependency is needed; `extra` names what to install."""

    package: str
    extra: str


@dataclass(eq=False)
class KernelsUnavailable(InputError):
    """`kernels` is the name of a precision that `device` does not compute in."""

    kernels: str
    device: str


@dataclass(eq=False)
class ModelInUse(RotopointError):
    """A click asks for `checkpoint` while a track under way works with `tracking`; there is room for one."""

    checkpoint: str
    tracking: str


@dataclass(eq=False)
class KernelsOverflow(RotopointError):
    """A model's numbers left the range of `kernels`, the name of a precision."""

    kernels: str


@dataclass(eq=False)
class GraphsMissing(InputError):
    """ONNX Runtime has no graphs of these weights in `folder`; `kernels` is the name of their precision."""

    checkpoint: str
    folder: Path
    kernels: str


@dataclass(eq=False)
class GraphsDiffer(RotopointError):
    """`error` is how far a graph's output is from torch's, in parts of the largest."""

    checkpoint: str
    graph: str
    error: float


@dataclass(eq=False)
class RuntimeMissing(InputError):
    """`name` is the runtime that was asked for, `package` what it lacks."""

    name: str
    package: str


@dataclass(eq=False)
class BuildUnavailable(InputError):
    """A build of torch that this machine cannot have, or that nobody knows."""

    build: str
    reason: str


@dataclass(eq=False)
class PythonUnusable(InputError):
    """An interpreter that the engine's packages cannot be installed for."""

    python: str
    reason: str


@dataclass(eq=False)
class EnvironmentBusy(RotopointError):
    """Another process is making the engine's environment in a folder."""

    folder: Path


@dataclass(eq=False)
class PackagesNotInstalled(RotopointError):
    """`reason` is what the installer said last."""

    reason: str


@dataclass(eq=False)
class EnvironmentBroken(RotopointError):
    """The engine's packages are all there, but it does not run with them."""

    reason: str
