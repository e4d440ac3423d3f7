# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in a panel: none is lost in a narrow sidebar, and a failure names what helps as long as it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host
from blender_addon.clip_editor.pointing import show_preview
from blender_addon.faults import Remedy, remedy_of, told
from blender_addon.finished import Finished
from blender_addon.lines import said_of, wrapped
from blender_addon.preferences import preferences
from rotopoint.errors import (
    CheckpointMissing,
    DeviceMemoryShort,
    GraphsMissing,
    PackageMissing,
    WorkerDied,
    WorkerNotStarted,
    WorkerSilent,
)
from rotopoint.events import MatteView
from rotopoint.messages import explain
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import write_plates


@pytest.mark.parametrize("width", [1, 4, 7, 12, 40, 1000])
def test_nothing_is_lost_and_no_line_is_wider(width: int) -> None:
    text = "Set the Python of Rotopoint's engine in /a/long/path_without_spaces"
    lines = wrapped(text, width, len)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(len, lines)) <= width
    assert not any(one != one.strip() for one in lines)


def test_words_stay_whole_where_they_fit() -> None:
    assert wrapped("one two three", 7, len) == ["one two", "three"]
    assert wrapped("one abcdefghij two", 4, len) == ["one", "abcd", "efgh", "ij", "two"]
    assert wrapped("", 7, len) == []


def test_what_helps() -> None:
    for error in (WorkerNotStarted("python", "no such file"), PackageMissing("torch", "torch")):
        assert remedy_of(error) is Remedy.PREFERENCES
    for error in (WorkerDied(1, ""), WorkerSilent(30.0, "")):
        assert remedy_of(error) is Remedy.AGAIN
    assert remedy_of(OSError("disk full")) is None


def test_what_the_preferences_help_with_is_told_without_a_terminal() -> None:
    for error, way in (
        (CheckpointMissing("tiny", Path("tiny.pt")), "download it in the add-on's preferences"),
        (GraphsMissing("tiny", Path("graphs"), "fp32"), "set up the large engine in the add-on's"),
    ):
        text, remedy = told(type(error).__name__, explain(error), sets_up=True)
        assert way in text and "tiny" in text and "run:" not in text and remedy is Remedy.PREFERENCES
        assert "run: rotopoint" in told(type(error).__name__, explain(error), sets_up=False)[0]
    short = DeviceMemoryShort("cuda", "large", "base_plus")
    text, remedy = told("DeviceMemoryShort", explain(short), sets_up=True)
    assert text.endswith("choose the checkpoint base_plus, or choose the device cpu")
    assert remedy is Remedy.PREFERENCES
    assert told("FrameUnreadable", "no", sets_up=True) == ("No", None)


def test_a_matte_that_is_shown_in_fewer_pixels_says_so() -> None:
    matte = Finished("s", 1, (), np.zeros((1080, 2048), np.uint8), seconds=0.06)
    assert said_of(matte, 2048) == "Shown as delivered. Made in 0.06 s"
    assert said_of(matte, 4096) == "Shown as delivered, with 2048 of 4096 pixels. Made in 0.06 s"
    assert said_of(replace(matte, seconds=3.21, solved=True), 2048).endswith("Alpha solved in 3.2 s")
    trimap = replace(matte, view=MatteView.TRIMAP)
    assert said_of(trimap, 2048) == "Gray: where alpha is to be solved. Made in 0.06 s"


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    return clip


def test_an_engine_that_is_not_set_is_told_until_it_is(clip: bpy.types.MovieClip) -> None:
    host.engine.close()
    preferences().engine = preferences().interpreter = ""
    show_preview(bpy.context, clip)
    state = host.state_of(clip)
    assert state.failed and "brings no engine" in state.message and state.remedy is Remedy.PREFERENCES
    assert not host.was_heeded(state)
    preferences().engine = "python -m rotopoint.worker"
    assert host.was_heeded(state)


def test_an_engine_that_cannot_be_run_is_told_until_another_is_set(clip: bpy.types.MovieClip) -> None:
    host.engine.close()
    preferences().engine = "nowhere-to-be-found"
    show_preview(bpy.context, clip)
    state = host.state_of(clip)
    assert state.remedy is Remedy.PREFERENCES and not host.was_heeded(state)
    preferences().engine = "somewhere-else"
    assert host.was_heeded(state)


def test_a_worker_that_dies_is_tried_again(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--dead", "1")
    show_preview(bpy.context, clip)
    state = host.wait(clip, 30.0)
    assert state.failed and state.remedy is Remedy.AGAIN
    use_fake_worker()
    show_preview(bpy.context, clip)
    state = host.wait(clip, 30.0)
    assert not state.failed and state.message == ""
