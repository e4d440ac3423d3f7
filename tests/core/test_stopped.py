# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that cannot go on says at which clip frame, ends with code 1, and keeps what was finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rotopoint.checkpoints import resolve
from rotopoint.deliver import matte_files
from rotopoint.deliver.matte_files import write_matte
from rotopoint.delivery import ShotDelivery
from rotopoint.errors import OutputUnwritable, StoppedAtFrame
from rotopoint.events import FrameEvent
from rotopoint.jobs import deliver_events, track_events
from rotopoint.messages import explain
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import Record, TrackFile, TrackStore
from rotopoint.tracking.engine import Engine, load_engine
from tests.core.clip.damaged_video import destroy
from tests.core.clip.numbered_video import write_video

COUNT, BROKEN = 6, 4


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(resolve("draft"), "cpu")


@pytest.fixture
def session(tmp_path: Path, engine: Engine) -> Callable[[Path], ShotSession]:
    def open_session(clip: Path) -> ShotSession:
        subject = Subject("s", "s", (Point(ClipFrame(2), 20.0, 20.0),))
        shot = Shot(ClipReference(str(clip)), (subject,))
        return ShotSession(shot, engine.checkpoint, TrackStore(tmp_path / "store"))

    return open_session


def run(session: ShotSession, engine: Engine, folder: Path) -> tuple[list[int], StoppedAtFrame]:
    """The frames that were finished, and what ended the work."""
    finished = []
    with session, pytest.raises(StoppedAtFrame) as caught:
        for event in track_events("t", session, engine, folder):
            if isinstance(event, FrameEvent):
                finished.append(event.frame)
    return finished, caught.value


def full(path: Path) -> OutputUnwritable:
    return OutputUnwritable(path, "No space left on device")


def test_a_picture_that_cannot_be_decoded(
    tmp_path: Path, engine: Engine, session: Callable[[Path], ShotSession]
) -> None:
    clip = destroy(write_video(tmp_path / "a.mp4", range(COUNT)), BROKEN - 1)
    finished, error = run(session(clip), engine, tmp_path / "out")
    assert set(finished) <= {1, 2, 3}
    assert (error.frame, error.exit_code) == (BROKEN, 1)
    assert explain(error).startswith(f"stopped at frame {BROKEN}, ")
    assert f"picture {BROKEN} of {clip}" in explain(error)
    assert len(list((tmp_path / "out").iterdir())) >= len(finished)


def test_a_disk_that_fills_with_mattes(
    tmp_path: Path,
    engine: Engine,
    session: Callable[[Path], ShotSession],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(path: Path, *rest: object) -> None:
        if path.stem.endswith(f"{BROKEN:04d}"):
            raise full(path)
        write_matte(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(matte_files, "write_matte", write)
    clip = write_video(tmp_path / "a.mp4", range(COUNT))
    _, error = run(session(clip), engine, tmp_path / "out")
    assert (error.frame, error.exit_code) == (BROKEN, 1)
    monkeypatch.undo()
    with session(clip) as again:
        list(track_events("t", again, engine))
    monkeypatch.setattr(matte_files, "write_matte", write)
    with session(clip) as stored, pytest.raises(StoppedAtFrame) as caught:
        list(deliver_events("d", ShotDelivery(stored, tmp_path / "delivered"), overwrite=False))
    assert caught.value.frame == BROKEN


def test_a_disk_that_fills_with_records(
    tmp_path: Path,
    engine: Engine,
    session: Callable[[Path], ShotSession],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = TrackFile.append

    def refuse(file: TrackFile, record: Record) -> None:
        if record.frame == BROKEN - 1:
            raise full(file.path)
        append(file, record)

    monkeypatch.setattr(TrackFile, "append", refuse)
    clip = write_video(tmp_path / "a.mp4", range(COUNT))
    _, error = run(session(clip), engine, tmp_path / "out")
    assert (error.frame, error.exit_code) == (BROKEN, 1)
    assert "No space left" in explain(error)
