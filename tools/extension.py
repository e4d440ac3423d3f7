# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the Blender extension: the add-on, the license, and core as a wheel, in one zip.

    .venvs/bpy-5.0/bin/python tools/extension.py --out dist

It runs in an interpreter with hatchling and bpy: Blender's own packaging tool, which comes with bpy, builds
and validates the zip. The path of the zip goes to stdout.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADD_ON = ROOT / "blender_addon"
MANIFEST = "blender_manifest.toml"

CORE_FILES = (
    "rotopoint/__init__.py",
    "rotopoint/worker/__main__.py",
    "rotopoint/checkpoint_data/registry.toml",
    "rotopoint/checkpoint_data/draft/draft.toml",
    "rotopoint/checkpoint_data/draft/draft.safetensors",
)
"""What the wheel must hold at least: the worker runs from it, with the draft model."""

UNWANTED = re.compile(r"(^|/)(__pycache__|tests?|\.[^/]*)(/|$)|\.(pyc|pyo|zip|blend\d*)$")
"""Names that have no business in a package."""

LARGEST_SIZE = 20_000_000
"""Bytes; the draft model takes 8 million of them. Blender's platform takes uploads up to 200 million."""


class BuildFailed(Exception):
    """The extension cannot be built; the text says why."""


def build(out: Path) -> Path:
    """Build, validate and check the extension; return the zip in `out`, which replaces an older one.

    Raises BuildFailed.
    """
    tool = find_blenders_tool()
    with tempfile.TemporaryDirectory(prefix="rotopoint-extension-") as folder:
        tree, built = Path(folder, "rotopoint"), Path(folder, "zip")
        built.mkdir()
        stage(tree)
        run(tool, "validate", tree)
        run(tool, "build", "--source-dir", tree, "--output-dir", built)
        (package,) = built.glob("*.zip")
        run(tool, "validate", package)
        check(package)
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(package, out / package.name))


def find_blenders_tool() -> Path:
    """The script behind `blender --command extension`, in this interpreter's bpy package."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise BuildFailed(f"{sys.executable} has no bpy, whose packaging tool is needed")
    found = list(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildFailed(f"no packaging tool in {Path(spec.origin).parent}; Blender has it from 4.2 on")
    return found[0]


def stage(tree: Path) -> None:
    """The add-on as the extension holds it, in the new folder `tree`."""
    shutil.copytree(ADD_ON, tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "LICENSE", tree)
    wheel = build_wheel(tree / "wheels")
    manifest = tree / MANIFEST
    manifest.write_text(with_wheel(manifest.read_text(encoding="utf-8"), wheel.name), encoding="utf-8")
    core_version = wheel.name.split("-")[1]
    version = tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]
    if version != core_version:
        raise BuildFailed(f"{ADD_ON / MANIFEST} says version {version}, core is {core_version}")


def build_wheel(folder: Path) -> Path:
    """Core as a wheel without requirements to build, in `folder`."""
    run("-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    (wheel,) = folder.glob("rotopoint-*-py3-none-any.whl")
    return wheel


def with_wheel(manifest: str, wheel: str) -> str:
    """The manifest's text with the wheel named, before its first table."""
    head, bracket, tables = manifest.partition("\n[")
    return f'{head.rstrip()}\n\nwheels = ["./wheels/{wheel}"]\n{bracket}{tables}'


def check(package: Path) -> None:
    """Compare the zip with what it must and must not hold. Raises BuildFailed."""
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        wheels = [name for name in names if name.endswith(".whl")]
        sources = {p.relative_to(ADD_ON).as_posix() for p in ADD_ON.rglob("*.py")}
        require(package, names, {MANIFEST, "LICENSE", *sources})
        if len(wheels) != 1:
            raise BuildFailed(f"{package.name} holds {len(wheels)} wheels, not one: {wheels}")
        with archive.open(wheels[0]) as file, zipfile.ZipFile(file) as wheel:
            core = {p.relative_to(ROOT / "core").as_posix() for p in (ROOT / "core").rglob("*.py")}
            require(Path(wheels[0]), wheel.namelist(), {*CORE_FILES, *core})
    size = package.stat().st_size
    if size > LARGEST_SIZE:
        raise BuildFailed(f"{package.name} has {size} bytes, more than {LARGEST_SIZE}")


def require(package: Path, names: Iterable[str], needed: set[str]) -> None:
    held = set(names)
    if missing := sorted(needed - held):
        raise BuildFailed(f"{package.name} lacks {', '.join(missing)}")
    if unwanted := sorted(name for name in held if UNWANTED.search(name)):
        raise BuildFailed(f"{package.name} must not hold {', '.join(unwanted)}")


def run(*arguments: str | Path) -> None:
    """Run this interpreter with arguments. Raises BuildFailed with the last words of what fails."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        words = f"{done.stdout}\n{done.stderr}".strip()[-2000:]
        raise BuildFailed(f"{arguments[0]} {arguments[1]} ended with status {done.returncode}\n{words}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Blender extension.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zip; by default dist")
    try:
        package = build(parser.parse_args().out)
    except BuildFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB\n")
    sys.stdout.write(f"{package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
