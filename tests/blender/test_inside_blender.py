# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in `inside/` pass in each bpy, in a process of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.blender.bpy_process import run_in_bpy

INSIDE = Path(__file__).parent / "inside"
FEWEST = 25


@pytest.mark.parametrize("version", ["4.2", "4.5", "5.0", "5.2"])
def test_the_compositor_tests_pass_inside_blender(version: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    run_in_bpy(version, INSIDE / "run.py", "-q", f"--junitxml={report}", f"--basetemp={tmp_path / 'inside'}")
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts["tests"] >= FEWEST, "too few tests were found inside Blender"
    assert counts["failures"] == counts["errors"] == counts["skipped"] == 0
