# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a script in one of the bpy wheels; each has an environment of its own, `.venvs/bpy-X.Y`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from make import BLENDERS

ROOT = Path(__file__).resolve().parents[2]

VERSIONS = tuple(BLENDERS)
"""Every Blender that the tests know, oldest first."""

LIMIT_SECONDS = 300

ENGINE_VARIABLE = "ROTOPOINT_TEST_ENGINE"
"""Environment variable: a Python that has the engine, for tests with the real worker."""


def bpy_python(version: str) -> Path | None:
    """The interpreter that imports bpy `version` ("4.5"), or None where that environment is absent."""
    environment = ROOT / ".venvs" / f"bpy-{version}"
    inside = Path("Scripts/python.exe") if sys.platform == "win32" else Path("bin/python")
    interpreter = environment / inside
    return interpreter if interpreter.exists() else None


def built_extension(out: Path, version: str | None = None) -> Path:
    """The extension's zip in `out`, built by bpy `version`, or the first that is there.

    Skips the test that calls it where that environment is absent; fails it where the build does.
    """
    version = version or next(filter(bpy_python, VERSIONS), VERSIONS[0])
    interpreter = bpy_python(version)
    if interpreter is None:
        pytest.skip(f"bpy {version} is not installed")
    command = [str(interpreter), "-m", "tools.extension", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        pytest.fail(f"building in bpy {version} failed\n{done.stderr}", pytrace=False)
    return Path(done.stdout.strip())


def built_with_engine(out: Path, platform: str, python: str) -> Path:
    """The zip in `out` that brings an engine for a platform and Python, as the build's command makes it.

    Fails the test that calls it where the build does.
    """
    command = [sys.executable, str(ROOT / "make.py"), "extension", "--out", str(out)]
    command += ["--platform", platform, "--python", python]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        pytest.fail(f"building for {platform} failed\n{done.stderr}", pytrace=False)
    return Path(done.stdout.strip().splitlines()[-1])


def run_in_bpy(
    version: str,
    script: Path,
    *args: str | Path,
    timeout: float = LIMIT_SECONDS,
    python_path: Sequence[Path] = (ROOT / "core", ROOT),
    within: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `script` with `args` in bpy `version` and return its output.

    `python_path` is where it imports from, beside its environment; `within` is a command that runs the rest
    of its line, in a network without sockets, say. `variables` are added to its environment.
    Skips the test that calls it where the environment is absent; fails it where the script ends with
    another status than 0. Settings and extensions of the run live in a folder that is removed after it.
    The script should end with `os._exit(0)`: some versions crash or hang as the interpreter ends.
    """
    interpreter = bpy_python(version)
    if interpreter is None:
        pytest.skip(f"bpy {version} is not installed: no environment {ROOT / '.venvs' / f'bpy-{version}'}")
    with tempfile.TemporaryDirectory(prefix="rotopoint-bpy-") as user_folder:
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": user_folder,
            "PYTHONPATH": os.pathsep.join(map(str, python_path)),
            "PYTHONIOENCODING": "utf-8",
            **(variables or {}),
        }
        done = subprocess.run(
            [*within, str(interpreter), str(script), *map(str, args)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    if done.returncode != 0:
        pytest.fail(
            f"{script.name} in bpy {version} ended with status {done.returncode}\n"
            f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}",
            pytrace=False,
        )
    return done
