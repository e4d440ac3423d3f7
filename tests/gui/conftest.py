# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender with windows for each module of tests, with the extension as people get it, and a clip open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender.bpy_process import built_extension
from tests.gui.footage import write_plates
from tests.gui.windowed_blender import (
    SUITES,
    Unavailable,
    WindowedBlender,
    build,
    fake_engine_command,
    windowed_blender,
)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_extension(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module", params=SUITES)
def blender(
    request: pytest.FixtureRequest, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WindowedBlender]:
    """With the fake worker behind it, and a clip in a Clip Editor."""
    try:
        build(request.param)
    except Unavailable as reason:
        pytest.skip(f"no Blender {request.param} with windows: {reason}")
    folder = tmp_path_factory.mktemp(f"windows-{request.param}")
    first = write_plates(folder / "plates ä")
    with windowed_blender(request.param, package, folder, fake_engine_command("--slow", "0.05")) as started:
        started.ask(f"open_clip({str(first)!r}, {str(folder / 'shot.blend')!r})\nanswer = None")
        yield started
