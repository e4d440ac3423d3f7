# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in `inside/` pass in each bpy, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.blender.bpy_process import ENGINE_VARIABLE, VERSIONS, run_in_bpy

INSIDE = Path(__file__).parent / "inside"
FEWEST = 100


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tests_inside_pass(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has_engine = importlib.util.find_spec("torch") is not None
    if has_engine and ENGINE_VARIABLE not in os.environ:
        monkeypatch.setenv(ENGINE_VARIABLE, sys.executable)
    report = tmp_path / "report.xml"
    run_in_bpy(version, INSIDE / "run.py", "-q", f"--junitxml={report}", f"--basetemp={tmp_path / 'inside'}")
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors")}
    assert counts["tests"] >= FEWEST, "too few tests were found inside Blender"
    assert counts["failures"] == counts["errors"] == 0
    skipped = {
        case.attrib["classname"] for case in suite.iter("testcase") if case.find("skipped") is not None
    }
    if not has_engine:
        skipped = {name for name in skipped if not name.endswith("test_end_to_end")}
    assert not skipped
