# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's files in a folder, as its zip holds them, and the zip of that folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tools.extension import ADD_ON, MANIFEST, PINS, ROOT, BuildFailed
from tools.extension.targets import Target
from tools.extension.wheels import copy_wheel

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of all files, so that one state of the sources gives one zip."""

GRAPHS = r"\.graphs/"
"""What the draft model's graphs for ONNX Runtime lie in."""

NARROWER_GRAPHS = r"\.graphs/.+/"
"""Those of them in other precisions than float32, which the engine takes where it is told to."""

SET_UP = r"^rotopoint/environment/"
"""The part of core that installs packages."""

OWN_PINS = "pins.txt"
"""Where the add-on looks for the pins of the large engine's packages."""

PERMISSIONS = "[permissions]"
NETWORK = 'network = "Download the large engine and checkpoints when asked"'


def stage(tree: Path, target: Target | None, bundled: Sequence[Path], *, sets_up: bool = True) -> None:
    """The add-on with core and `bundled` wheels, in the new folder `tree`. Raises BuildFailed.

    None: for every Blender, with an engine that is installed elsewhere. `sets_up`: with what sets up the
    large engine and downloads checkpoints, which the manifest then says; without for Blender's extension
    platform, whose rules forbid it.
    """
    shutil.copytree(ADD_ON, tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "LICENSE", tree)
    left_out = [GRAPHS if target is None else NARROWER_GRAPHS]
    if sets_up:
        shutil.copy2(PINS / "engine.txt", tree / OWN_PINS)
    else:
        shutil.rmtree(tree / "setup")
        left_out.append(SET_UP)
    core = build_core(tree / "wheels", left_out)
    for wheel in bundled:
        shutil.copy2(wheel, tree / "wheels")
    manifest = tree / MANIFEST
    text = with_wheels(manifest.read_text(encoding="utf-8"), [core.name, *(wheel.name for wheel in bundled)])
    if target is not None:
        text = for_target(text, target)
    if sets_up:
        text = text.replace(PERMISSIONS, f"{PERMISSIONS}\n{NETWORK}", 1)
    manifest.write_text(text, encoding="utf-8")
    core_version = core.name.split("-")[1]
    version = tomllib.loads(text)["version"]
    if version != core_version:
        raise BuildFailed(f"{ADD_ON / MANIFEST} says version {version}, core is {core_version}")


def build_core(folder: Path, left_out: Sequence[str] = ()) -> Path:
    """Core as a wheel without requirements to build, in `folder`, less files that a pattern of `left_out`
    finds. Raises BuildFailed."""
    with tempfile.TemporaryDirectory(prefix="rotopoint-core-") as built:
        core = _built_core(Path(built))
        folder.mkdir(exist_ok=True)
        pattern = re.compile("|".join(left_out)) if left_out else None
        copy_wheel(core, folder / core.name, zipfile.ZIP_DEFLATED, pattern)
        return folder / core.name


def _built_core(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode != 0:
        raise BuildFailed(f"hatchling cannot build core\n{f'{done.stdout}{done.stderr}'.strip()[-2000:]}")
    (wheel,) = folder.glob("rotopoint-*-py3-none-any.whl")
    return wheel


def with_wheels(manifest: str, wheels: Sequence[str]) -> str:
    """The manifest's text with the wheels named, before its first table."""
    named = "".join(f'    "./wheels/{wheel}",\n' for wheel in wheels)
    return _with_lines(manifest, f"wheels = [\n{named}]")


def for_target(manifest: str, target: Target) -> str:
    """The manifest's text for one platform, and the Blenders that bring one Python."""
    python = target.python
    changed = re.sub(
        r'^blender_version_min = ".*"$',
        f'blender_version_min = "{python.blender_from}"'
        + (f'\nblender_version_max = "{python.blender_before}"' if python.blender_before else ""),
        manifest,
        flags=re.MULTILINE,
    )
    return _with_lines(changed, f'platforms = ["{target.platform.name}"]')


def _with_lines(manifest: str, lines: str) -> str:
    head, bracket, tables = manifest.partition("\n[")
    return f"{head.rstrip()}\n\n{lines}\n{bracket}{tables}"


def zip_name(tree: Path, target: Target | None, *, sets_up: bool = True) -> str:
    manifest = tomllib.loads((tree / MANIFEST).read_text(encoding="utf-8"))
    kind = "" if sets_up else "-platform"
    return f"{manifest['id']}-{manifest['version']}{'' if target is None else target.suffix}{kind}.zip"


def write_zip(tree: Path, package: Path) -> None:
    """All files of a folder; wheels are packed already."""
    with zipfile.ZipFile(package, "w") as archive:
        for file in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            kind = zipfile.ZIP_STORED if file.suffix == ".whl" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes(), compress_type=kind)
