# SPDX-License-Identifier: GPL-3.0-or-later
"""Eleven defects of SAM2VideoPredictor, each reproduced on it once: ours has none of them.

Upstream is facebookresearch/sam2 at 2b90b9f. With the draft model, in float32 on the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.clip import open_clip
from rotopoint.errors import FrameOutsideClip, FrameSizeDiffers, FramesMissing
from rotopoint.events import DoneEvent, ErrorEvent, Event, FrameEvent
from rotopoint.mattes import MatteSource, make_matte
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Direction, MatteEdge, MatteSettings, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import revision, shot_to_dict
from rotopoint.store import TrackStore
from rotopoint.stored_tracks import FrameTracked
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.runtime import Sam2Runtime
from rotopoint.worker.engines import Engines
from rotopoint.worker.inbox import Item
from rotopoint.worker.protocol import ShotRequest, ShutdownRequest, TrackRequest
from rotopoint.worker.service import Service

COUNT = 6
SIZE = (64, 48)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(resolve("draft"), "cpu", kernels="fp32")


def picture(n: int) -> np.ndarray:
    """A bright square that moves right over noise, (48, 64, 3)."""
    drawn = np.random.default_rng(7).integers(40, 80, (48, 64, 3), np.uint8)
    drawn[10:30, 10 + 2 * n : 30 + 2 * n] = (40, 200, 220)
    return drawn


def write(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    for n in range(COUNT):
        write(folder / f"plate_v02.{n + 1:04d}.png", picture(n))
    return folder


def on(frame: int, x: float, y: float = 20.0, positive: bool = True) -> Point:
    return Point(ClipFrame(frame), float(x), float(y), positive)


def subject(*prompts: Point, id: str = "square") -> Subject:
    return Subject(id, id, prompts)


def shot_of(clip: Path, *subjects: Subject, **settings: object) -> Shot:
    return Shot(ClipReference(str(clip)), subjects, replace(Settings(), **settings))


class Desk:
    """Tracks shots on one store."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.store = TrackStore(folder)

    def session(self, shot: Shot) -> ShotSession:
        return ShotSession(shot, self.engine.checkpoint, self.store)

    def track(self, shot: Shot) -> list[FrameTracked]:
        with self.session(shot) as session:
            return list(session.track(self.engine.runtime))

    def logits(self, shot: Shot) -> dict[tuple[str, int], bytes]:
        return {(t.subject, t.frame): t.record.logits.tobytes() for t in self.track(shot) if t.record}


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "tracks")


def test_1_a_correction_on_a_tracked_frame_is_kept(desk: Desk, clip: Path) -> None:
    before = desk.logits(shot_of(clip, subject(on(1, 20))))
    corrected = shot_of(clip, subject(on(1, 20), on(5, 28, 28, positive=False)))
    with desk.session(corrected) as session:
        answer = session.preview(desk.engine.runtime, "square", ClipFrame(5)).record.logits.tobytes()
    after = desk.logits(corrected)
    assert answer == after["square", 5] != before["square", 5]


def test_2_a_correction_drops_the_memories_around_it_without_an_error(desk: Desk, clip: Path) -> None:
    asked = shot_of(clip, subject(on(1, 20), on(4, 26)))
    tracked = desk.track(asked)
    with desk.session(asked) as session:
        steps = session.policy.steps(session.plans[0].asked, 0, COUNT - 1, desk.engine.runtime.shape)
        memories = {
            r.address.start for s in steps if s.address.start == 3 and not s.prompted for r in s.recent
        }
    # What the corrected pass remembers of other frames is its own.
    assert memories == {3}
    assert all(np.isfinite(t.record.logits).all() for t in tracked if t.record)


def test_3_a_subject_first_prompted_later_than_another_is_tracked_in_float32(desk: Desk, clip: Path) -> None:
    parameter = next(desk.engine.runtime._model.parameters())
    assert parameter.dtype == torch.float32
    tracked = desk.logits(shot_of(clip, subject(on(1, 20)), subject(on(5, 28), id="later")))
    assert set(tracked) == {(id, n) for id in ("square", "later") for n in range(1, COUNT + 1)}


def test_4_a_prompt_on_a_bad_frame_leaves_nothing_behind(desk: Desk, clip: Path) -> None:
    good = shot_of(clip, subject(on(1, 20)))
    with pytest.raises(FrameOutsideClip):
        desk.track(shot_of(clip, subject(on(1, 20)), subject(on(COUNT + 1, 20), id="ghost")))
    assert list(desk.store.tracks()) == []
    assert {id for id, _ in desk.logits(good)} == {"square"}


class LateInbox:
    """A request, and another one once some steps were made."""

    def __init__(self, first: Item, late: Item, looks: int) -> None:
        self.first: Item | None = first
        self.late: Item | None = late
        self.looks = looks

    def take(self, timeout: float | None = 0.0) -> Item | None:
        self.looks -= 1
        if self.first is not None:
            first, self.first = self.first, None
            return first
        if self.looks < 0 and self.late is not None:
            late, self.late = self.late, None
            return late
        return ShutdownRequest() if timeout is None else None


def test_5_a_subject_added_while_tracking_runs_is_tracked(engine: Engine, clip: Path, tmp_path: Path) -> None:
    def load(checkpoint: ResolvedCheckpoint, device: str, threads: int) -> Engine:
        return engine

    one = shot_of(clip, subject(on(1, 20)))
    two = shot_of(clip, subject(on(1, 20)), subject(on(3, 24), id="added"))
    inbox = LateInbox(TrackRequest("t", shot_to_dict(one)), ShotRequest("t", shot_to_dict(two)), looks=9)
    sent: list[Event] = []
    engines = Engines("cpu", 2, load)
    store = TrackStore(tmp_path / "s")
    Service(inbox, lambda event, _: sent.append(event), engines, store, Kept(), 1).run()
    assert not [e for e in sent if isinstance(e, ErrorEvent)]
    frames = [e for e in sent if isinstance(e, FrameEvent)]
    assert any(e.revision == revision(one) for e in frames)
    assert {e.frame for e in frames if e.subject == "added"} == set(range(1, COUNT + 1))
    assert isinstance(sent[-1], DoneEvent) and sent[-1].frames == 2 * COUNT


def test_6_three_frames_asked_for_are_three_frames(desk: Desk, clip: Path) -> None:
    tracked = desk.track(shot_of(clip, subject(on(2, 22)), range=FrameRange(ClipFrame(2), ClipFrame(4))))
    assert [t.frame for t in tracked] == [2, 3, 4]


def test_7_clips_are_what_people_have_and_faults_are_named(clip: Path, tmp_path: Path) -> None:
    """Upstream takes JPEGs with whole numbers for names alone, and lets gaps and mixed sizes pass."""
    with open_clip(ClipReference(str(clip))) as opened:
        np.testing.assert_array_equal(opened.read(opened.frame_map.sources[2]), picture(2)[..., ::-1])
    import av

    movie = tmp_path / "plate.mp4"
    with av.open(str(movie), "w") as container:
        stream = container.add_stream("mpeg4", 24)
        stream.width, stream.height = SIZE
        for n in range(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(n), "bgr24")))
        container.mux(stream.encode())
    with open_clip(ClipReference(str(movie))) as opened:
        assert len(opened.frame_map) == COUNT
    third = clip / "plate_v02.0003.png"
    write(third, picture(2)[:40])
    with pytest.raises(FrameSizeDiffers), open_clip(ClipReference(str(clip))) as opened:
        opened.read(opened.frame_map.sources[2])
    third.unlink()
    with pytest.raises(FramesMissing):
        open_clip(ClipReference(str(clip)))


def test_8_holes_are_filled_without_cuda() -> None:
    logits = np.full((16, 16), -8, np.float32)
    logits[3:13, 3:13] = 8
    logits[8, 8] = -8
    hard = MatteSettings(edge=MatteEdge.HARD, snap=0)
    assert make_matte(MatteSource(logits, (16, 16), hard))[8, 8] == 0
    filled = make_matte(MatteSource(logits, (16, 16), replace(hard, largest_hole=1)))
    assert filled[8, 8] == 1 and filled.sum() == 100


def test_9_what_belongs_on_the_cpu_stays_there_and_a_picture_is_encoded_once(
    engine: Engine, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = build_model(engine.checkpoint.configuration)
    tensors = [v for m in model.modules() for v in vars(m).values() if isinstance(v, torch.Tensor)]
    assert {t.device.type for t in (*model.parameters(), *model.buffers(), *tensors)} == {"cpu"}
    monkeypatch.undo()
    encoded = []
    encode = Sam2Runtime.encode_image
    monkeypatch.setattr(
        Sam2Runtime, "encode_image", lambda self, pixels: encoded.append(1) or encode(self, pixels)
    )
    Desk(engine, tmp_path / "s").track(shot_of(clip, subject(on(1, 20)), subject(on(1, 40, 40), id="ground")))
    assert len(encoded) == COUNT


def test_10_backward_remembers_nothing_of_forward(engine: Engine, clip: Path, tmp_path: Path) -> None:
    asked = shot_of(clip, subject(on(5, 28)))
    forward_first = Desk(engine, tmp_path / "forward first")
    forward_first.track(replace(asked, settings=replace(asked.settings, direction=Direction.FORWARD)))
    both = forward_first.logits(asked)
    backward = replace(asked, settings=replace(asked.settings, direction=Direction.BACKWARD))
    alone = Desk(engine, tmp_path / "backward alone").logits(backward)
    assert set(alone) == {("square", n) for n in range(1, 6)}
    assert alone.items() <= both.items()


def alternating(*trackings: Iterator[FrameTracked]) -> list[list[bytes]]:
    """Several trackings in turns, a frame each."""
    found: list[list[bytes]] = [[] for _ in trackings]
    for row in zip(*trackings, strict=True):
        for logits, tracked in zip(found, row, strict=True):
            assert tracked.record is not None
            logits.append(tracked.record.logits.tobytes())
    return found


def test_11_two_trackers_live_in_one_process(engine: Engine, clip: Path, tmp_path: Path) -> None:
    hydra = "hydra" in sys.modules
    second = load_engine(engine.checkpoint, "cpu", kernels="fp32")
    assert ("hydra" in sys.modules) == hydra
    shots = [shot_of(clip, subject(on(1, x))) for x in (20.0, 22.0)]
    desks = [Desk(e, tmp_path / str(n)) for n, e in enumerate((engine, second))]
    with desks[0].session(shots[0]) as one, desks[1].session(shots[1]) as two:
        together = alternating(one.track(engine.runtime), two.track(second.runtime))
    alone = [
        list(Desk(engine, tmp_path / f"{n} alone").logits(shot).values()) for n, shot in enumerate(shots)
    ]
    assert together == alone
