# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the built zip: what it must hold, must not hold, and how its manifest names the wheel."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.extension import ADD_ON, CORE_FILES, MANIFEST, ROOT, BuildFailed, check, with_wheel

WHEEL = "wheels/rotopoint-0.1.0-py3-none-any.whl"


def core_files() -> set[str]:
    core = ROOT / "core"
    return {*CORE_FILES, *(path.relative_to(core).as_posix() for path in core.rglob("*.py"))}


def add_on_files() -> set[str]:
    return {MANIFEST, "LICENSE", *(path.relative_to(ADD_ON).as_posix() for path in ADD_ON.rglob("*.py"))}


def package(folder: Path, names: set[str], wheel_names: set[str], content: bytes = b"") -> Path:
    """A zip with a wheel inside, all their files with the same content."""
    wheel = folder / "core.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in wheel_names:
            archive.writestr(name, content)
    with zipfile.ZipFile(folder / "rotopoint.zip", "w") as archive:
        for name in names:
            archive.writestr(name, content)
        archive.write(wheel, WHEEL)
    return folder / "rotopoint.zip"


def test_a_whole_package_passes(tmp_path: Path) -> None:
    check(package(tmp_path, add_on_files(), core_files()))


@pytest.mark.parametrize("name", [MANIFEST, "LICENSE", "__init__.py", "compositor/wiring.py"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"lacks {name}"):
        check(package(tmp_path, add_on_files() - {name}, core_files()))


@pytest.mark.parametrize("name", CORE_FILES)
def test_a_file_that_the_wheel_lacks_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"whl lacks {name}"):
        check(package(tmp_path, add_on_files(), core_files() - {name}))


@pytest.mark.parametrize(
    "name",
    ["compositor/__pycache__/a.py", "a.pyc", ".env", ".git/config", "tests/test_a.py", "b.zip", "c.blend1"],
)
def test_an_unwanted_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"must not hold {name}"):
        check(package(tmp_path, add_on_files() | {name}, core_files()))


def test_a_second_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="2 wheels"):
        check(package(tmp_path, add_on_files() | {"wheels/other.whl"}, core_files()))


def test_a_package_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="more than"):
        check(package(tmp_path, add_on_files(), core_files(), bytes(1_000_000)))


def test_the_manifest_gains_the_wheel_and_nothing_else() -> None:
    text = (ADD_ON / MANIFEST).read_text(encoding="utf-8")
    before, after = tomllib.loads(text), tomllib.loads(with_wheel(text, "a.whl"))
    assert "wheels" not in before
    assert after == before | {"wheels": ["./wheels/a.whl"]}
