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
from rotopoint.tracking.capability import capability_of
from rotopoint.tracking.engine import available_devices, choose_device, choose_precision
from rotopoint.tracking.limits import VARIABLES, asked_limits
from rotopoint.tracking.precision import KERNELS_VARIABLE

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "av",
    "OpenEXR",
    "PyMatting",
    "torch",
    "RF-SAM-2",
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
    try:
        yield Finding("devices", ", ".join(available_devices()))
        device = choose_device("auto")
        yield Finding("used", device)
        yield Finding("multiplies", str(capability_of(device)))
        yield Finding("kernels", _kernels(device))
    except RotopointError as error:
        yield Finding("devices", explain(error))
    for checkpoint in checkpoints.registry():
        here = checkpoints.locate(checkpoint).is_file()
        yield Finding(checkpoint.name, str(checkpoints.locate(checkpoint)) if here else "not downloaded")
    store = TrackStore(default_store_folder())
    yield Finding("store", f"{store.size() / 1e6:.1f} MB in {store.folder}")


def _limits() -> str:
    """What the worker keeps of pictures."""
    try:
        variables = ", ".join(VARIABLES.values())
        return f"{asked_limits(os.environ)}; {variables} or --cache-... set others"
    except RotopointError as error:
        return explain(error)


def _kernels(device: str) -> str:
    try:
        return f"{choose_precision(device).value}; {KERNELS_VARIABLE} or --kernels force others"
    except KernelsUnavailable as error:
        return explain(error)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
