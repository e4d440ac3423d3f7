# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaches the modules of the `sam2` package without running its `__init__`, which starts Hydra."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from rotopoint.errors import PackageMissing

_NAME = "sam2"

_INSTALLED_AS = "RF-SAM-2"


@contextmanager
def modules_alone() -> Iterator[None]:
    """Inside, `from sam2.modeling... import ...` runs no `sam2/__init__.py`.

    That file sets Hydra's global state for the whole process and fails where Hydra is not installed;
    the modules themselves need neither. The bare parent module leaves `sys.modules` at the end, so that
    whoever imports `sam2` itself later still gets the package as its authors meant it. If the package
    was imported before, this does nothing.

    Raises PackageMissing, also where a module that the package needs is not installed.
    """
    if _NAME in sys.modules:
        yield
        return
    bare = importlib.util.module_from_spec(_specification())
    sys.modules[_NAME] = bare
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or _NAME
        raise PackageMissing(_INSTALLED_AS if missing.split(".")[0] == _NAME else missing, "torch") from error
    finally:
        if sys.modules.get(_NAME) is bare:
            del sys.modules[_NAME]


def sam2_module(name: str) -> ModuleType:
    """A module of the package by its dotted name under `sam2`; raises PackageMissing."""
    with modules_alone():
        return importlib.import_module(f"{_NAME}.{name}")


def _specification() -> ModuleSpec:
    """Where the package lies. A folder that merely has its name (a clone's root) does not count."""
    found = PathFinder.find_spec(_NAME)
    if found is not None and any(
        (Path(folder) / "modeling" / "sam2_base.py").is_file()
        for folder in found.submodule_search_locations or ()
    ):
        return found
    raise PackageMissing(_INSTALLED_AS, "torch")
