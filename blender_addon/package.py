# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine runs on: what the extension brings, or an interpreter that is shown `rotopoint` alone."""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

import bpy

import rotopoint
from rotopoint.errors import OutputUnwritable

from .faults import EngineNotSet

BROUGHT = ("onnxruntime", "av", "cv2", "OpenEXR", "filelock", "platformdirs")
"""What the engine imports beside NumPy, where the extension brings it."""


def brought_engine(folder: Path | None = None) -> Path | None:
    """The folder of wheels that holds `rotopoint`, where all is there that its engine imports; else None.

    `folder`: another one than that of this `rotopoint`.
    """
    folder = folder or Path(rotopoint.__file__).parents[1]
    there = all(PathFinder.find_spec(name, [str(folder)]) is not None for name in BROUGHT)
    return folder if there else None


def blenders_python() -> list[str]:
    """The command of Blender's own Python, which leaves alone what the user has installed for another.

    Raises EngineNotSet.
    """
    # A Blender that was built without one names itself.
    if not Path(sys.executable or "").name.lower().startswith("python"):
        raise EngineNotSet("this Blender has no Python of its own: name one in Rotopoint's preferences")
    return [sys.executable, "-s"]


def user_folder(name: str, *, create: bool) -> Path | None:
    """A folder of the user's that stays where the extension is updated; None where the add-on is not
    installed as an extension."""
    try:
        return Path(bpy.utils.extension_path_user(__package__, path=name, create=create))
    except ValueError:
        return None


def kept_folder(name: str) -> Path:
    """The same, and where the add-on is no extension one that goes with Blender."""
    return user_folder(name, create=True) or Path(bpy.app.tempdir) / "rotopoint" / name


def package_folder() -> Path:
    """A folder with the add-on's own `rotopoint` alone. Raises OutputUnwritable.

    Blender installs the wheels of all extensions into one folder. Compiled for Blender's Python, they must
    not come before those of the engine's.
    """
    package = Path(rotopoint.__file__).parent
    if all(entry.name.startswith(("rotopoint", "__pycache__")) for entry in package.parent.iterdir()):
        return package.parent
    folder = user_folder("engine", create=True)
    # Where it is not installed as an extension, whoever laid the package there meant it so.
    return package.parent if folder is None else copied(package, folder)


def copied(package: Path, folder: Path) -> Path:
    """A folder in `folder` with a copy of `package`, made once for each state of it; older ones go.

    Raises OutputUnwritable.
    """
    changed = (package / "__init__.py").stat().st_mtime_ns
    target = folder / f"{rotopoint.__version__}-{changed:x}"
    if target.is_dir():
        return target
    try:
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            whole = Path(unfinished) / "whole"
            shutil.copytree(package, whole / package.name, ignore=shutil.ignore_patterns("__pycache__"))
            whole.rename(target)
        for other in folder.iterdir():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        raise OutputUnwritable(folder, error.strerror or str(error)) from error
    return target
