# SPDX-License-Identifier: GPL-3.0-or-later
"""What a built zip must and must not hold. Each check raises BuildFailed."""

from __future__ import annotations

import io
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from tools.extension import ADD_ON, MANIFEST, ROOT, BuildFailed
from tools.extension.targets import Target
from tools.extension.wheels import normalized

CORE_FILES = (
    "rotopoint/__init__.py",
    "rotopoint/worker/__main__.py",
    "rotopoint/checkpoint_data/registry.toml",
    "rotopoint/checkpoint_data/draft/draft.toml",
    "rotopoint/checkpoint_data/draft/draft.safetensors",
)
"""What core's wheel must hold at least: the worker runs from it, with the draft model."""

GRAPHS = "rotopoint/checkpoint_data/draft/draft.graphs"

GRAPH_FILES = tuple(
    f"{GRAPHS}/{name}"
    for name in (
        "graphs.toml",
        "image_encoder.onnx",
        "start.onnx",
        "memory_attention.onnx",
        "mask_decoder.onnx",
        "given_mask.onnx",
        "memory_encoder.onnx",
    )
)
"""What the engine on ONNX Runtime runs, beside `CORE_FILES`."""

UNWANTED = re.compile(r"(^|/)(__pycache__|tests?|\.[^/]*)(/|$)|\.(pyc|pyo|zip|blend\d*)$")
"""Names that have no business in the add-on or in core."""

OWN_PINS = "pins.txt"
SET_UP = "rotopoint/environment/"
"""What only a zip that may set up the large engine holds, beside the add-on's `setup/`."""

LARGEST_SIZE = 20_000_000
"""Bytes, without an engine; the draft model takes 11 million of them."""

LARGEST_SIZE_WITH_ENGINE = 100_000_000
"""Bytes; Blender's platform takes uploads up to 200 million."""


def check(package: Path, target: Target | None, bundled: Iterable[str] = (), *, sets_up: bool = True) -> None:
    """All checks of a zip for a target, which brings wheels of the packages `bundled`; `sets_up` as in
    `staging.stage`."""
    graphs = set() if target is None else set(GRAPH_FILES)
    check_content(package, {normalized(name) for name in bundled}, graphs, sets_up=sets_up)
    check_size(package, LARGEST_SIZE if target is None else LARGEST_SIZE_WITH_ENGINE)
    if target is not None:
        check_tags(package, target)


def check_content(package: Path, bundled: set[str], graphs: set[str], *, sets_up: bool = True) -> None:
    """The add-on and core are whole, core with its `graphs`; of wheels there are core's, those of `bundled`
    and no others, and the manifest names each."""
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        sources = {p.relative_to(ADD_ON).as_posix() for p in ADD_ON.rglob("*.py")}
        kept = sources if sets_up else {name for name in sources if not name.startswith("setup/")}
        require(package.name, names, {MANIFEST, "LICENSE", *kept, *([OWN_PINS] if sets_up else [])})
        wheels = {normalized(Path(name).name.split("-")[0]): name for name in names if name.endswith(".whl")}
        packages = [name for name in names if name.endswith(".whl")]
        if set(wheels) != {"rotopoint", *bundled} or len(packages) != len(wheels):
            raise BuildFailed(f"{package.name} holds the wheels {sorted(packages)}")
        manifest = tomllib.loads(archive.read(MANIFEST).decode("utf-8"))
        named = manifest.get("wheels", [])
        if sorted(named) != sorted(f"./{name}" for name in packages):
            raise BuildFailed(f"the manifest of {package.name} names the wheels {named}")
        with opened_wheel(archive, wheels["rotopoint"]) as wheel:
            core = {p.relative_to(ROOT / "core").as_posix() for p in (ROOT / "core").rglob("*.py")}
            held = wheel.namelist()
            installs = {name for name in core if name.startswith(SET_UP)}
            require(
                wheels["rotopoint"], held, {*CORE_FILES, *graphs, *(core if sets_up else core - installs)}
            )
        if not sets_up:
            left = installs.intersection(held) | {OWN_PINS, *(sources - kept)}.intersection(names)
            left |= {"network"}.intersection(manifest.get("permissions", {}))
            if left:
                raise BuildFailed(f"{package.name} must not hold {', '.join(sorted(left))} on the platform")


def require(package: str, names: Iterable[str], needed: set[str]) -> None:
    held = set(names)
    if missing := sorted(needed - held):
        raise BuildFailed(f"{package} lacks {', '.join(missing)}")
    if unwanted := sorted(name for name in held if UNWANTED.search(name)):
        raise BuildFailed(f"{package} must not hold {', '.join(unwanted)}")


def check_size(package: Path, largest: int) -> None:
    size = package.stat().st_size
    if size > largest:
        raise BuildFailed(f"{package.name} has {size} bytes, more than {largest}")


def check_tags(package: Path, target: Target) -> None:
    """Each wheel runs on the target's platform and Python."""
    taken = set(tags_of(target))
    with zipfile.ZipFile(package) as archive:
        for name in (name for name in archive.namelist() if name.endswith(".whl")):
            _, _, _, tags = parse_wheel_filename(Path(name).name)
            if not taken & tags:
                raise BuildFailed(
                    f"{name} is not for {target.platform.name} and Python {target.python.version}"
                )


def tags_of(target: Target) -> Iterator[Tag]:
    """Those of wheels that a target takes."""
    yield from cpython_tags(target.python.digits, platforms=target.platform.tags)
    yield from compatible_tags(target.python.digits, platforms=target.platform.tags)


def opened_wheel(archive: zipfile.ZipFile, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(archive.read(name)))
