# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed on a machine, and what would be used: for a person who asks why."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rotopoint import __version__, checkpoints
from rotopoint.cores import default_threads
from rotopoint.errors import KernelsUnavailable, RotopointError
from rotopoint.messages import explain
from rotopoint.store import TrackStore
from rotopoint.store.folder import default_store_folder
from rotopoint.tracking.engine import choose_device
from rotopoint.tracking.limits import VARIABLES, asked_limits
from rotopoint.tracking.precision import KERNELS_VARIABLE
from rotopoint.tracking.runtimes import (
    RUNTIME_VARIABLE,
    Backend,
    backend_of,
    choose_runtime,
    installed_runtimes,
)

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "av",
    "OpenEXR",
    "torch",
    "RF-SAM-2",
    "onnxruntime",
    "safetensors",
)


@dataclass(frozen=True)
class Finding:
    name: str
    value: str


def findings() -> Iterator[Finding]:
    """Never raises a RotopointError: what is missing is a finding."""
    yield Finding("rotopoint", __version__)
    yield Finding("python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("system", platform.platform())
    for package in PACKAGES:
        yield Finding(package, _version(package))
    yield Finding("threads", str(default_threads()))
    yield Finding("kept at most", _limits())
    yield from _runtimes()
    for checkpoint in checkpoints.registry():
        here = checkpoints.locate(checkpoint).is_file()
        yield Finding(checkpoint.name, str(checkpoints.locate(checkpoint)) if here else "not downloaded")
    store = TrackStore(default_store_folder())
    yield Finding("store", f"{store.size() / 1e6:.1f} MB in {store.folder}")


def _runtimes() -> Iterator[Finding]:
    """What computes, by each runtime that is installed; the one that is taken first."""
    try:
        chosen = choose_runtime()
    except RotopointError as error:
        yield Finding("runtime", explain(error))
        return
    others = [name for name in installed_runtimes() if name != chosen]
    yield Finding("runtime", f"{chosen}; {RUNTIME_VARIABLE} or --runtime take others")
    for name in (chosen, *others):
        of = "" if name == chosen else f"{name} "
        try:
            backend = backend_of(name)
            yield Finding(f"{of}devices", ", ".join(backend.available_devices()))
            device = choose_device("auto", name)
            yield Finding(f"{of}used", device)
            yield Finding(f"{of}multiplies", backend.described(device))
            yield Finding(f"{of}kernels", _kernels(backend, device))
        except RotopointError as error:
            yield Finding(f"{of}devices", explain(error))


def _limits() -> str:
    """What the worker keeps of pictures."""
    try:
        variables = ", ".join(VARIABLES.values())
        return f"{asked_limits(os.environ)}; {variables} or --cache-... set others"
    except RotopointError as error:
        return explain(error)


def _kernels(backend: Backend, device: str) -> str:
    try:
        return f"{backend.choose_precision(device).value}; {KERNELS_VARIABLE} or --kernels force others"
    except KernelsUnavailable as error:
        return explain(error)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
