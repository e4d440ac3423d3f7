# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot at work with the draft model: what a correction leaves, and records of a part of the picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.clip import open_clip
from rotopoint.deliver.matte_files import write_matte
from rotopoint.events import FrameEvent
from rotopoint.jobs import track_events
from rotopoint.mattes import MatteSource, chain
from rotopoint.session import ShotSession
from rotopoint.shot import Box, ClipReference, MatteSettings, Point, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange, SourceFrame
from rotopoint.store import Record, TrackStore
from rotopoint.store.region import Region
from rotopoint.tracking.cache import FeatureCache
from rotopoint.tracking.capability import Multiplies, capability_of
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.runtimes import RUNTIMES
from rotopoint.tracking.sam2.side_by_side import SideBySide

COUNT = 8

BF16 = pytest.mark.skipif(
    capability_of("cpu").bf16 is not Multiplies.ITSELF,
    reason="the processor multiplies no bfloat16 itself, and takes minutes to imitate it",
)


@pytest.fixture(scope="module", params=RUNTIMES)
def engine(request: pytest.FixtureRequest, draft_graphs: Path) -> Engine:
    return load_engine(resolve("draft"), "cpu", kernels="fp32", runtime=request.param)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two squares that pass each other over noise, 96x64."""
    folder = tmp_path_factory.mktemp("plate") / "zwei"
    folder.mkdir()
    noise = np.random.default_rng(5).integers(40, 80, (64, 96, 3), np.uint8)
    for n in range(COUNT):
        drawn = noise.copy()
        drawn[8:28, 8 + 3 * n : 28 + 3 * n] = (40, 200, 220)
        drawn[36:56, 66 - 3 * n : 86 - 3 * n] = (220, 60, 120)
        (folder / f"zwei_{n + 1:03d}.png").write_bytes(cv2.imencode(".png", drawn)[1].tobytes())
    return folder


def at(frame: int, x: float, y: float, positive: bool = True) -> Point:
    return Point(ClipFrame(frame), x, y, positive)


UPPER = Subject("upper", "upper", (at(1, 18.0, 18.0), at(7, 36.0, 18.0)))
LOWER = Subject("lower", "lower", (at(3, 70.0, 46.0),))


class Desk:
    def __init__(self, engine: Engine, clip: Path, store: TrackStore) -> None:
        self.engine, self.clip, self.store = engine, clip, store

    def session(self, *subjects: Subject) -> ShotSession:
        return ShotSession(Shot(ClipReference(str(self.clip)), subjects), self.engine.checkpoint, self.store)

    def track(self, *subjects: Subject) -> tuple[dict[tuple[str, int], bytes], set[tuple[str, int]]]:
        """The mattes' bytes, and what took work."""
        with self.session(*subjects) as session:
            tracked = list(session.track(self.engine.runtime))
            mattes = {
                (t.subject, t.frame): session.matte(session.plan(t.subject), t.frame, t.record).tobytes()
                for t in tracked
            }
        return mattes, {(t.subject, t.frame) for t in tracked if t.computed}


@pytest.fixture
def desk(engine: Engine, clip: Path, tmp_path: Path) -> Iterator[Desk]:
    return Desk(engine, clip, TrackStore(tmp_path))


def test_boundaries_are_refined_as_far_as_the_checkpoint_wants(clip: Path, tmp_path: Path) -> None:
    draft = resolve("draft")
    calibration = draft.configuration.calibration
    assert calibration is not None and calibration.boundary > 0
    plain = replace(
        draft, configuration=replace(draft.configuration, calibration=replace(calibration, boundary=0.0))
    )
    logits = np.full((128, 128), -4, np.float16)
    logits[20:50, 14:34] = 4
    record = Record(SourceFrame(1), logits, np.zeros(2, np.float32), 5.0, 0.9, False)

    def matte(checkpoint: ResolvedCheckpoint, snap: float) -> np.ndarray:
        subject = replace(UPPER, matte=MatteSettings(snap=snap))
        shot = Shot(ClipReference(str(clip)), (subject,))
        with ShotSession(shot, checkpoint, TrackStore(tmp_path)) as session:
            return session.matte(session.plan("upper"), ClipFrame(2), record)

    assert np.array_equal(matte(draft, 0.0), matte(plain, 0.0))
    assert not np.array_equal(matte(draft, 1.0), matte(plain, 1.0))


def test_what_is_read_of_a_track_is_what_was_seen_while_tracking(desk: Desk) -> None:
    with desk.session(UPPER) as session:
        tracked = {
            t.frame: t.record.logits for t in session.track(desk.engine.runtime) if t.record is not None
        }
    with desk.session(UPPER) as session:
        plan = session.plan("upper")
        read = {t.frame: t.record.logits for t in session.tracks.of(plan) if t.record is not None}
        looked_at = {frame: session.tracks.record(plan, frame).logits for frame in tracked}
    assert tracked.keys() == read.keys() and len(tracked) == COUNT
    for frame, logits in tracked.items():
        assert np.array_equal(read[frame], logits) and np.array_equal(looked_at[frame], logits)


def test_a_correction_leaves_all_else_bit_for_bit(
    desk: Desk, engine: Engine, clip: Path, tmp_path: Path
) -> None:
    before, _ = desk.track(UPPER, LOWER)
    corrected = replace(UPPER, prompts=(*UPPER.prompts, at(4, 27.0, 26.0), at(4, 47.0, 18.0, False)))
    after, worked = desk.track(corrected, LOWER)
    assert worked == {("upper", n) for n in range(2, 7)}
    assert all(after[key] == before[key] for key in after if key not in worked)
    assert after["upper", 4] != before["upper", 4]
    afresh, _ = Desk(engine, clip, TrackStore(tmp_path / "afresh")).track(corrected, LOWER)
    assert afresh == after
    undone, worked = desk.track(UPPER, LOWER)
    assert (undone, worked) == (before, set())


def test_an_absent_range_is_empty_and_what_follows_does_not_remember_it(desk: Desk) -> None:
    before, _ = desk.track(LOWER)
    gone = replace(LOWER, absent=(FrameRange(ClipFrame(5), ClipFrame(6)),))
    after, worked = desk.track(gone)
    assert worked == {("lower", n) for n in range(7, COUNT + 1)}
    assert all(not np.frombuffer(after["lower", n], np.float32).any() for n in (5, 6))
    assert all(after["lower", n] == before["lower", n] for n in range(1, 5))


def test_a_record_of_a_part_of_the_picture_lies_where_it_belongs(desk: Desk) -> None:
    logits = np.full((64, 64), -20, np.float16)
    logits[16:48, 16:48] = 20
    part = Record(SourceFrame(1), logits, np.zeros(2, np.float32), 5.0, 0.9, False, Region(40, 20, 72, 52))
    with desk.session(LOWER) as session:
        matte = session.matte(session.plan("lower"), ClipFrame(2), part)
        whole = session.mattes.overview(part)
    rows, columns = np.nonzero(matte > 0.5)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (28, 44, 48, 64)
    rows, columns = np.nonzero(whole > 0)
    height, width = whole.shape
    assert rows.min() / height == pytest.approx(28 / 64, abs=0.01)
    assert (columns.max() + 1) / width == pytest.approx(64 / 96, abs=0.01)


def test_a_click_on_a_part_of_the_picture_sees_its_pixels_while_whole_ones_are_tracked(desk: Desk) -> None:
    """What is read ahead for those who look at all of a picture is resized: of no use to one who follows."""
    follows = replace(LOWER, follow=True)
    with desk.session(follows) as other:
        undisturbed = other.preview(desk.engine.runtime, "lower", ClipFrame(3)).record

    cache = FeatureCache(desk.engine.runtime, open_clip(ClipReference(str(desk.clip))).read)
    clicked: list[Record] = []

    def click() -> None:
        with desk.session(follows) as newer:
            clicked.append(newer.preview(desk.engine.runtime, "lower", ClipFrame(3), cache).record)

    with desk.session(UPPER) as session:
        next(session.track(desk.engine.runtime, before_step=click, cache=cache))
    assert clicked[0].region == undisturbed.region
    assert np.array_equal(clicked[0].logits, undisturbed.logits)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("kernels", "count", "follow"),
    [
        ("fp32", 2, False),
        pytest.param("bf16", 2, False, marks=BF16),
        pytest.param("bf16", 3, True, marks=BF16),
    ],
)
def test_who_is_tracked_beside_a_subject_does_not_alter_a_bit(
    clip: Path,
    tmp_path: Path,
    threads: Callable[[int], None],
    kernels: str,
    count: int,
    follow: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads(count)
    engine = load_engine(resolve("draft"), "cpu", count, kernels=kernels)
    together: list[int] = []

    run = SideBySide.run

    def counted(self: SideBySide, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        together.append(len(calls))
        return run(self, calls)

    monkeypatch.setattr(SideBySide, "run", counted)
    middle = Subject("middle", "middle", (Box(ClipFrame(2), 60.0, 34.0, 86.0, 58.0), at(5, 60.0, 46.0)))
    middle = replace(middle, follow=follow)
    subjects = (UPPER, LOWER, middle)
    beside, _ = Desk(engine, clip, TrackStore(tmp_path / "beside")).track(*subjects)
    assert max(together) == count and len(together) >= COUNT - 2
    alone = Desk(engine, clip, TrackStore(tmp_path / "alone"))
    assert beside == {key: matte for subject in subjects for key, matte in alone.track(subject)[0].items()}
    assert torch.get_num_threads() == count


@pytest.mark.parametrize("kernels", ["fp32", pytest.param("bf16", marks=BF16)])
def test_looking_ahead_does_not_alter_a_bit(
    kernels: str, clip: Path, tmp_path: Path, threads: Callable[[int], None]
) -> None:
    threads(2)
    engine = load_engine(resolve("draft"), "cpu", 2, kernels=kernels)
    corrected = replace(UPPER, prompts=(*UPPER.prompts, at(6, 36.0, 18.0)))
    assert engine.runtime.looks_ahead
    ahead, _ = Desk(engine, clip, TrackStore(tmp_path / "ahead")).track(corrected)
    assert torch.get_num_threads() == 2
    engine.runtime.looks_ahead = False
    after, _ = Desk(engine, clip, TrackStore(tmp_path / "after")).track(corrected)
    assert ahead == after and len(ahead) == COUNT


class Gauge:
    """How many calls go on at a time, at most."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
            time.sleep(0.005)
            try:
                return call(*arguments)
            finally:
                with self._lock:
                    self._now -= 1

        return counted


def test_reading_and_writing_take_no_more_threads_than_may_help(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotopoint.session.helping_threads", lambda: 1)
    gauge = Gauge()
    monkeypatch.setattr("rotopoint.deliver.matte_files.write_matte", gauge.around(write_matte))
    with desk.session(UPPER) as session:
        monkeypatch.setattr(session.clip, "read", gauge.around(session.clip.read))
        assert len(list(track_events("1", session, desk.engine, tmp_path / "mattes"))) == COUNT + 2
    assert gauge.most == 1


def test_a_matte_that_looks_beyond_its_record_is_made_when_all_are_there(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if one of two subjects asked for a look at its neighbors."""
    looking = MatteSettings(largest_hole=1)
    monkeypatch.setattr(MatteSettings, "looks_beyond", property(lambda settings: settings == looking))
    around: list[tuple[bool, bool]] = []

    def look(matte: np.ndarray, settings: MatteSettings, source: MatteSource) -> np.ndarray:
        if settings.looks_beyond:
            around.append((source.neighbor(-1) is not None, source.neighbor(1) is not None))
        return matte

    monkeypatch.setattr(chain, "IN_TIME", (look,))
    with desk.session(replace(UPPER, matte=looking), LOWER) as session:
        events = list(track_events("1", session, desk.engine, tmp_path / "mattes"))
    frames = [(e.subject, e.frame) for e in events if isinstance(e, FrameEvent)]
    assert sorted(frames) == sorted((s, n) for s in ("lower", "upper") for n in range(1, COUNT + 1))
    assert frames[COUNT:] == [("upper", n) for n in range(1, COUNT + 1)]
    assert all(e.computed for e in events if isinstance(e, FrameEvent) and e.file)
    assert sorted(around) == sorted([(False, True), *[(True, True)] * (COUNT - 2), (True, False)])


def test_the_mask_chosen_for_a_click_is_tracked_and_found_again(desk: Desk) -> None:
    (point,) = LOWER.prompts
    chosen = [replace(LOWER, prompts=(replace(point, candidate=n),)) for n in range(4)]
    clicked = []
    for subject in chosen:
        with desk.session(subject) as session:
            answer = session.preview(desk.engine.runtime, "lower", ClipFrame(3))
            clicked.append(answer.record.logits.tobytes())
    assert len(set(clicked)) == 4
    first, worked = desk.track(chosen[2])
    assert worked == {("lower", frame) for frame in range(1, COUNT + 1)}
    with desk.session(chosen[2]) as session:
        stored = session.tracks.record(session.plan("lower"), ClipFrame(3)).logits.tobytes()
    assert stored == clicked[2]
    assert desk.track(LOWER)[1] == worked, "the model's own choice is another track"
    assert desk.track(chosen[2]) == (first, set())
