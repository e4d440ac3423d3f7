# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real worker answers, with the draft model."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotopoint.cores import helping_threads
from rotopoint.deliver.origins import read_record
from rotopoint.errors import TrackMissing
from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FrameEvent,
    MatteEvent,
    MatteView,
    PreparedEvent,
    PreviewEvent,
    StartedEvent,
)
from rotopoint.shot import (
    Box,
    ClipReference,
    Combination,
    Mask,
    MatteFormat,
    Point,
    Prompt,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import revision, save_shot, shot_to_dict
from rotopoint.worker.client import Received, WorkerClient
from rotopoint.worker.protocol import (
    DeliverRequest,
    FinishRequest,
    LookRequest,
    MatteRequest,
    PrepareRequest,
    PreviewRequest,
    ShotRequest,
    TrackRequest,
)
from tests.worker.asking import (
    CLICK,
    LIMIT,
    begin,
    content,
    finish,
    picture,
    preview,
    shot_of,
    track,
    with_matte,
)
from tests.worker.conftest import CORE, LONG, THREADS


def test_a_click_is_answered(worker: WorkerClient, clip: Path) -> None:
    received = preview(worker, shot_of(clip), 1)
    assert isinstance(received.event, PreviewEvent)
    assert received.event.revision == revision(shot_of(clip))
    assert not received.event.provisional and received.event.object_score > 0
    logits = picture(received)
    # The square covers 10..30 of 64 by 10..30 of 48 pixels.
    rows, columns = np.nonzero(logits > 0)
    height, width = logits.shape
    assert logits[int(20 / 48 * height), int(20 / 64 * width)] > 0
    assert 5 / 64 < columns.min() / width < columns.max() / width < 35 / 64
    assert 5 / 48 < rows.min() / height < rows.max() / height < 35 / 48


def test_a_click_is_provisional_until_a_pass_reaches_it(worker: WorkerClient, clip: Path) -> None:
    shot = shot_of(clip, CLICK, Point(5, 24.0, 20.0), id="provisional")
    assert preview(worker, shot, 5, "provisional").event.provisional
    frame = {event.frame: event for event in track(worker, shot) if isinstance(event, FrameEvent)}[5]
    answer = preview(worker, shot, 5, "provisional").event
    assert not answer.provisional
    assert (answer.object_score, answer.predicted_iou) == (frame.object_score, frame.predicted_iou)


def test_what_is_prepared_is_what_a_click_finds(worker: WorkerClient, clip: Path) -> None:
    """Before a subject has any prompt, and on a tracked frame: the answers are those of clicks unprepared."""
    later = Point(5, 30.0, 20.0)
    for prompts, frame in (((), 2), ((CLICK,), 5)):
        shot = shot_of(clip, *prompts, id="prepared")
        if prompts:
            track(worker, shot)
        else:
            shot = replace(shot, subjects=(replace(shot.subjects[0], prompts=()),))
        request = PrepareRequest(worker.new_id(), shot_to_dict(shot), "prepared", frame)
        worker.send(request)
        assert worker.wait(request.id, LIMIT)[-1].event == PreparedEvent(
            request.id, revision(shot), "prepared", frame
        )
        asked = shot_of(clip, *prompts, replace(later, frame=frame), id="prepared")
        prepared = preview(worker, asked, frame, "prepared")
        for elsewhere in (1, 3, 4):
            preview(worker, asked, elsewhere, "prepared")
        assert preview(worker, asked, frame, "prepared").payload == prepared.payload


def test_tracks_by_other_kernels_stand_apart(clip: Path, tmp_path: Path) -> None:
    """None goes on from another's records; what is read back is the one that is whole."""
    from rotopoint.checkpoints import resolve
    from rotopoint.session import ShotSession
    from rotopoint.store import TrackStore
    from rotopoint.tracking.engine import load_engine

    draft, store, logits = resolve("draft"), TrackStore(tmp_path), {}
    part = replace(shot_of(clip), settings=Settings(range=FrameRange(1, 3)))
    for kernels, shot in (("fp32", part), ("bf16", shot_of(clip))):
        runtime = load_engine(draft, "cpu", THREADS, kernels).runtime
        with ShotSession(shot, draft, store) as session:
            tracked = list(session.track(runtime))
            assert all(t.computed for t in tracked)
            assert session.tracks.pending(runtime.kernels) == 0
            logits[kernels] = tracked[2].record.logits
    assert not np.array_equal(logits["fp32"], logits["bf16"])
    with ShotSession(shot_of(clip), draft, store) as session:
        session.tracks.check()
        assert np.array_equal(list(session.tracks.all())[2].record.logits, logits["bf16"])


def test_a_look_computes_nothing(worker: WorkerClient, clip: Path) -> None:
    def look(shot: Shot, frame: int) -> Received:
        request = LookRequest(worker.new_id(), shot_to_dict(shot), "look", frame)
        worker.send(request)
        return worker.wait(request.id, LIMIT)[-1]

    shot = shot_of(clip, CLICK, id="look")
    nothing = look(shot, 3).event
    assert isinstance(nothing, ErrorEvent) and nothing.error == "TrackMissing"
    tracked = {event.frame: event for event in track(worker, shot) if isinstance(event, FrameEvent)}[3]
    seen, computed = look(shot, 3), preview(worker, shot, 3, "look")
    assert isinstance(seen.event, PreviewEvent) and not seen.event.provisional
    assert seen.payload == computed.payload
    assert (seen.event.object_score, seen.event.predicted_iou) == (
        tracked.object_score,
        tracked.predicted_iou,
    )
    moved = shot_of(clip, Point(1, 21.0, 20.0), id="look")
    assert look(moved, 3).event.error == "TrackMissing"


def test_a_subject_is_answered_beside_an_unfinished_one(worker: WorkerClient, clip: Path) -> None:
    shot = shot_of(clip)
    shot = shot.with_subjects([*shot.subjects, Subject("s2", "noch leer")])
    received = preview(worker, shot, 1)
    assert isinstance(received.event, PreviewEvent) and received.event.revision == revision(shot)
    assert preview(worker, shot, 1, "s2").event.error == "SubjectWithoutPrompt"


def test_a_matte_before_it_is_written(worker: WorkerClient, clip: Path) -> None:
    worker.send(MatteRequest("matte", shot_to_dict(shot_of(clip)), "s1", 1))
    coverage = picture(worker.wait("matte", LIMIT)[-1])
    assert coverage.shape == (48, 64)
    assert coverage[20, 20] == 255 and coverage[45, 60] == 0


def test_a_track_tells_of_each_frame_and_writes_it(worker: WorkerClient, clip: Path, tmp_path: Path) -> None:
    shot, folder = shot_of(clip, id="track"), tmp_path / "Matten für Köln"
    started, *frames, done = track(worker, shot, folder)
    revised = revision(shot)
    assert started == StartedEvent(started.id, revised, 8, 8)
    assert done == DoneEvent(started.id, revised, 8, 8)
    assert [(f.frame, f.done, f.total, f.computed) for f in frames] == [(n, n, 8, True) for n in range(1, 9)]
    assert [Path(f.file) for f in frames] == sorted(folder.glob("*_matte.*"))
    assert Path(frames[0].file).name == "Würfel rot_Würfel_matte.0001.png"
    known = read_record(folder, "Würfel rot").of("Würfel")
    assert list(known) == list(range(1, 9)) and len(set(known.values())) == 1
    # Again: all is stored.
    started, *frames, done = track(worker, shot, tmp_path / "again")
    assert (started.pending, done.computed, len(frames)) == (0, 0, 8)
    assert content(tmp_path / "again") == content(folder)


def test_a_delivery_comes_from_the_store_and_replaces_nothing_unasked(
    worker: WorkerClient, clip: Path, tmp_path: Path
) -> None:
    shot, folder = shot_of(clip, id="deliver"), tmp_path / "delivered"

    def deliver(overwrite: bool = False) -> list[Event]:
        worker.send(DeliverRequest("d", shot_to_dict(shot), str(folder), overwrite))
        return [event for event, _ in worker.wait("d", LIMIT)]

    (missing,) = deliver()
    assert (missing.error, folder.exists()) == ("TrackMissing", False)
    track(worker, shot, tmp_path / "tracked")
    assert deliver()[-1].frames == 8
    assert content(folder) == content(tmp_path / "tracked")
    (refused,) = deliver()
    assert (refused.error, refused.exit_code) == ("OutputExists", 2)
    assert deliver(overwrite=True)[-1].frames == 8
    asked = {
        "files": "layers",
        "compression": "piz",
        "name": "{clip}_{pass}_{version}.{number}",
        "padding": 5,
    }

    def also(**more: object) -> list[Event]:
        worker.send(DeliverRequest("more", shot_to_dict(shot), str(folder), **{**asked, **more}))
        return [event for event, _ in worker.wait("more", LIMIT)]

    assert also()[-1].frames == also()[-1].frames == 8
    assert len(list(folder.glob("*_layers_v00[12].*.exr"))) == 16
    for wrong in (
        {"files": "gif"},
        {"compression": "rle"},
        {"name": "{clip}"},
        {"version": -1},
        {"resume": True},
    ):
        (told,) = also(**wrong)
        assert told.exit_code == 2, wrong


def test_cancelling_keeps_what_is_finished(worker: WorkerClient, long_clip: Path, tmp_path: Path) -> None:
    shot = shot_of(long_clip, id="cancelled")
    request = begin(worker, shot, 3, tmp_path)
    worker.cancel(request)
    assert worker.wait(request, LIMIT)[-1].event == CancelledEvent(request, revision(shot))
    written = sorted(tmp_path.glob("*_matte.*"))
    finished = len(written)
    assert 3 <= finished < LONG
    (record,) = tmp_path.glob("*.mattes.json")
    known = read_record(tmp_path, record.name.removesuffix(".mattes.json")).of(shot.subjects[0].name)
    assert len(known) == finished, "what is known of is what was written"
    started, *_, done = track(worker, shot)
    # Records are ahead of mattes by those that are being made at most.
    under_way = helping_threads() + 1
    assert LONG - finished - under_way <= started.pending == done.computed <= LONG - finished


def renewed(worker: WorkerClient, older: Shot, newer: Shot, after: int = 1) -> list[Event]:
    """All events of a track that gets a newer shot after some frames."""
    worker.send(TrackRequest("t", shot_to_dict(older)))
    events: list[Event] = []
    while sum(isinstance(event, FrameEvent) for event in events) < after:
        events += [event for event, _ in worker.poll()]
        time.sleep(0.005)
    worker.send(ShotRequest("t", shot_to_dict(newer)))
    return events + [event for event, _ in worker.wait("t", LIMIT)]


def scores(events: list[Event], shot: Shot) -> dict[tuple[str, int], tuple[float | None, float | None]]:
    """What the frames of a shot's revision say, by subject's name and frame."""
    names = {subject.id: subject.name for subject in shot.subjects}
    return {
        (names[e.subject], e.frame): (e.object_score, e.predicted_iou)
        for e in events
        if isinstance(e, FrameEvent) and e.revision == revision(shot)
    }


def with_other_ids(shot: Shot) -> Shot:
    """The same shot, of which nothing is stored."""
    return shot.with_subjects([replace(s, id=f"{s.id} again") for s in shot.subjects])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([(CLICK,)], [(CLICK, Point(12, 31.0, 20.0))]),
        ([(CLICK, Point(12, 31.0, 20.0))], [(CLICK,)]),
        ([(CLICK,)], [(Point(1, 22.0, 20.0),)]),
        ([(CLICK,)], [(CLICK,), (Point(5, 24.0, 22.0),)]),
        ([(CLICK,), (Point(5, 24.0, 22.0),)], [(CLICK,)]),
    ],
    ids=["a prompt comes", "a prompt goes", "a prompt moves", "a subject comes", "a subject goes"],
)
def test_a_newer_shot_while_tracking_ends_as_if_it_had_been_asked_for_at_once(
    worker: WorkerClient,
    long_clip: Path,
    before: list[tuple[Prompt, ...]],
    after: list[tuple[Prompt, ...]],
    request: pytest.FixtureRequest,
) -> None:
    """Upstream's defect 5: what is added while it propagates is ignored."""

    def asked(subjects: list[tuple[Prompt, ...]]) -> Shot:
        name = request.node.name
        return Shot(
            ClipReference(str(long_clip)),
            tuple(Subject(f"{name} {n}", f"Nr {n}", prompts) for n, prompts in enumerate(subjects)),
        )

    older, newer = asked(before), asked(after)
    events = renewed(worker, older, newer)
    starts = [event for event in events if isinstance(event, StartedEvent)]
    assert [event.revision for event in starts] == [revision(older), revision(newer)]
    assert events[-1].revision == revision(newer) and events[-1].frames == LONG * len(after)
    at_once = with_other_ids(newer)
    assert scores(events, newer) == scores(track(worker, at_once), at_once)


def test_a_newer_shot_that_is_bad_ends_the_track(worker: WorkerClient, long_clip: Path) -> None:
    shot = shot_of(long_clip, id="bad")
    request = begin(worker, shot, 1)
    worker.send(ShotRequest(request, shot_to_dict(shot.with_subjects([Subject("bad", "leer")]))))
    assert worker.wait(request, LIMIT)[-1].event.error == "SubjectWithoutPrompt"
    assert isinstance(preview(worker, shot, 1, "bad").event, PreviewEvent)


def test_clicks_are_answered_while_a_track_goes_on(worker: WorkerClient, long_clip: Path) -> None:
    shot = shot_of(long_clip, id="busy")
    request = begin(worker, shot, 1)
    worker.send(PreviewRequest("click", shot_to_dict(shot), "busy", LONG))
    answer = worker.wait("click", LIMIT)[-1].event
    assert isinstance(answer, PreviewEvent) and answer.provisional
    events = [event for event, _ in worker.wait(request, LIMIT)]
    # Most of the frames came after the answer.
    assert isinstance(events[-1], DoneEvent) and len(events) > LONG / 2


def test_clicks_are_answered_on_the_way_to_a_late_range(worker: WorkerClient, long_clip: Path) -> None:
    shot = shot_of(long_clip, id="late")
    late = replace(shot, settings=Settings(range=FrameRange(LONG, LONG)))
    worker.send(TrackRequest("late", shot_to_dict(late)))
    while not any(isinstance(event, StartedEvent) for event, _ in worker.poll()):
        time.sleep(0.005)
    worker.send(PreviewRequest("click", shot_to_dict(late), "late", 1))
    worker.wait("click", LIMIT)
    assert not any(isinstance(event, FrameEvent) for event, _ in worker.poll())
    worker.wait("late", LIMIT)


def test_two_shots_share_a_model(worker: WorkerClient, clip: Path, long_clip: Path) -> None:
    for _ in range(2):
        for footage in (clip, long_clip):
            assert isinstance(preview(worker, shot_of(footage), 1).event, PreviewEvent)
    assert worker.log.count("loading draft") == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda shot: replace(shot, clip=ClipReference("nowhere/clip.mp4")), "ClipNotFound"),
        (lambda shot: replace(shot, settings=Settings(checkpoint="huge")), "CheckpointUnknown"),
        (lambda shot: replace(shot, settings=Settings(policy="guess")), "PolicyUnknown"),
        (lambda shot: shot.with_subjects([]), "NothingToTrack"),
        (lambda shot: shot_of(Path(shot.clip.path), Point(9, 1.0, 1.0)), "FrameOutsideClip"),
        (lambda shot: shot_of(Path(shot.clip.path), Point(1, 64.0, 1.0)), "PointOutsidePicture"),
        (lambda shot: shot_of(Path(shot.clip.path), Mask(1, "nowhere.png")), "MaskUnreadable"),
    ],
)
def test_bad_input_is_told_and_writes_nothing(
    worker: WorkerClient, clip: Path, tmp_path: Path, change: object, error: str
) -> None:
    (event,) = track(worker, change(shot_of(clip)), tmp_path / "mattes")
    assert isinstance(event, ErrorEvent)
    assert (event.error, event.exit_code) == (error, 2)
    assert not (tmp_path / "mattes").exists()
    assert isinstance(preview(worker, shot_of(clip), 1).event, PreviewEvent)


def test_a_click_outside_the_clip(worker: WorkerClient, clip: Path) -> None:
    assert preview(worker, shot_of(clip), 9).event.error == "FrameOutsideClip"
    assert preview(worker, shot_of(clip), 1, "nobody").event.error == "SubjectUnknown"


def test_the_order_of_clicks_does_not_matter(worker: WorkerClient, clip: Path, tmp_path: Path) -> None:
    clicks = [CLICK, Point(1, 50.0, 40.0, False), Point(3, 22.0, 15.0), Box(5, 14.0, 10.0, 34.0, 30.0)]
    short = Settings(range=FrameRange(1, 5))
    file = tmp_path / "SHOT.json"
    save_shot(replace(shot_of(clip, *clicks), settings=short), file)
    command = [sys.executable, "-m", "rotopoint.cli", "track", str(file), "-o", str(tmp_path / "line")]
    options = ["--store", str(tmp_path / "store"), "--device", "cpu", "--threads", str(THREADS)]
    environment = os.environ | {"PYTHONPATH": str(CORE)}
    subprocess.run([*command, *options], check=True, capture_output=True, env=environment)
    expected = {name: data for name, data in content(tmp_path / "line").items() if name.endswith(".png")}
    assert len(expected) == len(set(expected.values())) == 5

    shuffle = random.Random(20)
    for attempt in range(10):
        order = shuffle.sample(clicks, len(clicks))
        # A subject of its own finds nothing in the store.
        subject = f"order {attempt}"
        # Every other time a pass goes through all frames before the last clicks.
        pass_after = shuffle.randrange(1, len(clicks)) if attempt % 2 else None
        for count in range(1, len(clicks) + 1):
            shot = replace(shot_of(clip, *order[:count], id=subject), settings=short)
            answer = preview(worker, shot, order[count - 1].frame, subject)
            assert isinstance(answer.event, PreviewEvent)
            if count == pass_after:
                track(worker, shot)
        track(worker, shot, tmp_path / subject)
        assert content(tmp_path / subject) == expected, order


def test_a_finished_matte_is_the_delivered_one(worker: WorkerClient, clip: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    shot = with_matte(shot_of(clip, id="delivered"), expand=1.5)
    track(worker, shot, tmp_path)
    files = list(content(tmp_path).values())
    for frame in (1, 5):
        received = finish(worker, shot, frame)
        assert isinstance(received.event, MatteEvent) and not received.event.provisional
        assert received.event.seconds is not None and received.event.seconds > 0
        delivered = cv2.imdecode(np.frombuffer(files[frame - 1], np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(picture(received), delivered)
    wider = picture(finish(worker, with_matte(shot, expand=4.0), 5))
    assert wider.sum() > 1.2 * delivered.sum(), "other settings need no other track"


def test_what_a_click_has_given_is_finished_before_it_is_tracked(worker: WorkerClient, clip: Path) -> None:
    shot = with_matte(shot_of(clip, id="clicked"))
    nothing = finish(worker, shot, 1).event
    assert isinstance(nothing, ErrorEvent) and nothing.error == TrackMissing.__name__
    preview(worker, shot, 1, "clicked")
    received = finish(worker, shot, 1)
    worker.send(MatteRequest("matte", shot_to_dict(shot), "clicked", 1))
    assert np.array_equal(picture(received), picture(worker.wait("matte", LIMIT)[-1]))
    assert received.event.provisional
    moved = with_matte(shot_of(clip, replace(CLICK, x=22.0), id="clicked"))
    assert isinstance(finish(worker, moved, 1).event, ErrorEvent), "another click has another answer"


def test_a_trimap_is_the_delivered_one(worker: WorkerClient, clip: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    shot = with_matte(shot_of(clip, id="unknown"), trimap_width=6.0)
    track(worker, shot, tmp_path / "mattes")
    request = DeliverRequest(worker.new_id(), shot_to_dict(shot), str(tmp_path / "files"), files="trimap")
    worker.send(request)
    worker.wait(request.id, LIMIT)
    files = sorted((tmp_path / "files").glob("*_trimap*.png"))
    received = finish(worker, shot, 5, view=MatteView.TRIMAP)
    assert isinstance(received.event, MatteEvent) and received.event.view is MatteView.TRIMAP
    assert np.unique(picture(received)).tolist() == [0, 128, 255]
    delivered = cv2.imdecode(np.frombuffer(files[4].read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(picture(received), delivered)
    wider = picture(finish(worker, with_matte(shot, trimap_width=12.0), 5, view=MatteView.TRIMAP))
    assert (wider == 128).sum() > 1.5 * (delivered == 128).sum()


def test_a_finished_matte_in_fewer_pixels(worker: WorkerClient, clip: Path) -> None:
    shot = with_matte(shot_of(clip, id="small"))
    preview(worker, shot, 1, "small")
    large, small = picture(finish(worker, shot, 1)), picture(finish(worker, shot, 1, longest=32))
    assert small.shape == (24, 32)
    means = large.reshape(24, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(small - means).max() <= 1


def test_a_finished_matte_that_others_are_united_with_is_the_delivered_one(
    worker: WorkerClient, clip: Path, tmp_path: Path
) -> None:
    cv2 = pytest.importorskip("cv2")
    other = replace(shot_of(clip, Point(1, 50.0, 40.0), id="other").subjects[0], name="other")
    one = replace(shot_of(clip, id="one").subjects[0], combine=Combination(united=("other",)))
    shot = Shot(ClipReference(str(clip)), (one, other), Settings(format=MatteFormat.PNG8))
    track(worker, shot, tmp_path)
    file = next(tmp_path.glob(f"*_{one.name}_matte.0003.png"))
    request = FinishRequest(worker.new_id(), shot_to_dict(shot), "one", 3)
    worker.send(request)
    delivered = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(picture(worker.wait(request.id, LIMIT)[-1]), delivered)
