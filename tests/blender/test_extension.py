# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as people get it: built, installed from its zip, used, and removed without a trace."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import rotopoint
from tests.blender.bpy_process import VERSIONS, bpy_python, run_in_bpy
from tools.extension.blenders_tool import found_tools, validate

VERSION = rotopoint.__version__
NEWER_VERSION = "99.0.0"
SCRIPT = Path(__file__).with_name("install_extension.py")
WIDTH, HEIGHT, COUNT, FRAME = 64, 36, 3, 2


@pytest.fixture(scope="module")
def package(extension_zip: Path) -> Path:
    return extension_zip


@pytest.fixture(scope="module")
def newer(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a higher version number, in the zip and in the wheel."""
    with zipfile.ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    (wheel_name,) = (name for name in files if name.endswith(".whl"))
    with zipfile.ZipFile(io.BytesIO(files.pop(wheel_name))) as wheel, zipfile.ZipFile(out, "w") as changed:
        for name in wheel.namelist():
            changed.writestr(*renumbered(name, wheel.read(name)))
    files[wheel_name] = out.getvalue()
    path = tmp_path_factory.mktemp("newer") / "rotopoint.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(*renumbered(name, content))
    return path


def renumbered(name: str, content: bytes) -> tuple[str, bytes]:
    if name.endswith(("METADATA", "rotopoint/__init__.py", "blender_manifest.toml")):
        content = content.replace(VERSION.encode(), NEWER_VERSION.encode())
    return name.replace(f"rotopoint-{VERSION}", f"rotopoint-{NEWER_VERSION}"), content


def plate(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR."""
    return np.full((HEIGHT, WIDTH, 3), (60, 40 * frame, 200), np.uint8)


def matte(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH) uint8: columns of every coverage, shifted a frame."""
    row = np.arange(WIDTH) * 255 // (WIDTH - 1)
    return np.tile(np.roll(row, 8 * frame), (HEIGHT, 1)).astype(np.uint8)


def write(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_installed_used_updated_and_removed(version: str, package: Path, newer: Path, tmp_path: Path) -> None:
    clips = [write(tmp_path / "plate" / f"shot_{n:04d}.png", plate(n)) for n in range(1, COUNT + 1)]
    mattes = [write(tmp_path / "mattes" / f"shot_matte.{n:04d}.png", matte(n)) for n in range(1, COUNT + 1)]
    run_in_bpy(
        version, SCRIPT, package, newer, clips[0], mattes[0], str(COUNT), str(FRAME), tmp_path, python_path=()
    )
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert Path(report["add_on"]).parts[-4:] == ("extensions", "user_default", "rotopoint", "__init__.py")
    core = Path(report["core"])
    assert core.parts[-3:] == ("site-packages", "rotopoint", "__init__.py")
    assert Path(report["add_on"]).parents[2] in core.parents, "core is not the wheel's"

    assert report["versions"] == [VERSION, NEWER_VERSION], "the update runs on the older core"

    # Disabled, the add-on stays on disk, and in Python until it is removed; its wheel goes at once.
    for kind in ("files", "modules"):
        assert report["disabled"].pop(kind), "the comparison saw nothing of the extension"
    # Python keeps the modules of wheels until Blender ends.
    assert {name.split(".")[0] for name in report["removed"].pop("modules")} == {"rotopoint"}
    for state in ("disabled", "removed"):
        assert report[state] == {kind: [] for kind in report[state]}, f"left behind when {state}"

    picture = cv2.imdecode(np.fromfile(tmp_path / "rendered.png", np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.abs(picture[..., 3].astype(int) - matte(FRAME)).max() <= 1
    full = matte(FRAME) == 255
    assert np.abs(picture[..., :3].astype(int) - plate(FRAME))[full].max() <= 1


@pytest.mark.parametrize("version", VERSIONS)
def test_each_blenders_own_tool_takes_it(version: str, package: Path) -> None:
    if bpy_python(version) is None:
        pytest.skip(f"bpy {version} is not installed")
    (tool,) = (tool for tool in found_tools() if f"bpy-{version}" in tool.parts)
    validate(tool, package)
