# SPDX-License-Identifier: GPL-3.0-or-later
"""What fails is told in one line, leaves nothing half done, and the next try works."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon import host, mattes, shots
from blender_addon.clip_editor import overlay
from blender_addon.clip_editor.pointing import PointingOperator
from blender_addon.compositor import out_of_date
from rotopoint.errors import OutputUnwritable
from rotopoint.events import DoneEvent, PreviewEvent
from rotopoint.shot import Box, Point, Settings, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import load_shot, revision, save_shot
from rotopoint.worker.client import Received
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, WIDTH, write_mattes, write_plates

pytestmark = pytest.mark.usefixtures("addon")

LIMIT = 30.0

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    use_fake_worker()
    return clip


def refused(reason: str) -> object:
    return pytest.raises(RuntimeError, match=reason)


def assert_idle(clip: bpy.types.MovieClip) -> None:
    assert not host.engine.working and not host.state_of(clip).tracking


@pytest.mark.parametrize("started", [False, True])
def test_a_folder_that_cannot_be_made_leaves_nothing_under_way(
    clip: bpy.types.MovieClip, tmp_path: Path, started: bool
) -> None:
    if started:
        rotopoint.preview(frame=1)
    (tmp_path / "file").touch()
    clip.rotopoint.folder = str(tmp_path / "file" / "mattes")
    for _ in range(2):
        with refused("Cannot write to"):
            rotopoint.track()
        assert_idle(clip)
    clip.rotopoint.folder = str(tmp_path / "mattes")
    assert rotopoint.track() == {"FINISHED"}


@pytest.mark.parametrize("step", ["mattes.save_shot_beside", "made_of.claim", "engine.start"])
def test_whatever_fails_before_tracking_someone_listens_or_nothing_works(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OutputUnwritable(Path("x"), "no")

    listening: list[bool] = []
    monkeypatch.setattr(host._timer, "start", lambda: listening.append(True))
    with monkeypatch.context() as failing:
        failing.setattr(f"blender_addon.host.{step}", fail)
        with refused("Cannot write"):
            rotopoint.track()
        assert_idle(clip)
        assert listening or not host.engine.started
    assert rotopoint.track() == {"FINISHED"}


def test_what_is_refused_changes_no_setting(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    asked = revision(shots.shot_of(clip))
    for call, reason in (
        (lambda: rotopoint.track(first=9, last=4), "reversed"),
        (lambda: rotopoint.track(direction="forward", first=2), "no points yet"),
    ):
        if reason == "no points yet":
            add_subject(clip, "empty")
            asked = revision(shots.shot_of(clip))
        with refused(reason):
            call()
        assert revision(shots.shot_of(clip)) == asked


def test_a_disk_that_fails_is_told_by_every_operator(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/drive/plates")

    monkeypatch.setattr(mattes, "folder_of", fail)
    for call in (rotopoint.track, rotopoint.wire, lambda: rotopoint.approve(first=1)):
        with refused("Cannot use /drive/plates: permission denied"):
            call()
    assert_idle(clip)
    assert host.mattes_outdated(clip) is None


def test_saving_a_shot_where_none_can_be_written(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    (tmp_path / "taken.json").mkdir()
    for path in (tmp_path / "taken.json", tmp_path / "nowhere" / "shot.json"):
        with refused("Cannot write"):
            rotopoint.shot_save(filepath=str(path))
        assert not path.is_file()


def test_an_unforeseen_error_while_listening_ends_the_work(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender drops a timer that raises: what is under way would seem so for ever."""
    use_fake_worker("--slow", "0.5")
    host.ask_track(clip)
    with monkeypatch.context() as failing:
        failing.setattr(host, "listen", lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            host._timer._turn()
    assert_idle(clip)
    assert (
        host.state_of(clip).failed
        and "Tracking has stopped: ZeroDivisionError" in host.state_of(clip).message
    )
    use_fake_worker()
    assert rotopoint.track() == {"FINISHED"}


def test_a_newer_shot_that_cannot_be_asked_for_ends_the_tracking(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was over before the newer shot reached it, and the worker has ended meanwhile."""
    host.ask_track(clip)
    asked = shots.shot_of(clip)
    clip.rotopoint.subjects[0].points[0].x = 0.25
    host.keep_up()
    (request,) = host.engine._work
    client = host.engine._client
    over = [Received(DoneEvent(request, revision(asked), COUNT, COUNT), b"")]
    monkeypatch.setattr(client, "poll", lambda: over)
    monkeypatch.setattr(type(client), "running", False)

    def launch() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/engine")

    monkeypatch.setattr(host.engine, "_launch", launch)
    host.listen()
    assert_idle(clip)
    state = host.state_of(clip)
    assert state.failed and state.message


@pytest.mark.parametrize(("size", "dtype"), [(64, "float16"), (4, "no type")])
def test_an_answer_that_cannot_be_read_fails_the_click(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch, size: int, dtype: str
) -> None:
    uid = clip.rotopoint.subjects[0].uid
    host.ask_preview(clip, uid, 1)
    (request,) = host.engine._work
    event = PreviewEvent(request, revision(shots.shot_of(clip)), uid, 1, size, size, dtype, False, 1.0, 1.0)
    monkeypatch.setattr(host.engine._client, "poll", lambda: [Received(event, b"\0" * 32)])
    assert host.listen() == {clip.session_uid}
    assert_idle(clip)
    assert host.state_of(clip).failed and host.state_of(clip).message.startswith("Unreadable message")


BEYOND = 2**40


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda s: replace(s, settings=Settings(first_number=BEYOND)), "a whole number of at most"),
        (
            lambda s: replace(s, settings=Settings(range=FrameRange(ClipFrame(1), ClipFrame(BEYOND)))),
            "a whole number of at most",
        ),
        (
            lambda s: s.with_subjects(
                [Subject("n", "new", absent=(FrameRange(ClipFrame(2), ClipFrame(BEYOND)),))]
            ),
            "a whole number of at most",
        ),
        (
            lambda s: s.with_subjects([Subject("n", "new", (Point(ClipFrame(1), WIDTH + 1.0, 2.0),))]),
            "outside the picture",
        ),
        (
            lambda s: s.with_subjects([Subject("n", "new", (Box(ClipFrame(1), -2.0, 0.0, 9.0, 9.0),))]),
            "leaves the picture",
        ),
    ],
)
def test_a_shot_that_does_not_fit_replaces_nothing(
    clip: bpy.types.MovieClip, tmp_path: Path, change: object, error: str
) -> None:
    add_subject(clip, "ball", (2, 0.25, 0.5, True))
    asked = shots.shot_of(clip)
    path = tmp_path / "shot.json"
    save_shot(change(asked), path)
    with refused(error):
        rotopoint.shot_load(filepath=str(path))
    assert shots.shot_of(clip) == asked
    save_shot(asked.with_subjects(asked.subjects[:1]), path)
    assert rotopoint.shot_load(filepath=str(path)) == {"FINISHED"}
    assert shots.shot_of(clip) == load_shot(path)


def test_mattes_that_have_moved_are_told(
    clip: bpy.types.MovieClip, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    write_mattes(tmp_path / "mattes")
    rotopoint.wire()
    asked = {subject.uid: subject.name for subject in clip.rotopoint.subjects}
    assert out_of_date(scene, clip, asked) is None
    (tmp_path / "mattes").rename(tmp_path / "elsewhere")
    assert (
        out_of_date(scene, clip, asked)
        == "The mattes of runner are not where they were wired from: wire again"
    )
    with refused("track the clip first"):
        rotopoint.wire()
    clip.rotopoint.folder = str(tmp_path / "elsewhere")
    rotopoint.wire()
    assert out_of_date(scene, clip, asked) is None


class Window:
    """What a modal operator changes while it points, and has to put back."""

    def __init__(self, clip: bpy.types.MovieClip) -> None:
        self.cursor, self.status = "CROSSHAIR", "click in the picture"
        view = SimpleNamespace(
            view_to_region=lambda x, y, clip: (10 * x, 10 * y), region_to_view=lambda x, y: (x / 10, y / 10)
        )
        region = SimpleNamespace(type="WINDOW", x=0, y=0, width=10, height=10, view2d=view)
        self.area = SimpleNamespace(type="CLIP_EDITOR", regions=[region], tag_redraw=lambda: None)
        self.window = SimpleNamespace(cursor_modal_restore=lambda: setattr(self, "cursor", None))
        self.workspace = SimpleNamespace(status_text_set=lambda text: setattr(self, "status", text))
        self.scene = SimpleNamespace(active_clip=clip)
        self.space_data = None


class Dragging(PointingOperator):
    """Its drag fails as `fault` says."""

    bl_label = "Drag"
    _begun = True
    fault: Exception | None = None

    @classmethod
    def poll_message_set(cls, _reason: str) -> None:
        pass

    def drag(self, *_: object) -> None:
        overlay.show_dragged((0.5, 0.5))
        if self.fault is not None:
            raise self.fault

    def drop(self, _context: object) -> None:
        overlay.show_dragged(None)


@pytest.fixture
def window(clip: bpy.types.MovieClip) -> Iterator[Window]:
    yield Window(clip)
    overlay.show_dragged(None)


def event(kind: str) -> SimpleNamespace:
    return SimpleNamespace(type=kind, value="PRESS", mouse_x=5, mouse_y=5)


def put_back(window: Window) -> bool:
    return (window.cursor, window.status, overlay._overlay.dragged) == (None, None, None)


def test_pointing_that_fails_gives_mouse_and_header_back(window: Window) -> None:
    dragging = Dragging()
    assert dragging.modal(window, event("MOUSEMOVE")) == {"RUNNING_MODAL"} and not put_back(window)
    dragging.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        dragging.modal(window, event("MOUSEMOVE"))
    assert put_back(window)


@pytest.mark.parametrize("gone", ["subject", "area"])
def test_pointing_ends_where_what_it_points_at_is_gone(
    window: Window, clip: bpy.types.MovieClip, gone: str
) -> None:
    dragging = Dragging()
    dragging.modal(window, event("MOUSEMOVE"))
    if gone == "subject":
        clip.rotopoint.subjects.clear()
    else:
        window.area = None
    assert dragging.modal(window, event("MOUSEMOVE")) == {"CANCELLED"}
    assert put_back(window)
