# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls of the house: who may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "rotopoint"

TORCHLESS = [
    "shot",
    "plan.py",
    "prompting.py",
    "stored_tracks.py",
    "matting.py",
    "store",
    "errors",
    "files.py",
    "events.py",
    "messages.py",
    "tables.py",
    "cores.py",
    "mattes",
    "outline",
    "deliver",
    "clip",
    "tracking/limits.py",
    "tracking/loop.py",
    "tracking/policy.py",
    "tracking/records.py",
    "tracking/runtime.py",
    "tracking/preprocess.py",
    "checkpoints/configuration.py",
    "worker/protocol.py",
    "worker/client.py",
]


def files(place: Path) -> list[Path]:
    found = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    assert found, f"nothing at {place}"
    return found


def imports(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def offenders(place: Path, forbidden: set[str]) -> dict[str, set[str]]:
    found = {str(f.relative_to(ROOT)): forbidden & set(imports(f)) for f in files(place)}
    return {file: names for file, names in found.items() if names}


def test_core_never_imports_blender() -> None:
    assert offenders(CORE, {"bpy", "blender_addon", "gpu", "mathutils"}) == {}


def test_the_add_on_never_imports_torch() -> None:
    assert offenders(ROOT / "blender_addon", {"torch", "sam2", "cv2", "av", "OpenEXR"}) == {}


def test_the_add_on_imports_itself_relatively() -> None:
    """Installed, its package has another name."""
    assert offenders(ROOT / "blender_addon", {"blender_addon", "bl_ext"}) == {}


@pytest.mark.parametrize("place", TORCHLESS)
def test_what_knows_no_model_imports_no_torch(place: str) -> None:
    assert offenders(CORE / place, {"torch", "sam2"}) == {}


def test_only_the_runtime_knows_sam2() -> None:
    found = offenders(CORE, {"sam2"})
    assert set(found) == {"core/rotopoint/tracking/sam2/build.py"}


@pytest.mark.parametrize("place", ["events.py", "worker/protocol.py", "worker/client.py"])
def test_the_protocol_needs_the_standard_library_alone(place: str) -> None:
    allowed = {*sys.stdlib_module_names, "rotopoint"}
    assert set(imports(CORE / place)) <= allowed


def test_nothing_that_compiles_itself_is_in_core() -> None:
    """It takes most of a minute at first use, and is not in the engine that the extension brings."""
    assert offenders(CORE, {"pymatting", "numba", "scipy"}) == {}


def test_what_installs_packages_needs_none() -> None:
    """It runs in a Python that has nothing yet."""
    for file in files(CORE / "environment"):
        assert set(imports(file)) <= {*sys.stdlib_module_names, "rotopoint"}
    assert "numpy" not in imported_by("import rotopoint.environment.__main__")


def imported_by(statement: str) -> set[str]:
    """The packages that a fresh interpreter holds after a statement."""
    script = f"{statement}\nimport sys; print(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"torch", "cv2", "av", "OpenEXR", "sam2", "hydra", "PIL", "platformdirs", "filelock", "tqdm"}
HEAVY |= {"pymatting", "numba", "scipy"}


@pytest.mark.parametrize(
    "module",
    ["rotopoint", "rotopoint.shot.json", "rotopoint.plan", "rotopoint.store", "rotopoint.tracking.loop"]
    + [
        "rotopoint.deliver.approved",
        "rotopoint.mattes",
        "rotopoint.outline",
        "rotopoint.deliver.naming",
        "rotopoint.worker.client",
        "rotopoint.messages",
    ],
)
def test_what_blender_uses_needs_numpy_alone(module: str) -> None:
    assert HEAVY & imported_by(f"import {module}") == set()


def test_a_score_needs_no_torch() -> None:
    assert "torch" not in imported_by("import rotopoint.cli.score, rotopoint.cli")
