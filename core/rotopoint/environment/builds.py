# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build of torch suits a machine, where it comes from and how much that is."""

from __future__ import annotations

from dataclasses import dataclass

from rotopoint.environment.machine import Machine, NvidiaCard
from rotopoint.errors import BuildUnavailable

TORCH_INDEX = "https://download.pytorch.org/whl"
"""PyTorch's own package index, with a folder for each kind of build.

All that are named below have torch 2.13.0: https://github.com/pytorch/pytorch/issues/190355 lists CUDA 12.6
and 13.0 from 2.12 to 2.14, and release notes of 2.13 name `torch==2.13.0+rocm7.2`. CUDA 12.6, and with it
cards older than Turing, ends with 2.15 (https://github.com/pytorch/pytorch/issues/190385).
"""


@dataclass(frozen=True)
class Build:
    """A kind of build of torch. `folder` is that of `TORCH_INDEX`; None: what the usual package index has.

    `download` and `installed`: about so many MB of packages as they come, and as they lie on the disk.
    """

    name: str
    label: str
    folder: str | None
    download: int
    installed: int


CPU = Build("cpu", "CPU", "cpu", 410, 1400)
METAL = Build("metal", "Metal (Apple silicon)", None, 270, 900)
CUDA_13 = Build("cuda13", "CUDA 13 (NVIDIA)", "cu130", 3200, 6500)
CUDA_12 = Build("cuda12", "CUDA 12.6 (older cards and drivers of NVIDIA)", "cu126", 3000, 6000)
ROCM = Build("rocm", "ROCm (AMD)", "rocm7.2", 5500, 16000)

BUILDS = {build.name: build for build in (CPU, METAL, CUDA_13, CUDA_12, ROCM)}


@dataclass(frozen=True)
class Cuda:
    """A build of CUDA runs with a driver (major version, on Linux and on Windows) and on cards of these
    compute capabilities, both ends included."""

    build: Build
    driver: int
    driver_of_windows: int
    least: tuple[int, int]
    most: tuple[int, int]


CUDAS = (
    Cuda(CUDA_13, 580, 580, (7, 5), (99, 9)),
    Cuda(CUDA_12, 525, 528, (5, 0), (9, 0)),
)
"""The best first. Drivers: 580 for CUDA 13.x and 525 for 12.x, by
https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, and 528.33 for 12.x on
Windows, by the release notes of the toolkit. Capabilities: 7.5 to 12.0 in PyTorch's builds for CUDA 13.0, 5.0
to 9.0 in those for 12.6, by the matrix in its RELEASE.md.
"""


@dataclass(frozen=True)
class Choice:
    """A build for a machine, and why it is that one, in words."""

    build: Build
    reason: str


def choose_build(machine: Machine) -> Choice:
    """The best build that runs on a machine. Raises BuildUnavailable where none does."""
    match machine.system, machine.processor:
        case "Darwin", "arm64":
            return Choice(METAL, "Apple silicon")
        case "Darwin", _:
            raise BuildUnavailable("torch", "torch is no longer built for Macs with Intel processors")
        case "Linux" | "Windows", "x86_64":
            pass
        case "Linux", "arm64":
            return Choice(CPU, "a processor of Arm's")
        case system, processor:
            raise BuildUnavailable("torch", f"not all of its packages are built for {system} on {processor}")
    if machine.nvidia is not None:
        return _for_nvidia(machine.nvidia, windows=machine.system == "Windows")
    if machine.amd and machine.system == "Linux":
        return Choice(ROCM, "AMD's driver for computing is loaded")
    return Choice(CPU, "no NVIDIA driver answers")


def _for_nvidia(card: NvidiaCard, *, windows: bool) -> Choice:
    version = ".".join(map(str, card.driver))
    capability = card.capability
    suiting = [] if capability is None else [c for c in CUDAS if c.least <= capability <= c.most]
    for cuda in suiting:
        if card.driver[0] >= (cuda.driver_of_windows if windows else cuda.driver):
            return Choice(cuda.build, f"{card.name}, driver {version}")
    if capability is not None and not suiting:
        return Choice(CPU, f"{card.name} is too old for torch")
    least = min((c.driver_of_windows if windows else c.driver for c in suiting or CUDAS), default=0)
    return Choice(CPU, f"{card.name} has driver {version}; with {least} or newer its build can be taken")


def build_named(name: str, machine: Machine) -> Choice:
    """The build of a name, or of `auto` the one for the machine. Raises BuildUnavailable."""
    if name == "auto":
        return choose_build(machine)
    if name not in BUILDS:
        raise BuildUnavailable(name, f"known are auto, {', '.join(BUILDS)}")
    if (name == METAL.name) != (machine.system == "Darwin"):
        raise BuildUnavailable(name, f"it is not for {machine.system}")
    if name == ROCM.name and machine.system != "Linux":
        raise BuildUnavailable(name, f"it is not for {machine.system}")
    return Choice(BUILDS[name], "as chosen")
