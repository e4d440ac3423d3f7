# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person without a terminal does: the zip from disk into a factory Blender, two clicks, a matte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.blender.bpy_process import built_with_engine
from tests.gui.footage import FISH, ROCK, demo_clip, overlaps_with_truth
from tests.gui.windowed_blender import Unavailable, build, windowed_blender

pytestmark = [pytest.mark.gui, pytest.mark.slow]

LEAST_OVERLAP = 0.8
"""Of mattes and truth, on the average frame."""

WIRED = "part('compositor').wired_subjects(bpy.context.scene, bpy.context.scene.active_clip)"
STATE = "part('host').state_of(bpy.context.scene.active_clip)"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that brings an engine for the Python of Debian's Blender."""
    return built_with_engine(tmp_path_factory.mktemp("dist"), "linux-x64", "3.14")


def test_the_zip_from_disk_two_clicks_a_wired_matte(package: Path, tmp_path: Path) -> None:
    try:
        build("5.2")
    except Unavailable as reason:
        pytest.skip(f"no Blender 5.2 with windows: {reason}")
    clip = demo_clip(tmp_path)
    # No engine is named: what the zip brings is all that there is.
    with windowed_blender("5.2", package, tmp_path, (), network=False) as blender:
        blender.ask(f"open_clip({str(clip)!r}, {str(tmp_path / 'shot.blend')!r})\nanswer = None")
        blender.ask("show_tab()\nanswer = None")
        blender.screenshot("opened")
        blender.move(*FISH)
        blender.key("k")
        blender.click(*FISH)
        blender.until(f"{STATE}.previews", 120)
        blender.screenshot("first mask")
        assert blender.ask("answer = part('host').engine.runtimes") == ["onnx"]
        blender.pointer("keydown", "ctrl")
        blender.click(*ROCK)
        blender.pointer("keyup", "ctrl")
        blender.key("Escape")
        blender.invoke("rotopoint.track", direction="both")
        blender.until(f"{STATE}.done == 48 and not {STATE}.tracking", 300)
        blender.invoke("rotopoint.wire")
        assert blender.ask(f"answer = len({WIRED})") == 1
        blender.screenshot("tracked")
        mattes = blender.ask("answer = str(part('mattes').folder_of(bpy.context.scene.active_clip))")
        overlaps = overlaps_with_truth(Path(mattes))
        assert len(overlaps) == 48 and sum(overlaps) / 48 > LEAST_OVERLAP
        word = blender.ask(f"answer = {STATE}.message")
    assert "48" in word
    assert np.fromfile(tmp_path / "tracked.png", np.uint8).size > 10_000
