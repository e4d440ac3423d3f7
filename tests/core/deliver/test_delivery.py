# SPDX-License-Identifier: GPL-3.0-or-later
"""A stored shot goes through the one seam that all kinds of files have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotopoint.deliver.deliverable import About, Deliverable, Frame, Need
from rotopoint.deliver.matte_files import read_matte, write_matte
from rotopoint.deliver.naming import NameTemplate
from rotopoint.deliver.origins import read_record
from rotopoint.delivery import ShotDelivery
from rotopoint.errors import (
    DeliveryNotResumable,
    NameTemplateUnusable,
    OutputExists,
    OutputUnwritable,
    StoppedAtFrame,
    SubjectUnknown,
)
from rotopoint.events import DoneEvent, FrameEvent, StartedEvent
from rotopoint.jobs import deliver_events
from rotopoint.messages import explain
from rotopoint.session import ShotSession
from rotopoint.shot import MatteEdge, MatteSettings
from rotopoint.shot.frames import SourceFrame
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH, plate

Stored = Callable[..., ShotSession]


class Told(Deliverable):
    """Writes nothing, and remembers what it was told."""

    part, extension = "told", "txt"
    said: list[object]

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.PLATE})

    def open(self) -> None:
        self.said.append("open")

    def frame(self, content: Frame) -> Path:
        self.said.append(content)
        return self.path(content.number)

    def close(self, *, whole: bool) -> None:
        self.said.append("whole" if whole else "broken off")


@pytest.fixture
def joined() -> type[Told]:
    return type("Joined", (Told,), {"joins": True, "one_file": True, "said": []})


def test_todays_mattes_go_through_it(stored: Stored, tmp_path: Path) -> None:
    with stored() as session:
        delivery = ShotDelivery(session, tmp_path / "out")
        assert len(list(delivery.paths())) == 2 * COUNT
        started, *frames, done = deliver_events("d", delivery, overwrite=False)
        assert isinstance(started, StartedEvent) and isinstance(done, DoneEvent)
        assert [(e.subject, e.frame) for e in frames if isinstance(e, FrameEvent)] == [
            (subject.id, frame) for subject in (BALL, GONE) for frame in range(1, COUNT + 1)
        ]
        with pytest.raises(OutputExists):
            list(deliver_events("d", delivery, overwrite=False))
    for event in frames:
        matte = read_matte(Path(event.file))
        assert matte.shape == (HEIGHT, WIDTH)
        assert matte.any() == (event.subject == BALL.id or event.frame < 3)
    assert read_record(tmp_path / "out", "plate").of("der Bär").keys() == set(range(1, COUNT + 1))


def test_a_kind_that_joins_subjects_gets_all_of_a_frame(
    stored: Stored, tmp_path: Path, joined: type[Told]
) -> None:
    with stored() as session:
        delivery = ShotDelivery(session, tmp_path / "out", joined)
        assert [path.name for path in delivery.paths()] == ["plate_told.txt"]
        events = list(deliver_events("d", delivery, overwrite=False))
    first, *frames, last = joined.said
    assert (first, last) == ("open", "whole")
    assert [frame.frame for frame in frames] == list(range(1, COUNT + 1))
    for frame in frames:
        assert [layer.subject for layer in frame.layers] == ["der Bär", "7 dwarfs"]
        assert [layer.matte.any() for layer in frame.layers] == [True, frame.frame < 3]
        assert [layer.color for layer in frame.layers] == [BALL.color, GONE.color]
        assert np.array_equal(frame.plate, plate(frame.frame)[..., ::-1])
    files = {event.file for event in events if isinstance(event, FrameEvent)}
    assert files == {str(tmp_path / "out" / "plate_told.txt")}
    assert len(events) == 2 + 2 * COUNT
    assert not (tmp_path / "out" / "plate.mattes.json").exists()


def test_what_breaks_off_is_closed_as_broken(stored: Stored, tmp_path: Path, joined: type[Told]) -> None:
    def full(self: Told, content: Frame) -> Path:
        raise OutputUnwritable(self.path(content.number), "no space left on device")

    joined.frame = full
    with stored() as session, pytest.raises(StoppedAtFrame) as caught:
        list(deliver_events("d", ShotDelivery(session, tmp_path / "out", joined), overwrite=False))
    assert caught.value.frame == 1
    assert joined.said == ["open", "broken off"]


def test_several_subjects_need_names_of_their_own(stored: Stored, tmp_path: Path) -> None:
    one = NameTemplate("{clip}.{number}")
    with stored() as session:
        with pytest.raises(NameTemplateUnusable, match="without {subject}"):
            ShotDelivery(session, tmp_path, names=one)
    with stored(BALL) as session:
        delivery = ShotDelivery(session, tmp_path, names=one)
        assert [path.name for path in delivery.paths()] == [f"plate.{n:04d}.png" for n in range(1, COUNT + 1)]


def test_files_of_some_subjects_alone(stored: Stored, tmp_path: Path, joined: type[Told]) -> None:
    one = NameTemplate("{clip}.{number}")
    with stored() as session:
        delivery = ShotDelivery(session, tmp_path, names=one, subjects=[GONE.id])
        started, *frames, done = deliver_events("d", delivery, overwrite=False)
        assert (started.total, done.frames) == (COUNT, COUNT)
        assert {event.subject for event in frames} == {GONE.id}
        list(
            deliver_events("d", ShotDelivery(session, tmp_path, joined, subjects=[BALL.id]), overwrite=False)
        )
        with pytest.raises(SubjectUnknown):
            ShotDelivery(session, tmp_path, subjects=["nobody"])
    assert [layer.subject for frame in joined.said[1:-1] for layer in frame.layers] == [BALL.name] * COUNT


def test_a_new_version_goes_beside_those_before(stored: Stored, tmp_path: Path) -> None:
    names = NameTemplate("{clip}_{subject}_{pass}_{version}.{number}", padding=5)
    with stored() as session:
        for version in (1, 2):
            delivery = ShotDelivery(session, tmp_path / "out", names=names)
            assert delivery.version == version
            list(deliver_events("d", delivery, overwrite=False))
        (tmp_path / "out" / "plate_7 dwarfs_matte_v011.00001.exr").write_bytes(b"of another day")
        assert ShotDelivery(session, tmp_path / "out", names=names).version == 12
        assert ShotDelivery(session, tmp_path / "out", names=names, version=2).version == 2
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"plate_der Bär_matte_v001.00001.png", "plate_7 dwarfs_matte_v002.00004.png"} <= there


def test_about_says_what_all_frames_share(stored: Stored, tmp_path: Path, joined: type[Told]) -> None:
    with stored() as session:
        about = next(iter(ShotDelivery(session, tmp_path, joined)._files.values())).about
    assert isinstance(about, About)
    assert (about.clip, about.size, about.subjects) == ("plate", (WIDTH, HEIGHT), ("der Bär", "7 dwarfs"))


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[int]]:
    """Lets the disk be full from the n-th matte on, None: never; what it gives grows by each one written."""

    def after(count: int | None) -> list[int]:
        written: list[int] = []

        def write(path: Path, *rest: object) -> None:
            if count is not None and len(written) >= count:
                raise OutputUnwritable(path, "no space left on device")
            write_matte(path, *rest)
            written.append(1)

        monkeypatch.setattr("rotopoint.deliver.matte_files.write_matte", write)
        return written

    return after


def test_a_delivery_that_broke_off_goes_on(
    stored: Stored, tmp_path: Path, breaks: Callable[[int | None], list[int]]
) -> None:
    out = tmp_path / "out"
    with stored() as session:
        breaks(3)
        with pytest.raises(StoppedAtFrame) as caught:
            list(deliver_events("d", ShotDelivery(session, out), overwrite=False))
        assert "no space left on device" in explain(caught.value)
        left = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
        assert len(left) == 3 and not list(out.glob(".rotopoint*"))
        rest = breaks(None)
        events = list(deliver_events("d", ShotDelivery(session, out, resume=True), overwrite=False))
        assert len(rest) == 2 * COUNT - 3 and len(events) == 2 + 2 * COUNT
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert len(after) == 2 * COUNT and left.items() <= after.items()
    assert not list(out.glob("*.delivery.json"))


def test_nothing_else_goes_on(
    stored: Stored, tmp_path: Path, breaks: Callable[[int | None], list[int]]
) -> None:
    out = tmp_path / "out"
    with stored() as session:
        with pytest.raises(DeliveryNotResumable, match="none has broken off"):
            list(deliver_events("d", ShotDelivery(session, out, resume=True), overwrite=False))
        assert not out.exists()
        breaks(1)
        with pytest.raises(StoppedAtFrame):
            list(deliver_events("d", ShotDelivery(session, out), overwrite=False))
    breaks(None)
    with stored(replace(BALL, matte=MatteSettings(MatteEdge.HARD)), GONE) as otherwise:
        with pytest.raises(DeliveryNotResumable, match="asked for otherwise"):
            list(deliver_events("d", ShotDelivery(otherwise, out, resume=True), overwrite=False))
    (out / "plate_matte_v001.delivery.json").write_bytes(b"\0")
    with stored() as session, pytest.raises(DeliveryNotResumable, match="cannot be read"):
        list(deliver_events("d", ShotDelivery(session, out, resume=True), overwrite=False))


def test_the_version_that_broke_off_goes_on(
    stored: Stored, tmp_path: Path, breaks: Callable[[int | None], list[int]]
) -> None:
    names = NameTemplate("{clip}_{subject}_{version}.{number}")
    with stored() as session:
        list(deliver_events("d", ShotDelivery(session, tmp_path / "out", names=names), overwrite=False))
        breaks(2)
        with pytest.raises(StoppedAtFrame):
            list(deliver_events("d", ShotDelivery(session, tmp_path / "out", names=names), overwrite=False))
        breaks(None)
        again = ShotDelivery(session, tmp_path / "out", names=names, resume=True)
        assert again.version == 2
        list(deliver_events("d", again, overwrite=False))
    assert len(list((tmp_path / "out").glob("*_v002.*.png"))) == 2 * COUNT


def test_pictures_for_a_model_come_while_mattes_take_all_that_helps(stored: Stored) -> None:
    with stored() as session:
        while session.helping.acquire(blocking=False):
            pass
        assert session.reading(8)(SourceFrame(0)).pixels.shape == (HEIGHT, WIDTH, 3)
        # It has given back no place that it did not have.
        assert not session.helping.acquire(blocking=False)
