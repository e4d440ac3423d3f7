# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators of the Sequencer, from scripts and in areas of that kind; what their polls say; the panel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon import compat, host
from blender_addon.sequencer import find_matte, out_of_date, panel, source_clip
from blender_addon.strip_source import find_clip
from tests.blender.inside.addon import add_subject, use_fake_worker
from tests.blender.inside.editing import Recorder, refused
from tests.blender.inside.footage import COUNT, render, write_mattes
from tests.blender.inside.test_sequencer import ADD, add_images, assert_cut_out, snapshot, trim

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def edit(scene: bpy.types.Scene, addon: None) -> bpy.types.Scene:
    """A scene whose picture is the sequencer's."""
    scene.render.use_sequencer = True
    scene.render.fps = 24
    scene.sequence_editor_create()
    return scene


@pytest.fixture
def strip(edit: bpy.types.Scene, tmp_path: Path) -> bpy.types.Strip:
    """The plates as the active strip."""
    return activate(add_images(edit, tmp_path, start=5))


def activate(strip: bpy.types.Strip | None) -> bpy.types.Strip | None:
    bpy.context.scene.sequence_editor.active_strip = strip
    return strip


def deliver(clip: bpy.types.MovieClip, folder: Path, name: str, first_number: int) -> None:
    """A subject with all its mattes in the clip's folder, named as the worker names them."""
    add_subject(clip, name, (1, 0.5, 0.5, True))
    clip.rotopoint.folder = str(folder)
    stem = Path(clip.filepath).stem if clip.source == "MOVIE" else "plate"
    first = write_mattes(folder, name, first_number)
    for n in range(COUNT):
        file = first.with_name(f"plate_{name}_matte.{first_number + n:04d}.png")
        file.rename(file.with_name(file.name.replace("plate", stem, 1)))


@contextmanager
def sequencer(scene: bpy.types.Scene) -> Iterator[bpy.types.Context]:
    """An area of the screen as a Sequencer that shows `scene`."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    kind, area.type = area.type, "SEQUENCE_EDITOR"
    region = next(r for r in area.regions if r.type == "WINDOW")
    try:
        with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
            if hasattr(window.workspace, "sequencer_scene"):
                window.workspace.sequencer_scene = scene
            yield bpy.context
    finally:
        area.type = kind


def test_the_clip_of_a_strip_is_made_once(strip: bpy.types.Strip) -> None:
    scene = bpy.context.scene
    assert find_clip(strip) is None
    assert rotopoint.rotoscope_strip() == {"FINISHED"}
    clip = scene.active_clip
    assert clip == find_clip(strip) and clip.source == "SEQUENCE"
    scene.active_clip = None
    rotopoint.rotoscope_strip()
    assert scene.active_clip == clip and len(bpy.data.movieclips) == 1


@pytest.mark.parametrize("offset", [3, -2])
def test_a_clip_that_was_moved_in_time_is_found(strip: bpy.types.Strip, offset: int) -> None:
    """Blender counts the length of an image sequence from its Frame Offset."""
    clip = source_clip(strip)
    clip.frame_offset, clip.frame_start = offset, 20
    clip.filepath = clip.filepath
    rotopoint.rotoscope_strip()
    assert bpy.context.scene.active_clip == clip


def test_an_open_clip_editor_shows_the_clip(strip: bpy.types.Strip) -> None:
    area = bpy.context.window_manager.windows[0].screen.areas[-1]
    kind, area.type = area.type, "CLIP_EDITOR"
    try:
        with sequencer(bpy.context.scene):
            rotopoint.rotoscope_strip()
        assert area.spaces.active.clip == find_clip(strip)
    finally:
        area.type = kind


@pytest.mark.parametrize(("kind", "first_number"), [("images", 101), ("movie", 1)])
@pytest.mark.parametrize("in_area", [False, True])
def test_delivered_mattes_cut_the_strip_out(
    edit: bpy.types.Scene, tmp_path: Path, kind: str, first_number: int, in_area: bool
) -> None:
    strip = activate(ADD[kind](edit, tmp_path, start=5))
    trim(strip, 7, 12)
    before = snapshot(edit)
    rotopoint.rotoscope_strip()
    deliver(edit.active_clip, tmp_path / "Masken ü", "Läufer", first_number)
    if in_area:
        with sequencer(edit):
            assert rotopoint.matte_strip() == {"FINISHED"}
    else:
        assert rotopoint.matte_strip() == {"FINISHED"}
    assert edit.sequence_editor.active_strip == strip
    assert_cut_out(render(edit, tmp_path / "out", 7, 11), [3, 4, 5, 6, 7])
    with_matte = snapshot(edit)
    rotopoint.matte_strip(subject="Läufer")
    assert snapshot(edit) == with_matte
    rotopoint.matte_strip_remove()
    assert snapshot(edit) == before


def test_the_subject_is_the_active_one_or_the_named_one(strip: bpy.types.Strip, tmp_path: Path) -> None:
    rotopoint.rotoscope_strip()
    clip = find_clip(strip)
    for name in ("runner", "dog"):
        deliver(clip, tmp_path / "mattes", name, 101)
    add_subject(clip, "cat", (1, 0.5, 0.5, True))
    clip.rotopoint.active_index = 1
    rotopoint.matte_strip()
    assert find_matte(strip).name.startswith("dog")
    rotopoint.matte_strip(subject="runner")
    assert find_matte(strip).elements[0].filename == "plate_runner_matte.0101.png"
    assert len(compat.all_strips(bpy.context.scene)) == 2
    with refused("Cat has no mattes yet: track it"):
        rotopoint.matte_strip(subject="cat")
    with refused("has no subject bird"):
        rotopoint.matte_strip(subject="bird")
    with refused("shows the clip's frames 1 to 12, but runner has mattes of 1 to 11"):
        (tmp_path / "mattes" / "plate_runner_matte.0112.png").unlink()
        rotopoint.matte_strip(subject="runner")


def test_polls_say_why(strip: bpy.types.Strip, tmp_path: Path) -> None:
    activate(None)
    for operator in (rotopoint.rotoscope_strip, rotopoint.matte_strip, rotopoint.matte_strip_remove):
        assert not operator.poll()
        with refused("Choose a movie or image strip"):
            operator()
    activate(strip)
    assert rotopoint.rotoscope_strip.poll()
    with refused("Rotoscope the strip first"):
        rotopoint.matte_strip()
    rotopoint.rotoscope_strip()
    with refused("Add a subject to plate_0101.png"):
        rotopoint.matte_strip()
    with refused("plate has no matte"):
        rotopoint.matte_strip_remove()

    strip.use_reverse_frames = True
    for operator in (rotopoint.rotoscope_strip, rotopoint.matte_strip):
        with refused("Plate plays backward: switch Reverse Frames off"):
            operator()
    strip.use_reverse_frames = False

    deliver(find_clip(strip), tmp_path / "mattes", "runner", 101)
    rotopoint.matte_strip()
    activate(find_matte(strip))
    with refused("is a matte: choose the strip that it cuts out"):
        rotopoint.rotoscope_strip()


def test_a_matte_can_be_taken_off_what_is_refused_now(strip: bpy.types.Strip, tmp_path: Path) -> None:
    rotopoint.rotoscope_strip()
    deliver(find_clip(strip), tmp_path / "mattes", "runner", 101)
    rotopoint.matte_strip()
    strip.use_reverse_frames = True
    compat.top_strips(bpy.context.scene).remove(find_matte(strip))
    assert rotopoint.matte_strip_remove() == {"FINISHED"}
    assert not [m for m in strip.modifiers if m.type == "MASK"]


def test_undo_and_redo(strip: bpy.types.Strip, tmp_path: Path) -> None:
    def state() -> tuple[int, bool]:
        scene = bpy.context.scene
        found = compat.all_strips(scene)["plate"]
        return len(bpy.data.movieclips), find_matte(found) is not None

    def step(name: str) -> None:
        bpy.ops.ed.undo_push(message=name)

    step("strip")
    rotopoint.rotoscope_strip()
    deliver(find_clip(strip), tmp_path / "mattes", "runner", 101)
    step("clip")
    rotopoint.matte_strip()
    step("matte")
    for operator, expected in (
        ("undo", (1, False)),
        ("undo", (0, False)),
        ("redo", (1, False)),
        ("redo", (1, True)),
    ):
        getattr(bpy.ops.ed, operator)()
        assert state() == expected


def test_the_panel_draws_what_this_blender_has(strip: bpy.types.Strip, tmp_path: Path) -> None:
    recorder = Recorder()
    with sequencer(bpy.context.scene) as context:
        activate(None)
        assert not panel.ROTOPOINT_PT_strip.poll(context)
        activate(strip)
        rotopoint.rotoscope_strip()
        clip = find_clip(strip)
        deliver(clip, tmp_path / "mattes", "runner", 101)
        rotopoint.matte_strip()
        host.engine.state(clip.session_uid).say("an error", failed=True)
        host.engine.state(clip.session_uid).tracking = True
        assert panel.ROTOPOINT_PT_strip.poll(context)
        panel.ROTOPOINT_PT_strip.draw(SimpleNamespace(layout=recorder), context)
        assert {"an error", "plate_0101.png", "runner matte"} <= set(recorder.labels)
        strip.use_reverse_frames = True
        panel.ROTOPOINT_PT_strip.draw(SimpleNamespace(layout=recorder), context)
    assert "Plate plays backward: switch Reverse Frames off" in recorder.labels
    shown = {name.removeprefix("rotopoint.") for name in recorder.operators}
    assert shown == {name for name in dir(rotopoint) if "strip" in name}


def test_mattes_of_other_points_cut_nothing_out_unasked(strip: bpy.types.Strip, tmp_path: Path) -> None:
    use_fake_worker()
    rotopoint.rotoscope_strip()
    clip = find_clip(strip)
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    add_subject(clip, "ball", (1, 0.25, 0.5, True))
    rotopoint.track()
    clip.rotopoint.subjects[1].points[0].x = 0.3
    assert rotopoint.matte_strip(subject="runner") == {"FINISHED"}, "what changed is another subject"
    rotopoint.matte_strip_remove()
    with refused(f"not of what is asked now .ball, frames 1-{COUNT}.: track again"):
        rotopoint.matte_strip(subject="ball")
    assert find_matte(strip) is None
    recorder = Recorder()
    with sequencer(bpy.context.scene) as context:
        panel.ROTOPOINT_PT_strip.draw(SimpleNamespace(layout=recorder), context)
    assert "Mattes of other points: track again" in recorder.labels
    assert rotopoint.matte_strip(subject="ball", anyway=True) == {"FINISHED"}


def test_a_renamed_subject_keeps_its_old_matte_and_that_is_told(
    strip: bpy.types.Strip, tmp_path: Path
) -> None:
    clip = source_clip(strip)
    deliver(clip, tmp_path / "mattes", "runner", 101)
    rotopoint.matte_strip()
    (subject,) = clip.rotopoint.subjects
    assert out_of_date(strip, {subject.uid: "runner"}) is None
    said = "walker had another name when plate got its matte: track, then put it on again"
    assert out_of_date(strip, {subject.uid: "walker"}) == said
    assert out_of_date(strip, {"another": "walker"}) is None


def test_a_matte_that_has_moved_is_told(strip: bpy.types.Strip, tmp_path: Path) -> None:
    clip = source_clip(strip)
    deliver(clip, tmp_path / "mattes", "runner", 101)
    rotopoint.matte_strip()
    assert out_of_date(strip) is None
    (tmp_path / "mattes").rename(tmp_path / "elsewhere")
    assert out_of_date(strip) == "The matte of plate is not where it was: put it on again"
    clip.rotopoint.folder = str(tmp_path / "elsewhere")
    rotopoint.matte_strip()
    assert out_of_date(strip) is None
