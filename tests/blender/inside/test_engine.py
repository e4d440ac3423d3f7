# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker behind Blender: asked, late, garbled, silent, dead, of another version, restarted, ended."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.clip_state import ClipState
from blender_addon.engine import Engine
from blender_addon.engine_state import draw_engine
from blender_addon.faults import Refused
from blender_addon.lines import draw_last_word
from blender_addon.preferences import join_command, preferences, split_command
from rotopoint.shot.json import load_shot
from rotopoint.tracking.limits import MIB, MemoryLimits, asked_limits
from rotopoint.worker import server
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.editing import Recorder, until
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, read, write_plates

pytestmark = pytest.mark.usefixtures("addon")

LIMIT = 30.0


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    """A clip with one subject, whose mattes go to `mattes`."""
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    return clip


def subject_of(clip: bpy.types.MovieClip) -> str:
    return clip.rotopoint.subjects[0].uid


def tracked(clip: bpy.types.MovieClip) -> ClipState:
    host.ask_track(clip)
    return host.wait(clip, LIMIT)


def test_tracking_writes_every_matte(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    state = tracked(clip)
    assert (state.message, state.failed, state.tracking) == (
        f"Done: {COUNT} frames, {COUNT} of them new",
        False,
        False,
    )
    assert (state.done, state.total, state.progress) == (COUNT, COUNT, 1.0)
    assert len(list((tmp_path / "mattes").glob("*.png"))) == COUNT
    (saved,) = (tmp_path / "mattes").glob("*.shot.json")
    assert load_shot(saved) == shots.shot_of(clip)


def test_what_was_said_of_other_prompts_is_taken_back(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    subject_of(clip)
    assert tracked(clip).message.startswith("Done")
    host.look(clip, 3)
    assert host.wait(clip, LIMIT).message.startswith("Done")
    clip.rotopoint.subjects[0].points.clear()
    host.look(clip, 3)
    assert host.state_of(clip).message == ""


def test_a_preview_is_the_mask_around_the_point(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    uid = subject_of(clip)
    host.ask_preview(clip, uid, 1)
    preview = host.wait(clip, LIMIT).previews[uid, 1]
    height, width = preview.logits.shape
    assert preview.prompts == shots.shot_of(clip).subject(uid).prompts
    assert preview.logits[height // 2, width // 2] == pytest.approx(HEIGHT / 4, abs=2.0)
    rows, columns = np.nonzero(preview.logits > 0)
    assert columns.mean() / width == pytest.approx(0.5, abs=0.02)
    assert rows.mean() / height == pytest.approx(0.5, abs=0.02)
    assert WIDTH * np.ptp(columns) / width == pytest.approx(HEIGHT / 2, abs=6)


def test_a_preview_does_not_wait_for_points_of_others(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    empty = add_subject(clip, "not yet")
    host.ask_preview(clip, subject_of(clip), 1)
    assert not host.wait(clip, LIMIT).failed
    with pytest.raises(Refused, match="not yet has no points"):
        host.ask_preview(clip, empty, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--garbage"], "Unreadable message (no JSON"),
        (["--dead", "3"], "The worker ended unexpectedly (status 3): out of memory"),
        (["--protocol", "99"], "The worker speaks protocol 99, this side 1; update the older one"),
    ],
)
def test_bad_behavior_is_told_in_one_line(clip: bpy.types.MovieClip, options: list[str], said: str) -> None:
    use_fake_worker(*options)
    state = tracked(clip)
    assert state.failed and not state.tracking
    assert state.message.startswith(said)
    assert "\n" not in state.message
    assert not host.engine.started

    use_fake_worker()
    assert not tracked(clip).failed, "the next request starts the worker again"


def test_a_worker_of_another_version_works_and_is_told_of(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--package", "0.0.1")
    assert host.engine.caution == ""
    assert not tracked(clip).failed
    assert host.engine.caution.startswith("The engine is Rotopoint 0.0.1, and this is ")
    recorder = Recorder()
    draw_engine(recorder, bpy.context, brought=False, named=True)
    draw_last_word(recorder, bpy.context, clip)
    assert recorder.labels.count(host.engine.caution) == 2
    use_fake_worker()
    assert not tracked(clip).failed and host.engine.caution == ""


def test_a_silent_worker_is_given_up(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker("--silent")
    engine = Engine(host.engine._launch, hello_within=1.0)
    engine.track(1, shots.shot_of(clip), tmp_path)
    state = engine.wait(1, LIMIT)
    assert (state.message, state.failed) == ("The worker has said nothing for 1 seconds; see its log", True)
    assert not engine.started


def test_a_late_worker_is_waited_for(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--late", "1.5")
    host.ask_track(clip)
    assert host.state_of(clip).message == "Waiting for the engine"
    assert not host.wait(clip, LIMIT).failed


def test_a_worker_killed_while_idle_is_started_again(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    tracked(clip)
    client = host.engine._client
    os.kill(client.process_id, 9)
    until(lambda: not client.running)
    assert not tracked(clip).failed


def test_no_engine_and_a_wrong_one_are_named(clip: bpy.types.MovieClip) -> None:
    preferences().engine = ""
    with pytest.raises(Refused, match="set up the large one in the add-on's preferences"):
        host.ask_track(clip)
    preferences().interpreter = "/no such/python"
    with pytest.raises(Exception, match="/no such/python"):
        host.ask_track(clip)
    assert not host.engine.working


def test_cancelling_keeps_finished_frames(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker("--slow", "0.1")
    host.ask_track(clip)
    until(lambda: host.state_of(clip).done >= 2)
    host.engine.cancel(clip.session_uid)
    state = host.wait(clip, LIMIT)
    assert (state.message, state.failed, state.tracking) == (
        "Cancelled; finished frames are kept",
        False,
        False,
    )
    assert 2 <= len(list((tmp_path / "mattes").glob("*.png"))) < COUNT


def test_tracking_follows_what_is_asked_meanwhile(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker("--slow", "0.05")
    host.ask_track(clip)
    until(lambda: host.state_of(clip).done >= 2)
    clip.rotopoint.subjects[0].points[0].x = 0.25
    until(lambda: not host.engine.busy(clip.session_uid))
    assert host.state_of(clip).message == f"Done: {COUNT} frames, {COUNT} of them new"
    for n in range(1, COUNT + 1):
        columns = np.nonzero(read(tmp_path / "mattes" / f"plate_runner_matte.{n:04d}.png"))[1]
        assert columns.mean() + 0.5 == pytest.approx(0.25 * WIDTH + n - 1, abs=1.0)


def test_looking_shows_what_was_tracked_and_starts_nothing(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    uid = subject_of(clip)
    host.look(clip, 3)
    assert not host.engine.started

    done = tracked(clip).message
    host.look(clip, 3)
    assert host.wait(clip, LIMIT).previews[uid, 3].frame == 3
    assert host.state_of(clip).message == done
    assert not host.state_of(clip).previews[uid, 3].provisional
    host.look(clip, 3)
    assert not host.engine.busy(clip.session_uid), "what is there is asked for again"

    # Other prompts: nothing is tracked for them, which is asked once and told nobody.
    clip.rotopoint.subjects[0].points[0].x = 0.25
    host.look(clip, 3)
    assert host.engine.busy(clip.session_uid)
    state = host.wait(clip, LIMIT)
    assert (state.message, state.failed) == ("", False)
    assert state.previews[uid, 3].prompts != shots.shot_of(clip).subject(uid).prompts
    host.look(clip, 3)
    assert not host.engine.busy(clip.session_uid)
    tracked(clip)
    host.look(clip, 3)
    state = host.wait(clip, LIMIT)
    assert state.previews[uid, 3].prompts == shots.shot_of(clip).subject(uid).prompts

    clip.rotopoint.subjects[0].visible = False
    host.look(clip, 5)
    assert not host.engine.busy(clip.session_uid)


def test_the_engine_gets_ready_where_one_stays(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    uid = subject_of(clip)
    host.prepare(clip, 3)
    assert not host.engine.started
    done = tracked(clip).message
    host.prepare(clip, 3)
    assert host.engine.busy(clip.session_uid)
    state = host.wait(clip, LIMIT)
    assert (state.prepared[:2], state.message) == ((uid, 3), done)
    host.prepare(clip, 3)
    assert not host.engine.working, "it gets ready twice for the same"
    clip.rotopoint.subjects[0].points[0].x = 0.25
    host.prepare(clip, 3)
    assert host.engine.working
    host.wait(clip, LIMIT)


def test_a_subject_or_clip_deleted_meanwhile(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--slow", "0.05")
    add_subject(clip, "ball", (1, 0.2, 0.2, True))
    host.ask_track(clip)
    until(lambda: host.state_of(clip).done >= 2)
    clip.rotopoint.subjects.remove(1)
    until(lambda: host.state_of(clip).total == COUNT)
    clip.rotopoint.subjects.clear()
    until(lambda: not host.engine.busy(clip.session_uid))
    assert host.state_of(clip).message == "Cancelled; finished frames are kept"

    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    host.ask_track(clip)
    bpy.data.movieclips.remove(clip)
    host.keep_up()
    assert not host.engine.working and not host.engine.states


def test_another_file_ends_the_worker(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--slow", "0.5")
    host.ask_track(clip)
    client = host.engine._client
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not host.engine.started and not host.engine.states
    host.engine.wait_until_closed()
    assert not client.running and client._process.poll() is not None


class Lingering:
    """A worker's client whose process does not end by itself."""

    running = True

    def __init__(self) -> None:
        self.let_go, self.ended = threading.Event(), threading.Event()

    def close(self) -> None:
        self.let_go.wait(LIMIT)
        self.ended.set()

    def kill(self) -> None:
        self.let_go.set()

    def poll(self) -> list[object]:
        return []


def test_another_file_does_not_wait_for_a_worker_that_lingers(clip: bpy.types.MovieClip) -> None:
    lingering = host.engine._client = Lingering()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not host.engine.started and not lingering.ended.is_set()
    lingering.let_go.set()
    host.engine.wait_until_closed()
    assert lingering.ended.is_set()


def test_the_next_worker_finds_the_tracks_free(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    lingering = host.engine._client = Lingering()
    host.engine.close()
    assert not tracked(clip).failed
    assert lingering.let_go.is_set(), "the old one still holds them"


def test_a_worker_that_fails_is_not_waited_for(clip: bpy.types.MovieClip) -> None:
    lingering = host.engine._client = Lingering()
    assert host.engine.give_up("the reason") == set()
    assert not lingering.ended.is_set() and not host.engine.started
    lingering.let_go.set()


def test_no_worker_outlives_blender(clip: bpy.types.MovieClip) -> None:
    use_fake_worker("--slow", "0.5")
    host.ask_track(clip)
    process = host.engine._client._process
    host._leave()
    assert process.poll() is not None


def test_commands_are_lines() -> None:
    words = ["C:\\Program Files\\Python\\python.exe", "-m", "rotopoint.worker", "--store", "/tmp/a b"]
    assert split_command(join_command(words)) == words
    assert split_command('  python   "a b" c ') == ["python", "a b", "c"]


def test_preferences_become_arguments(clip: bpy.types.MovieClip) -> None:
    chosen = preferences()
    chosen.engine, chosen.interpreter = "", "/opt/my env/bin/python"
    assert chosen.command() == ["/opt/my env/bin/python", "-m", "rotopoint.worker"]
    assert chosen.environment() == {}
    chosen.store_folder, chosen.device, chosen.threads = "/tracks", "cpu", 3
    chosen.checkpoint_folder = "/weights"
    assert chosen.command()[3:] == ["--store", "/tracks", "--device", "cpu", "--threads", "3"]
    assert list(chosen.environment().values()) == [str(Path("/weights").absolute())]


def test_memory_limits_become_arguments_that_the_worker_reads(clip: bpy.types.MovieClip) -> None:
    """They are said only where they differ from what the worker takes by itself."""
    chosen = preferences()
    chosen.engine, chosen.interpreter = "", "/opt/python"
    assert asked_of(chosen.command()[3:]) == MemoryLimits()
    chosen.cache_memory, chosen.cache_disk, chosen.cache_gpu = 12, 0, 34
    assert chosen.command()[3:] == ["--cache-memory", "12", "--cache-disk", "0", "--cache-gpu", "34"]
    assert asked_of(chosen.command()[3:]) == MemoryLimits(memory=12 * MIB, disk=0, gpu=34 * MIB)


def asked_of(arguments: list[str]) -> MemoryLimits:
    """As the worker reads them."""
    options = server._parser().parse_args(arguments)
    return asked_limits({}, memory=options.cache_memory, disk=options.cache_disk, gpu=options.cache_gpu)


def pair_folders(here: Path, there: Path) -> None:
    bpy.ops.rotopoint.folder_pair_add()
    pair = preferences().folder_pairs[-1]
    pair.here, pair.there = str(here), str(there)


def test_an_engine_elsewhere_calls_folders_by_other_names(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    pair_folders(tmp_path / "mattes", tmp_path / "as there")
    bpy.ops.rotopoint.folder_pair_add()
    preferences().store_folder = str(tmp_path / "mattes" / "tracks")
    try:
        assert str(tmp_path / "as there" / "tracks") in preferences().command()
        preferences().store_folder = ""
        state = tracked(clip)
        assert state.message == f"Done: {COUNT} frames, {COUNT} of them new"
        assert len(list((tmp_path / "as there").glob("*.png"))) == COUNT
        assert not list((tmp_path / "mattes").glob("*.png"))
        # What Blender itself reads and writes is called as it is here.
        (saved,) = (tmp_path / "mattes").glob("*.shot.json")
        assert load_shot(saved) == shots.shot_of(clip)
        bpy.ops.rotopoint.folder_pair_remove(index=0)
        preferences().store_folder = str(tmp_path / "mattes" / "tracks")
        assert str(tmp_path / "mattes" / "tracks") in preferences().command()
    finally:
        preferences().store_folder = ""
        preferences().folder_pairs.clear()
