# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of tiny wheels in the engine's packages' stead, by the pins of a lock of their own."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from rotopoint.environment.packages import ALONE, REQUIRED

VERSION = "1.5"

CHECK = (
    "import json, torch, numpy, sam2, rotopoint; "
    "print(json.dumps([['runtime', 'torch ' + torch.VERSION], ['used', torch.__file__]]))"
)
"""What stands in for the engine's own look at its machine."""


def write_lock(file: Path, version: str = VERSION) -> Path:
    file.write_text("# Pins\n" + "".join(f"{name}=={version}\n" for name in (*REQUIRED, *ALONE)))
    return file


def write_wheels(folder: Path, *, without: Iterable[str] = (), version: str = VERSION) -> Path:
    """A pure wheel for each package: a module with `VERSION`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {*REQUIRED, *ALONE} - {*without}:
        file = name.replace("-", "_").lower()
        module = {"rf_sam_2": "sam2"}.get(file, file)
        with zipfile.ZipFile(folder / f"{file}-{version}-py3-none-any.whl", "w") as wheel:
            info = f"{file}-{version}.dist-info"
            wheel.writestr(f"{module}/__init__.py", f"VERSION = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{module}/__init__.py,,\n")
    return folder
