# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension that brings its engine: Blender's own Python runs it, and nothing else is needed."""

from __future__ import annotations

import io
import json
import platform
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import rotopoint
from make import BLENDERS
from tests.blender.bpy_process import ROOT, VERSIONS, built_with_engine, run_in_bpy
from tools.extension import MANIFEST

SCRIPT = Path(__file__).with_name("use_brought_engine.py")
CLIP = ROOT / "examples" / "demo_clip" / "demo.mp4"
FISH = (244.5, 224.5)
BROUGHT = ("onnxruntime", "av", "cv2", "OpenEXR", "filelock", "platformdirs")


@pytest.fixture(scope="module")
def package(extension_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with empty packages in the engine's stead: it says hello, and could do nothing else."""
    path = tmp_path_factory.mktemp("with an engine") / extension_zip.name
    stand_ins = {f"{name.lower()}-1.0-py3-none-any.whl": name for name in BROUGHT}
    with zipfile.ZipFile(extension_zip) as archive, zipfile.ZipFile(path, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            if name == MANIFEST:
                content = naming_more(content.decode("utf-8"), list(stand_ins)).encode()
            changed.writestr(name, content)
        for file, name in stand_ins.items():
            changed.writestr(f"wheels/{file}", stand_in(name))
    return path


def naming_more(manifest: str, wheels: list[str]) -> str:
    """The manifest's text with these wheels named too."""
    return manifest.replace("wheels = [\n", "wheels = [\n" + "".join(f'"./wheels/{w}",\n' for w in wheels))


def stand_in(name: str) -> bytes:
    """A wheel with an empty package, packed as the engine's are."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name.lower()}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr(f"{name.lower()}-1.0.dist-info/RECORD", f"{name}/__init__.py,,\n")
    return wheel.getvalue()


def used(version: str, package: Path, folder: Path, *work: str | Path, within: tuple[str, ...] = ()) -> Any:
    run_in_bpy(version, SCRIPT, package, folder, *work, python_path=(), within=within)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
def test_blenders_own_python_runs_it(version: str, package: Path, tmp_path: Path) -> None:
    report = used(version, package, tmp_path)
    assert report["command"][:4] == [report["python"], "-s", "-m", "rotopoint.worker"]
    assert Path(report["folder"]).parts[-1] == "site-packages" and ".local" in Path(report["folder"]).parts
    assert report["hello"]["package"] == rotopoint.__version__
    assert "onnx" in report["hello"]["runtimes"]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_clip_is_tracked_by_the_zip_alone(
    version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Of this machine's platform, with what the package index serves; on Linux without sockets."""
    name = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}[sys.platform]
    if (name == "macos-arm64") != (platform.machine().lower() in ("arm64", "aarch64")):
        pytest.skip(f"no zip is built for {platform.machine()}")
    package = built_with_engine(tmp_path / "dist", name, "{}.{}".format(*BLENDERS[version]))
    unshare = shutil.which("unshare")
    report = used(
        version,
        package,
        tmp_path,
        CLIP,
        *map(str, FISH),
        within=(unshare, "--net", "--map-root-user") if unshare else (),
    )
    assert report["hello"]["runtimes"] == ["onnx"]
    assert report["word"] == "Done: 4 frames, 4 of them new"
    mattes = sorted((tmp_path / "mattes").glob("*.png"))
    assert len(mattes) == 4
    first = cv2.imread(str(mattes[0]), cv2.IMREAD_UNCHANGED)
    assert 0.005 < np.mean(first > 32767) < 0.5
    assert first[int(FISH[1]), int(FISH[0])] == 65535
    picture = cv2.imread(str(tmp_path / "rendered.png"), cv2.IMREAD_UNCHANGED)
    assert np.abs(picture[..., 3].astype(int) - np.rint(first / 257)).max() <= 1
    request.node.user_properties.append(("seconds to the first mask", report["seconds"]))
