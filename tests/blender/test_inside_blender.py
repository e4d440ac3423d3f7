# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in `inside/` pass in each bpy, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.blender.bpy_process import ENGINE_VARIABLE, VERSIONS, run_in_bpy

INSIDE = Path(__file__).parent / "inside"
FEWEST = 100
AT_ONCE = 2
"""A Blender that is tested so keeps one core busy."""

LIMIT_SECONDS = 600

HAS_ENGINE = importlib.util.find_spec("torch") is not None


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Path]]]:
    """The report of each version that is to be tested; they run side by side."""
    of_here = (item for item in request.session.items if item.module is request.module)  # type: ignore[attr-defined]
    chosen = [item.callspec.params["version"] for item in of_here]  # type: ignore[attr-defined]

    def tested(version: str) -> Path:
        folder = tmp_path_factory.mktemp(f"inside-{version}")
        report = folder / "report.xml"
        asked = ("-q", f"--junitxml={report}", f"--basetemp={folder / 'inside'}")
        run_in_bpy(version, INSIDE / "run.py", *asked, timeout=LIMIT_SECONDS)
        return report

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        if HAS_ENGINE and ENGINE_VARIABLE not in os.environ:
            patch.setenv(ENGINE_VARIABLE, sys.executable)
        yield {version: pool.submit(tested, version) for version in chosen}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tests_inside_pass(version: str, running: Mapping[str, Future[Path]]) -> None:
    suite = ElementTree.parse(running[version].result()).getroot().find("testsuite")
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
