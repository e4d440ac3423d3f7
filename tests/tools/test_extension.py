# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the built zip: what it must hold, must not hold, and what its manifest says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.tools.made_package import add_on_files, core_files, package
from tools.extension import ADD_ON, MANIFEST, BuildFailed
from tools.extension.checks import CORE_FILES, GRAPH_FILES, check
from tools.extension.staging import for_target, with_wheels
from tools.extension.targets import PLATFORMS, PYTHONS, Target

LINUX = Target(PLATFORMS["linux-x64"], PYTHONS["3.11"])
WINDOWS = Target(PLATFORMS["windows-x64"], PYTHONS["3.13"])

AV = "av-18.1.0-cp311-abi3-manylinux_2_28_x86_64.whl"
MANIFEST_TEXT = (ADD_ON / MANIFEST).read_text(encoding="utf-8")


def test_a_whole_package_passes(tmp_path: Path) -> None:
    check(package(tmp_path, add_on_files(), core_files()), None)
    check(package(tmp_path, add_on_files(), core_files(), bundled={AV: {}}), LINUX, ["av"])


@pytest.mark.parametrize("name", [MANIFEST, "LICENSE", "__init__.py", "compositor/wiring.py"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"lacks {name}"):
        check(package(tmp_path, add_on_files() - {name}, core_files()), None)


@pytest.mark.parametrize("name", CORE_FILES)
def test_a_file_that_the_wheel_lacks_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"whl lacks {name}"):
        check(package(tmp_path, add_on_files(), core_files() - {name}), None)


def test_an_engine_without_its_graphs_is_refused(tmp_path: Path) -> None:
    core = core_files() - {GRAPH_FILES[0]}
    check(package(tmp_path, add_on_files(), core), None)
    with pytest.raises(BuildFailed, match=f"whl lacks {GRAPH_FILES[0]}"):
        check(package(tmp_path, add_on_files(), core, bundled={AV: {}}), LINUX, ["av"])


@pytest.mark.parametrize(
    "name",
    ["compositor/__pycache__/a.py", "a.pyc", ".env", ".git/config", "tests/test_a.py", "b.zip", "c.blend1"],
)
def test_an_unwanted_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=f"must not hold {name}"):
        check(package(tmp_path, add_on_files() | {name}, core_files()), None)


@pytest.mark.parametrize("asked", [[], ["av", "onnxruntime"], ["numpy"]])
def test_other_wheels_than_the_pins_name_are_refused(asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="holds the wheels"):
        check(package(tmp_path, add_on_files(), core_files(), bundled={AV: {}}), LINUX, asked)


def test_a_wheel_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    """Blender would not install it."""
    built = package(tmp_path, add_on_files(), core_files(), bundled={AV: {}}, named=[AV])
    with pytest.raises(BuildFailed, match="names the wheels"):
        check(built, LINUX, ["av"])


@pytest.mark.parametrize(
    ("wheel", "target"),
    [
        ("av-1-cp311-abi3-win_amd64.whl", LINUX),
        ("av-1-cp311-abi3-manylinux_2_39_x86_64.whl", LINUX),
        ("av-1-cp313-cp313-manylinux_2_28_x86_64.whl", LINUX),
        ("av-1-cp311-cp311-win_amd64.whl", WINDOWS),
        ("av-1-cp314-abi3-win_amd64.whl", WINDOWS),
        ("av-1-cp313-cp313-win_arm64.whl", WINDOWS),
    ],
)
def test_a_wheel_that_does_not_run_there_is_refused(wheel: str, target: Target, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="is not for"):
        check(package(tmp_path, add_on_files(), core_files(), bundled={wheel: {}}), target, ["av"])


@pytest.mark.parametrize(
    ("wheel", "target"),
    [
        ("av-1-cp311-abi3-win_amd64.whl", WINDOWS),
        ("av-1-cp313-cp313-win_amd64.whl", WINDOWS),
        ("av-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", LINUX),
    ],
)
def test_a_wheel_that_runs_there_passes(wheel: str, target: Target, tmp_path: Path) -> None:
    check(package(tmp_path, add_on_files(), core_files(), bundled={wheel: {}}), target, ["av"])


def test_a_package_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="more than"):
        check(package(tmp_path, add_on_files(), core_files(), bytes(1_000_000)), None)


def test_the_manifest_gains_the_wheels_and_nothing_else() -> None:
    before, after = (
        tomllib.loads(MANIFEST_TEXT),
        tomllib.loads(with_wheels(MANIFEST_TEXT, ["a.whl", "b.whl"])),
    )
    assert "wheels" not in before
    assert after == before | {"wheels": ["./wheels/a.whl", "./wheels/b.whl"]}


def test_the_manifest_says_whom_a_zip_is_for() -> None:
    before = tomllib.loads(MANIFEST_TEXT)
    assert tomllib.loads(for_target(MANIFEST_TEXT, LINUX)) == before | {
        "platforms": ["linux-x64"],
        "blender_version_min": "4.2.0",
        "blender_version_max": "5.1.0",
    }
    assert tomllib.loads(for_target(MANIFEST_TEXT, WINDOWS)) == before | {
        "platforms": ["windows-x64"],
        "blender_version_min": "5.1.0",
    }
    assert WINDOWS.suffix == "-windows_x64-py313"


def test_a_package_for_blenders_platform_installs_nothing(tmp_path: Path) -> None:
    """It must not hold what could: neither in the add-on nor in core."""
    add_on = {name for name in add_on_files() if not name.startswith("setup/")} - {"pins.txt"}
    core = {name for name in core_files() if not name.startswith("rotopoint/environment/")}
    check(package(tmp_path, add_on, core), None, sets_up=False)
    for names, inside in (
        (add_on | {"pins.txt"}, core),
        (add_on | {"setup/job.py"}, core),
        (add_on, core | {"rotopoint/environment/making.py"}),
    ):
        with pytest.raises(BuildFailed, match="on the platform"):
            check(package(tmp_path, names, inside), None, sets_up=False)
        with pytest.raises(BuildFailed, match="lacks"):
            check(package(tmp_path, names, inside), None)


def test_the_manifest_asks_for_no_network() -> None:
    assert set(tomllib.loads(MANIFEST_TEXT)["permissions"]) == {"files"}
