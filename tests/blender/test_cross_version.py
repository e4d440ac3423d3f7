# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend that one version of Blender saved asks the same in the others, and renders right in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.blender.bpy_process import ROOT, run_in_bpy

SCRIPT = ROOT / "tests" / "blender" / "cross_version.py"
FRAME, FILE = 5, "out_0103.png"
"""The clip frame that is rendered, on the scene frame that a start of 101 and an offset of 2 make of it."""


def run(version: str, *args: str | Path) -> dict[str, Any]:
    return json.loads(run_in_bpy(version, SCRIPT, *args).stdout.splitlines()[-1])


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module")
def saved_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    """For a version, the folder of what it saved and what it said."""

    @cache
    def save(version: str) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path_factory.mktemp("saved ä")
        return folder, run(version, "save", folder)

    return save


@pytest.mark.parametrize(
    ("by", "version"),
    [
        ("4.2", "4.5"),
        ("4.2", "5.0"),
        ("4.2", "5.2"),
        ("4.5", "5.2"),
        ("5.0", "5.2"),
        ("5.0", "4.5"),
        ("5.2", "4.5"),
        ("5.2", "4.2"),
    ],
)
def test_a_blend_of_another_version(
    by: str,
    version: str,
    saved_by: Callable[[str], tuple[Path, dict[str, Any]]],
    tmp_path: Path,
) -> None:
    folder, asked = deepcopy(saved_by(by))
    found = run(version, "open", folder, tmp_path)
    if "refused" in found:
        assert by > version
        pytest.skip(f"Blender {version} does not open what {by} saved: {found['refused']}")
    again = found["again"]
    loses_links = by > version
    assert (found.pop("out of date") is not None) == loses_links
    for said in (asked, found, again):
        # Of these the version itself decides.
        del said["shot"]["clip"]["honors_rotation"]
        assert said.get("out of date") is None
        assert said["groups"] == 2
        assert said["placed"] == [101, 2]
    assert found["shot"] == again["shot"] == asked["shot"]
    assert again["nodes"] == found["nodes"], "wiring again left nodes over"

    coverage = read(folder / "mattes" / f"plate_runner_matte.{FRAME:04d}.png") / 255
    both = 1 - (1 - coverage) ** 2
    # 4.5 loses the links into an Alpha Over node of 5.x, says so, and has them again once wired.
    for name in ("wired again",) if loses_links else ("as opened", "wired again"):
        alpha = read(tmp_path / name / FILE)[..., 3] / 65535
        assert np.abs(alpha - both).max() <= 1 / 255, name
