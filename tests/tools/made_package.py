# SPDX-License-Identifier: GPL-3.0-or-later
"""Zips of the extension as tests need them: all files in them have the same content."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools.extension import ADD_ON, MANIFEST, ROOT
from tools.extension.checks import CORE_FILES, GRAPH_FILES
from tools.extension.staging import with_wheels

CORE_WHEEL = "rotopoint-0.1.0-py3-none-any.whl"


def core_files() -> set[str]:
    core = ROOT / "core"
    return {*CORE_FILES, *GRAPH_FILES, *(path.relative_to(core).as_posix() for path in core.rglob("*.py"))}


def add_on_files() -> set[str]:
    return {
        MANIFEST,
        "LICENSE",
        "pins.txt",
        *(path.relative_to(ADD_ON).as_posix() for path in ADD_ON.rglob("*.py")),
    }


def wheel(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def package(
    folder: Path,
    names: set[str],
    core: set[str],
    content: bytes = b"",
    *,
    bundled: Mapping[str, Mapping[str, bytes]] | None = None,
    named: list[str] | None = None,
) -> Path:
    """A zip with core as a wheel of these files, and wheels by name with theirs; the manifest names `named`,
    by default all."""
    wheels = {CORE_WHEEL: dict.fromkeys(core, content), **(bundled or {})}
    manifest = (ADD_ON / MANIFEST).read_text(encoding="utf-8")
    with zipfile.ZipFile(folder / "rotopoint.zip", "w") as archive:
        for name in sorted(names - {MANIFEST}):
            archive.writestr(name, content)
        if MANIFEST in names:
            archive.writestr(MANIFEST, with_wheels(manifest, list(wheels) if named is None else named))
        for name, files in wheels.items():
            archive.write(wheel(folder / name, files), f"wheels/{name}")
    return folder / "rotopoint.zip"
