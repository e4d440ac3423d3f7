# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of `rotopoint` that the engine's interpreter is shown, and nothing else beside it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import bpy

import rotopoint
from rotopoint.errors import OutputUnwritable


def package_folder() -> Path:
    """A folder with the add-on's own `rotopoint` alone. Raises OutputUnwritable.

    Blender installs the wheels of all extensions into one folder. Compiled for Blender's Python, they must
    not come before those of the engine's.
    """
    package = Path(rotopoint.__file__).parent
    if all(entry.name.startswith(("rotopoint", "__pycache__")) for entry in package.parent.iterdir()):
        return package.parent
    try:
        folder = Path(bpy.utils.extension_path_user(__package__, path="engine", create=True))
    except ValueError:
        # Not installed as an extension: whoever laid the package there meant it so.
        return package.parent
    return copied(package, folder)


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
