# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine runs on: what the extension brings, or an interpreter that is shown `rotopoint` alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import rotopoint
from blender_addon.faults import EngineNotSet
from blender_addon.package import BROUGHT, blenders_python, brought_engine, copied, package_folder
from blender_addon.preferences import preferences
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


@pytest.mark.parametrize("lacking", ["", *BROUGHT])
def test_an_engine_is_brought_where_all_of_it_lies_together(lacking: str, tmp_path: Path) -> None:
    for name in BROUGHT:
        if name != lacking:
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
    assert brought_engine(tmp_path) == (None if lacking else tmp_path)


def test_an_engine_that_is_named_comes_before_the_one_that_is_brought(
    addon: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.preferences.brought_engine", lambda: tmp_path)
    chosen = preferences()
    chosen.engine = chosen.interpreter = ""
    assert chosen.command() == [sys.executable, "-s", "-m", "rotopoint.worker"]
    assert chosen.package_folder() == tmp_path
    chosen.interpreter = "/opt/python"
    assert chosen.command() == ["/opt/python", "-m", "rotopoint.worker"]
    assert chosen.package_folder() == package_folder()
    chosen.engine, chosen.interpreter = "ssh box rotopoint-worker", ""
    assert chosen.command() == ["ssh", "box", "rotopoint-worker"]
    assert chosen.package_folder() == package_folder()


def test_a_blender_without_a_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/blender/blender")
    with pytest.raises(EngineNotSet, match="no Python of its own"):
        blenders_python()
