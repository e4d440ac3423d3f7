# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own packaging tool, which comes with bpy: it says whether Blender takes a zip."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from tools.extension import ROOT, BuildFailed

INSIDE = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"

PACKAGES = ("bpy-*/lib/python*/site-packages/bpy", "bpy-*/Lib/site-packages/bpy")
"""Where environments have bpy, on Windows and elsewhere."""


def found_tools() -> list[Path]:
    """Those of this interpreter's bpy and of the environments that the tests use; maybe none."""
    packages = [package for pattern in PACKAGES for package in (ROOT / ".venvs").glob(pattern)]
    spec = importlib.util.find_spec("bpy")
    if spec is not None and spec.origin is not None:
        packages.append(Path(spec.origin).parent)
    return sorted({tool.resolve() for package in packages for tool in package.glob(INSIDE)})


def validate(tool: Path, package: Path) -> None:
    """Raises BuildFailed with the tool's own words where it refuses a zip."""
    done = subprocess.run(
        [sys.executable, str(tool), "validate", str(package)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        words = f"{done.stdout}\n{done.stderr}".strip()[-2000:]
        raise BuildFailed(f"{tool} refuses {package.name}\n{words}")
