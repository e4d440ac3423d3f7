# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries from Blender: what is asked of the worker, how far it is, what came of it."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from blender_addon import delivery_properties, host, shots
from blender_addon.clip_editor.deliver import delivering, not_delivering
from blender_addon.delivery import Delivery
from blender_addon.pace import clock
from rotopoint.deliver.kinds import Kind
from rotopoint.errors import NameTemplateUnusable
from rotopoint.events import CancelledEvent, DoneEvent, ErrorEvent, FrameEvent, StartedEvent
from rotopoint.shot import MatteFormat
from rotopoint.shot.json import shot_from_dict
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, write_plates

LIMIT = 30.0


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    """With two subjects, the first of them active, and mattes that go to a folder of their own."""
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    add_subject(clip, "ball", (1, 0.2, 0.5, True))
    use_fake_worker()
    return clip


def test_every_kind_of_core_can_be_chosen(clip: bpy.types.MovieClip) -> None:
    asked = clip.rotopoint_delivery
    for kind in Kind:
        asked.kind = kind.value
        assert delivery_properties.request_for(clip)[0].files == kind.value


def test_what_is_chosen_is_what_is_asked(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    asked = clip.rotopoint_delivery
    request, shot = delivery_properties.request_for(clip)
    uids = tuple(subject.id for subject in shot.subjects)
    assert (request.files, request.name, request.version) == ("mattes", delivery_properties.VERSIONED, None)
    assert Path(request.folder) == tmp_path / "mattes" / "deliveries"
    assert set(request.subjects) == set(uids) and len(uids) == 2
    assert shot_from_dict(request.shot) == shot and shot.settings.format is MatteFormat.PNG

    asked.kind, asked.format, asked.compression = "mattes", "exr", "dwaa"
    asked.frames, asked.first, asked.last = "PART", 3, 5
    asked.subjects, asked.padding = "ACTIVE", 6
    asked.use_first_number, asked.first_number = True, 1001
    asked.plate, asked.use_frame_rate = True, True
    request, shot = delivery_properties.request_for(clip)
    active = clip.rotopoint.subjects[0].uid
    assert request.subjects == (active,) and [s.id for s in shot.subjects] == [active]
    assert (request.compression, request.padding) == ("dwaa", 6)
    assert (request.plate, request.frame_rate) == (False, None), "mattes have neither"
    settings = shot.settings
    assert (settings.format, settings.first_number) == (MatteFormat.EXR, 1001)
    assert (settings.range.first, settings.range.last) == (3, 5)
    asked.kind = "layers"
    assert delivery_properties.request_for(clip)[0].plate
    asked.kind = "prores"
    assert delivery_properties.request_for(clip)[0].frame_rate == 24.0
    asked.subjects = "VISIBLE"
    clip.rotopoint.subjects[0].visible = False
    assert delivery_properties.request_for(clip)[0].subjects == (clip.rotopoint.subjects[1].uid,)
    assert shots.shot_of(clip).settings.range is None, "the clip's own range stays"


def test_subjects_that_mattes_depend_on_stay_in_the_shot(clip: bpy.types.MovieClip) -> None:
    clip.rotopoint_delivery.subjects = "ACTIVE"
    clip.rotopoint.subjects[0].matte.exclusive = True
    request, shot = delivery_properties.request_for(clip)
    assert len(request.subjects) == 1 and len(shot.subjects) == 2


def test_a_name_that_names_no_files_is_told(clip: bpy.types.MovieClip) -> None:
    clip.rotopoint_delivery.name_template = "{clip}"
    with pytest.raises(NameTemplateUnusable):
        delivery_properties.request_for(clip)
    with pytest.raises(RuntimeError, match="without {number}"):
        bpy.ops.rotopoint.deliver()


def test_files_are_only_replaced_where_a_name_has_no_version(clip: bpy.types.MovieClip) -> None:
    asked = clip.rotopoint_delivery
    asked.overwrite = True
    assert not delivery_properties.request_for(clip)[0].overwrite
    asked.name_template = "{clip}_{subject}.{number}"
    assert delivery_properties.request_for(clip)[0].overwrite


def test_delivering_writes_files_and_says_where(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    bpy.ops.rotopoint.deliver()
    delivery = host.state_of(clip).delivery
    assert not delivery.working and not delivery.failed and delivery.progress == 1.0
    assert len(list((tmp_path / "mattes" / "deliveries").glob("*.png"))) == 2 * COUNT
    assert delivery.message == f"Delivered {2 * COUNT} frames to {delivery.file}"
    assert Path(delivery.file).is_file() and delivery.folder == tmp_path / "mattes" / "deliveries"


def test_a_delivery_can_be_cancelled_and_the_worker_may_die_of_it(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--slow", "0.02")
    context = bpy.context
    assert delivering(context) is None and not_delivering(context) is not None
    host.ask_deliver(clip)
    assert delivering(context) is not None and not_delivering(context) is None
    bpy.ops.rotopoint.deliver_cancel()
    delivery = host.wait(clip, LIMIT).delivery
    assert delivery.message.startswith("Cancelled after") and not delivery.failed and not delivery.working
    use_fake_worker("--dead", "3")
    with pytest.raises(RuntimeError, match="out of memory"):
        bpy.ops.rotopoint.deliver()
    assert host.state_of(clip).delivery.failed


def test_progress_and_time_left() -> None:
    delivery = Delivery(Path("out"))
    delivery.apply(StartedEvent("1", "r", 10, 0), 0.0)
    frames = [FrameEvent("1", "r", "s", n, False, n, 10, f"out/{n}.png") for n in range(1, 5)]
    for now, frame in zip((5.0, 7.0, 9.0, 11.0), frames, strict=True):
        delivery.apply(frame, now)
    assert delivery.progress == 0.4 and delivery.seconds_left == 12.0
    delivery.apply(CancelledEvent("1"), 12.0)
    assert delivery.message == "Cancelled after 4 of 10 frames" and delivery.seconds_left is None
    assert [clock(seconds) for seconds in (0.4, 65, 3723)] == ["0:00", "1:05", "1:02:03"]


@pytest.mark.parametrize(
    ("error", "said", "expected"),
    [
        (
            "OutputExists",
            "out/a.png exists; give another folder, or --overwrite to replace it",
            "Out/a.png exists; put {version} into the name, or allow Overwrite",
        ),
        ("OutputUnwritable", "cannot write to out: disk full", "Cannot write to out: disk full"),
    ],
)
def test_what_went_wrong_says_what_to_do_in_blender(error: str, said: str, expected: str) -> None:
    delivery = Delivery(Path("out"))
    delivery.apply(ErrorEvent(error, said, 2, "1"), 0.0)
    assert delivery.failed and delivery.message == expected
    delivery = Delivery(Path("out"))
    delivery.apply(DoneEvent("1", "r", 0, 0), 0.0)
    assert not delivery.failed and delivery.message == "Delivered 0 frames to out"
