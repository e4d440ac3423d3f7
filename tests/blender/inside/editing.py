# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the Clip Editor's operators share: an area of that kind, and short ways to ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from blender_addon import host, shots
from rotopoint.standing import digest_on, stretches_of

rotopoint = bpy.ops.rotopoint

LIMIT = 30.0


@contextmanager
def clip_editor(clip: bpy.types.MovieClip | None) -> Iterator[bpy.types.Context]:
    """An area of the screen as a Clip Editor that shows `clip`."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    kind, area.type = area.type, "CLIP_EDITOR"
    area.spaces.active.clip = clip
    region = next(r for r in area.regions if r.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
            yield bpy.context
    finally:
        area.type = kind


def prompts(clip: bpy.types.MovieClip) -> tuple[object, ...]:
    """Those of the active subject, as the shot has them."""
    return shots.subject_of(shots.active_subject(clip), clip).prompts


def names(clip: bpy.types.MovieClip) -> list[str]:
    return [subject.name for subject in clip.rotopoint.subjects]


def refused(reason: str) -> object:
    """An operator's error, or what its poll says."""
    return pytest.raises(RuntimeError, match=reason)


def note_confidences(clip: bpy.types.MovieClip, confidences: dict[int, float]) -> None:
    """As if the active subject had been tracked on these clip frames as it asks now."""
    shot, state = shots.shot_of(clip), host.engine.state(clip.session_uid)
    subject = shot.subject(shots.active_subject(clip).uid)
    stretches = stretches_of(subject, shot.settings, Path(shot.clip.path), shot.clip.frame_count)
    for frame, confidence in confidences.items():
        state.standing.notes.note(subject.id, digest_on(stretches, frame), frame, confidence)
    state.standing.changes += 1


def until(condition: Callable[[], object]) -> None:
    """Do in the background what the timer does in a window."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        host.listen()
        host.keep_up()
        time.sleep(0.01)


class Recorder:
    """Stands in for a layout: refuses operators, properties, arguments and icons that Blender has not."""

    functions = bpy.types.UILayout.bl_rna.functions
    icons = frozenset(functions["prop"].parameters["icon"].enum_items.keys())

    def __init__(self) -> None:
        self.operators: list[str] = []
        self.labels: list[str] = []

    def __getattr__(self, function: str) -> Callable[..., object]:
        parameters = self.functions[function].parameters

        def call(*values: object, **named: object) -> object:
            inputs = [name for name, item in parameters.items() if not item.is_output]
            given = dict(zip(inputs, values, strict=False)) | named
            assert set(named) <= set(inputs), f"{function}: {named}"
            assert given.get("icon", "NONE") in self.icons, given["icon"]
            return self._check(function, given)

        return call

    def _check(self, function: str, given: dict[str, Any]) -> object:
        if function.startswith("operator"):
            rna = getattr(rotopoint, given["operator"].removeprefix("rotopoint.")).get_rna_type()
            assert given.get("property", "rna_type") in rna.properties
            self.operators.append(given["operator"])
            return SimpleNamespace()
        if function == "prop":
            assert given["property"] in given["data"].bl_rna.properties
        if function == "template_list":
            assert hasattr(bpy.types, given["listtype_name"])
            assert given["propname"] in given["dataptr"].bl_rna.properties
            assert given["active_propname"] in given["active_dataptr"].bl_rna.properties
        self.labels.append(given.get("text", ""))
        return self
