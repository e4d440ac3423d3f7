# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes of other points are not taken for those of what is asked, nor replaced without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon import compat, compositor, host, made_of, mattes
from blender_addon.clip_editor.shot_operators import ROTOPOINT_OT_wire
from blender_addon.guarded import DoubtfulOperator
from rotopoint.deliver.naming import record_path
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, WIDTH, plate, read, write, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def project(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A folder in which v1.blend was tracked, and saved as v2.blend, which is open."""
    use_fake_worker()
    folder = tmp_path / "project ä"
    load_clip(write_plates(folder / "plates"))
    rotopoint.subject_add(name="runner")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    save(folder / "v1.blend")
    rotopoint.track()
    save(folder / "v1.blend")
    save(folder / "v2.blend")
    return folder


def save(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=True)


def open_again(path: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(path))


def only_clip() -> bpy.types.MovieClip:
    (clip,) = bpy.data.movieclips
    return clip


def refused(reason: str) -> object:
    return pytest.raises(RuntimeError, match=reason)


def said(clip: bpy.types.MovieClip) -> str:
    return made_of.outdated(clip).line


def wired() -> bool:
    tree = compat.find_compositor_tree(bpy.context.scene)
    return tree is not None and any("rotopoint_role" in node for node in tree.nodes)


def left_edge(number: int = 1) -> float:
    """Where the disc of a matte lies, in pixels."""
    clip = only_clip()
    path = mattes.folder_of(clip) / f"plate_runner_matte.{number:04d}.png"
    return float(np.nonzero(read(path))[1].mean() + 0.5)


def test_the_first_version_does_not_wire_the_mattes_of_the_second(project: Path) -> None:
    assert rotopoint.wire() == {"FINISHED"}, "nothing has changed yet"
    rotopoint.unwire()
    only_clip().rotopoint.subjects[0].points[0].x = 0.25
    with refused(f"of v1.blend, not of what is asked here .runner, frames 1-{COUNT}.: track again"):
        rotopoint.wire()
    assert not wired()
    with refused("has other mattes, of v1.blend: choose another folder, or replace them"):
        rotopoint.track()
    assert left_edge() == pytest.approx(0.5 * WIDTH, abs=1.0) and not host.engine.working
    with refused("of v1.blend, not of what is asked here"):
        rotopoint.approve(first=1)
    assert not only_clip().rotopoint.subjects[0].approved
    assert rotopoint.track(anyway=True) == rotopoint.wire() == {"FINISHED"}
    assert left_edge() == pytest.approx(0.25 * WIDTH, abs=1.0)
    # It is the second's now, and asks no more.
    only_clip().rotopoint.subjects[0].points[0].x = 0.3
    rotopoint.track()
    save(project / "v2.blend")

    open_again(project / "v1.blend")
    assert said(only_clip()).startswith("Mattes are of v2.blend, not of what is asked here")
    with refused("of v2.blend"):
        rotopoint.wire()
    with refused("of v2.blend"):
        rotopoint.track()
    assert rotopoint.track(anyway=True) == rotopoint.wire() == {"FINISHED"}
    assert made_of.outdated(only_clip()) is None
    open_again(project / "v2.blend")
    with refused("of v1.blend"):
        rotopoint.wire()


def test_another_folder_keeps_both(project: Path, tmp_path: Path) -> None:
    clip = only_clip()
    clip.rotopoint.subjects[0].points[0].x = 0.25
    clip.rotopoint.folder = "//mattes of v2"
    assert rotopoint.track() == rotopoint.wire() == {"FINISHED"}
    save(project / "v2.blend")
    open_again(project / "v1.blend")
    assert rotopoint.track() == rotopoint.wire() == {"FINISHED"}
    assert left_edge() == pytest.approx(0.5 * WIDTH, abs=1.0)


def test_a_version_whose_file_is_gone_asks_nobody(project: Path) -> None:
    (project / "v1.blend").unlink()
    only_clip().rotopoint.subjects[0].points[0].x = 0.25
    with refused("not of what is asked now"):
        rotopoint.wire()
    assert rotopoint.track() == {"FINISHED"}


def test_two_clips_of_one_name_that_share_a_folder(project: Path) -> None:
    open_again(project / "v1.blend")
    first = only_clip()
    other = load_clip(write_plates(project / "other plates"))
    rotopoint.subject_add(name="runner")
    rotopoint.point_add(x=0.25, y=0.5, frame=1)
    other.rotopoint.folder = str(mattes.folder_of(first))
    with refused(f"of {first.name}, not of what is asked here"):
        rotopoint.wire()
    with refused(f"has other mattes, of {first.name}"):
        rotopoint.track()
    rotopoint.track(anyway=True)
    bpy.context.scene.active_clip = first
    with refused(f"of {other.name}, not of what is asked here"):
        rotopoint.wire()


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: setattr(asked.subjects[0].matte, "edge", "soft"),
        lambda asked: setattr(asked, "checkpoint", "tiny"),
        lambda asked: setattr(asked.subjects[0].matte, "largest_hole", 50),
        lambda asked: setattr(asked.subjects[0], "follow", True),
        lambda asked: rotopoint.absent_set(first=3, last=4),
        lambda asked: rotopoint.box_add(x0=0.1, y0=0.1, x1=0.4, y1=0.4, frame=5),
    ],
)
def test_settings_count_as_points_do(project: Path, change: Callable[[object], object]) -> None:
    change(only_clip().rotopoint)
    assert "not of what is asked" in said(only_clip())
    with refused("not of what is asked"):
        rotopoint.wire()


def test_what_alters_no_matte_alters_nothing(project: Path) -> None:
    clip = only_clip()
    clip.name = "renamed"
    clip.rotopoint.folder = str(project / "rotopoint" / "plate_0001.png")
    clip.rotopoint.subjects[0].color = (0.0, 0.0, 1.0)
    clip.rotopoint.use_range, clip.rotopoint.range_last = True, 3
    clip.frame_start = 101
    assert made_of.outdated(clip) is None and made_of.of_another(clip) is None
    assert rotopoint.wire() == {"FINISHED"}


def test_mattes_of_another_take_of_the_clip(project: Path) -> None:
    for n in range(1, COUNT + 1):
        write(project / "plates" / f"plate_{n:04d}.png", 255 - plate(n))
    with refused("not of what is asked"):
        rotopoint.wire()


def test_a_part_tracked_anew_names_the_rest(project: Path) -> None:
    save(project / "v1.blend")
    clip = only_clip()
    clip.rotopoint.subjects[0].points[0].x = 0.25
    rotopoint.track(first=4, last=6)
    clip.rotopoint.use_range = False
    assert f"runner, frames 1-3, 7-{COUNT}" in said(clip)
    clip.rotopoint.subjects[0].points[0].x = 0.5
    assert "runner, frames 4-6" in said(clip)
    rotopoint.track()
    assert made_of.outdated(clip) is None


def test_what_a_direction_left_empty_is_not_what_both_ask(project: Path) -> None:
    save(project / "v1.blend")
    clip = only_clip()
    rotopoint.prompts_clear(scope="ALL")
    rotopoint.point_add(x=0.5, y=0.5, frame=5)
    rotopoint.track(direction="forward")
    assert made_of.outdated(clip) is None
    clip.rotopoint.direction = "both"
    assert "runner, frames 1-4" in said(clip)


def test_work_that_was_killed_leaves_nothing_that_passes_for_whole(project: Path) -> None:
    clip = only_clip()
    folder = mattes.folder_of(clip)
    path = record_path(folder, "plate")
    whole = json.loads(path.read_text(encoding="utf-8"))
    # As a worker leaves it that dies before its end: some files, and nothing of them in the record.
    path.write_text(json.dumps(whole | {"subjects": {}}), encoding="utf-8")
    with refused(f"runner, frames 1-{COUNT}"):
        rotopoint.wire()
    assert rotopoint.track() == rotopoint.wire() == {"FINISHED"}


def test_approving_changes_no_matte_and_withdrawing_is_noticed(project: Path) -> None:
    clip = only_clip()
    rotopoint.approve(first=3, last=5)
    assert made_of.outdated(clip) is None and rotopoint.wire() == {"FINISHED"}
    # The worker delivers what was approved; the fake one writes a disc that is the same.
    rotopoint.track()
    assert made_of.outdated(clip) is None
    rotopoint.approval_clear(first=3, last=5)
    assert "runner, frames 3-5" in said(clip)


def test_names_that_change_places(project: Path) -> None:
    clip = only_clip()
    rotopoint.subject_add(name="ball")
    rotopoint.point_add(x=0.25, y=0.5, frame=1)
    rotopoint.track(anyway=True)
    first, second = clip.rotopoint.subjects
    first.name, second.name = "x", "runner"
    first.name = "ball"
    assert "ball, frames 1" in said(clip) and "runner, frames 1" in said(clip)
    with refused("not of what is asked"):
        rotopoint.wire()


def test_a_project_moved_as_a_whole_is_still_its_own(project: Path, tmp_path: Path) -> None:
    only_clip().rotopoint.subjects[0].points[0].x = 0.25
    rotopoint.track(anyway=True)
    save(project / "v2.blend")
    moved = tmp_path / "moved ö"
    project.rename(moved)
    open_again(moved / "v2.blend")
    assert made_of.outdated(only_clip()) is None
    only_clip().rotopoint.subjects[0].points[0].x = 0.3
    assert rotopoint.track() == {"FINISHED"}, "its own mattes are replaced without a question"
    open_again(moved / "v1.blend")
    with refused("of v2.blend"):
        rotopoint.track()


def test_a_click_is_asked_and_may_go_on(project: Path) -> None:
    """What the window does: Blender shows the question, and runs `execute` where a person agrees."""
    asked: list[dict[str, object]] = []

    def invoke_confirm(_operator: object, _event: object, **shown: object) -> set[str]:
        asked.append(shown)
        return {"RUNNING_MODAL"}

    context = SimpleNamespace(
        scene=bpy.context.scene,
        space_data=None,
        window_manager=SimpleNamespace(invoke_confirm=invoke_confirm),
    )

    class Pressed(DoubtfulOperator):
        bl_label, confirm_text = "Wire", ROTOPOINT_OT_wire.confirm_text
        anyway = False
        works = 0
        doubt = ROTOPOINT_OT_wire.doubt

        def work(self, _context: object) -> None:
            self.works += 1

        def report(self, _kind: set[str], message: str) -> None:
            asked.append({"report": message})

    pressed = Pressed()
    assert (pressed.invoke(context, None), pressed.works, asked) == ({"FINISHED"}, 1, [])
    only_clip().rotopoint.subjects[0].points[0].x = 0.25
    assert (pressed.invoke(context, None), pressed.works) == ({"RUNNING_MODAL"}, 1)
    ((question,),) = (asked,)
    assert "v1.blend" in question["message"] and question["confirm_text"] == "Wire Anyway"
    assert (pressed.execute(context), pressed.works) == ({"FINISHED"}, 2)

    only_clip().filepath = "//gone.png"
    again = Pressed()
    assert again.invoke(context, None) == {"CANCELLED"} and "not there" in asked[-1]["report"]


def test_the_panel_says_it(project: Path) -> None:
    clip = only_clip()
    subject = clip.rotopoint.subjects[0]
    subject.points[0].x = 0.25
    assert host.mattes_outdated(clip) == "Mattes of v1.blend: track again"
    save(project / "v1.blend")
    assert host.mattes_outdated(clip) == "Mattes of other points: track again"
    host.engine.state(clip.session_uid).tracking = True
    assert host.mattes_outdated(clip) is None
    host.engine.state(clip.session_uid).tracking = False
    clip.filepath = "//gone.png"
    assert host.mattes_outdated(clip) is None, "what is wrong with the clip is told where it is used"


def test_a_removed_or_new_subject(project: Path) -> None:
    clip = only_clip()
    rotopoint.wire()
    rotopoint.subject_add(name="ball")
    assert rotopoint.wire() == {"FINISHED"}, "what has mattes is wired, with a warning for the other"
    clip.rotopoint.active_index = 0
    rotopoint.subject_remove()
    with refused("no mattes of|No mattes of"):
        rotopoint.wire()


def test_a_renamed_subject_is_wired_to_its_old_files_until_it_is_tracked(project: Path) -> None:
    def reason() -> str | None:
        asked = {subject.uid: subject.name for subject in only_clip().rotopoint.subjects}
        return compositor.out_of_date(bpy.context.scene, only_clip(), asked)

    rotopoint.wire()
    assert reason() is None
    rotopoint.subject_rename(name="Läufer")
    assert reason() == "Läufer had another name when it was wired: track, then wire again"
    with refused("track the clip first"):
        rotopoint.wire()
    rotopoint.track()
    rotopoint.wire()
    assert reason() is None
