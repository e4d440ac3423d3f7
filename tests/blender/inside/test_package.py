# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine's interpreter is shown of Blender's packages: `rotopoint` alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import rotopoint
from blender_addon.package import copied, package_folder
from rotopoint.errors import OutputUnwritable


def test_a_folder_of_its_own_is_used_as_it_is() -> None:
    assert package_folder() == Path(rotopoint.__file__).parents[1]


def test_a_shared_folder_is_left_by_a_copy(tmp_path: Path) -> None:
    package = tmp_path / "site packages" / "rotopoint"
    (package / "worker" / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "worker" / "__main__.py").write_text("run", encoding="utf-8")
    (package.parent / "numpy").mkdir()
    folder = tmp_path / "engine"
    folder.mkdir()

    first = copied(package, folder)
    assert [path.relative_to(first).as_posix() for path in sorted(first.rglob("*.py"))] == [
        "rotopoint/__init__.py",
        "rotopoint/worker/__main__.py",
    ]
    assert not (first / "rotopoint" / "worker" / "__pycache__").exists()
    assert copied(package, folder) == first

    os.utime(package / "__init__.py", ns=(1, 1))
    second = copied(package, folder)
    assert second != first and list(folder.iterdir()) == [second]
    with pytest.raises(OutputUnwritable):
        copied(package, tmp_path / "nowhere")
