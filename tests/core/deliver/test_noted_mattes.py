# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever asks for a shot's mattes, the same is noted of them: the command line, the worker, Blender."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.checkpoints import resolve
from rotopoint.deliver.matte_files import read_matte
from rotopoint.deliver.naming import clip_naming
from rotopoint.deliver.origins import EMPTY, due_origin, read_record
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events, track_events
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Direction, Mask, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.standing import read_standing, stretches_of
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import load_engine

FIRST, COUNT = 101, 4


@pytest.fixture
def plates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, and a mask in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "plates"
    folder.mkdir()
    for n in range(COUNT):
        picture = np.full((48, 64, 3), 20 + n, np.uint8)
        (folder / f"plate_{FIRST + n:04d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:30] = 255
    Path("mask.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    return folder


@pytest.fixture
def store(tmp_path: Path) -> TrackStore:
    return TrackStore(tmp_path / "tracks")


def test_a_folder_and_its_first_file_are_one_clip(plates: Path, store: TrackStore) -> None:
    subject = Subject("s", "dog", (Mask(ClipFrame(2), "mask.png"),))
    settings = Settings(range=FrameRange(ClipFrame(2), ClipFrame(3)))
    file = plates / f"plate_{FIRST:04d}.png"
    found = []
    for path in (plates, file, Path("plates"), file.relative_to(Path.cwd())):
        shot = Shot(ClipReference(str(path)), (subject,), settings)
        with ShotSession(shot, resolve("draft"), store) as session:
            found.append(session.due_origins())
    name, first = clip_naming(file, is_sequence=True)
    # What Blender computes, which has no session.
    blenders = replace(subject, prompts=(Mask(ClipFrame(2), str(Path("mask.png").absolute())),))
    due = due_origin(blenders, settings, file, first)
    assert (name, first) == ("plate", FIRST)
    assert found == [{"dog": {number: due(number) for number in (FIRST + 1, FIRST + 2)}}] * 4


def test_tracks_and_deliveries_note_what_they_wrote(plates: Path, store: TrackStore, tmp_path: Path) -> None:
    subject = Subject("s", "Dog", (Mask(ClipFrame(2), "mask.png"),))
    shot = Shot(ClipReference(str(plates)), (subject,), Settings(direction=Direction.FORWARD))
    engine = load_engine(resolve("draft"), "cpu", kernels="fp32")
    with ShotSession(shot, engine.checkpoint, store) as session:
        due = session.due_origins()["Dog"]
        assert sorted(due) == list(range(FIRST, FIRST + COUNT)) and due[FIRST] == EMPTY
        list(track_events("t", session, engine, tmp_path / "tracked"))
        list(deliver_events("d", ShotDelivery(session, tmp_path / "delivered"), overwrite=False))
        broken_off = track_events("t", session, engine, tmp_path / "broken off")
        for _ in range(3):
            next(broken_off)
        broken_off.close()
    assert noted_frames(tmp_path / "tracked", session, subject) == [2, 3, 4]
    # What is noted as empty is what the direction leaves empty.
    assert not read_matte(tmp_path / "tracked" / f"plate_Dog_matte.{FIRST:04d}.png").any()
    for folder in ("tracked", "delivered"):
        assert read_record(tmp_path / folder, "plate").of("dog") == due
    written = {int(file.stem[-4:]) for file in (tmp_path / "broken off").glob("*_matte.*")}
    known = read_record(tmp_path / "broken off", "plate").of("dog")
    assert len(written) >= 2 and known == {number: due[number] for number in written}
    assert noted_frames(tmp_path / "broken off", session, subject)[:2] == [2, 3]


def noted_frames(folder: Path, session: ShotSession, subject: Subject) -> list[int]:
    """The clip frames that are tracked as the subject asks, as the note beside their mattes says."""
    standing = read_standing(folder, "plate")
    asked = next(s for s in session.absolute_shot().subjects if s.id == subject.id)
    stretches = stretches_of(asked, session.shot.settings, session.clip.path.absolute(), COUNT)
    found = standing.confidences(subject.id, stretches, COUNT)
    return [frame for frame, confidence in enumerate(found, 1) if not np.isnan(confidence)]
