# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in `inside/` pass in each bpy, in a process of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.blender.bpy_process import VERSIONS
from tests.blender.inside_runs import HAS_ENGINE

FEWEST = 100


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tests_inside_pass(version: str, running_inside: Mapping[str, Future[Path]]) -> None:
    suite = ElementTree.parse(running_inside[version].result()).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors")}
    assert counts["tests"] >= FEWEST, "too few tests were found inside Blender"
    assert counts["failures"] == counts["errors"] == 0
    skipped = {
        case.attrib["classname"] for case in suite.iter("testcase") if case.find("skipped") is not None
    }
    if not HAS_ENGINE:
        skipped = {name for name in skipped if not name.endswith("test_end_to_end")}
    assert not skipped
