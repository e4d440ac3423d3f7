# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker asks of its machine: its streams, its priority, what drivers promise."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import BinaryIO

NICENESS = 5

NVIDIA_DRIVERS = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1")


def set_streams_aside() -> tuple[BinaryIO, BinaryIO]:
    """What stdin and stdout were, for the protocol alone.

    From here on file descriptor 0 is empty and 1 goes to stderr, so that no library and no child
    process can read from the protocol or write into it.
    """
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (incoming, outgoing):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def brought_libraries(folder: Path) -> list[Path]:
    """The C++ library of Windows in a folder of wheels, in the order in which its parts are loaded."""
    return [
        file
        for name in ("msvcp140.dll", "msvcp140_1.dll")
        for file in sorted(folder.glob(f"msvc_runtime-*.data/data/{name}"))[-1:]
    ]


def load_brought_libraries() -> None:
    """On Windows: load the C++ library that lies beside this package, where one does.

    Windows takes what is loaded under a name for all who ask for it. ONNX Runtime ends its process where that
    is older than its compiler, as the one of Blender or of an old machine may be.
    """
    if sys.platform == "win32":
        import ctypes

        for file in brought_libraries(Path(__file__).parents[2]):
            ctypes.WinDLL(str(file))


def lower_priority() -> None:
    """Run below what the user works with."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        below_normal = 0x4000
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.SetPriorityClass.argtypes = (wintypes.HANDLE, wintypes.DWORD)
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        os.nice(NICENESS)


def promised_devices() -> tuple[str, ...]:
    """What drivers promise, told at once; `tracking.engine.available_devices` asks torch, after seconds."""
    devices = ["cpu"]
    if platform.system() == "Windows":
        drivers = [Path(os.environ.get("SystemRoot", "C:/Windows")) / "System32" / "nvcuda.dll"]
    else:
        drivers = [Path(driver) for driver in NVIDIA_DRIVERS]
    if any(driver.exists() for driver in drivers):
        devices.append("cuda")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        devices.append("mps")
    return tuple(devices)
