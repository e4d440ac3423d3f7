# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a folder of mattes is not replaced by those of something else unless asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip import Clip, open_clip
from rotopoint.deliver.earlier import is_of_clip, shot_to_save
from rotopoint.deliver.naming import shot_path
from rotopoint.errors import ApprovedForgotten, OutputExists, OutputOfAnotherClip
from rotopoint.messages import explain
from rotopoint.shot import Approved, ClipReference, Combination, Point, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import save_shot

ONE = ClipFrame(1)


def subject(name: str, x: float = 1.0) -> Subject:
    return Subject(name, name, (Point(ONE, x, 1.0),))


def card(folder: Path) -> Path:
    """A camera card with the clip C: two frames."""
    folder.mkdir()
    for n in (1, 2):
        picture = np.full((4, 6, 3), 50, np.uint8)
        (folder / f"C_{n:04d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


@pytest.fixture
def a(tmp_path: Path) -> Clip:
    return open_clip(ClipReference(str(card(tmp_path / "A"))))


@pytest.fixture
def b(tmp_path: Path) -> Clip:
    return open_clip(ClipReference(str(card(tmp_path / "B ä"))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mattes").mkdir()
    return tmp_path / "mattes"


def shot(clip: Clip, *subjects: Subject) -> Shot:
    return Shot(ClipReference(str(clip.path)), subjects)


def ask(folder: Path, clip: Clip, *subjects: Subject, overwrite: bool = False) -> Shot:
    mattes = {s.name: [folder / f"C_{s.name}_matte.{n:04d}.png" for n in (1, 2)] for s in subjects}
    return shot_to_save(folder, clip, shot(clip, *subjects), mattes, overwrite=overwrite)


def track(folder: Path, clip: Clip, *subjects: Subject) -> Shot:
    """As the command line does, less the tracking."""
    saved = ask(folder, clip, *subjects)
    save_shot(saved, shot_path(folder, clip.name))
    for one in subjects:
        for n in (1, 2):
            (folder / f"C_{one.name}_matte.{n:04d}.png").write_bytes(one.name.encode())
    return saved


def test_an_interrupted_track_goes_on(folder: Path, a: Clip) -> None:
    first = track(folder, a, subject("Hero"))
    assert ask(folder, a, subject("Hero")) == first


def test_another_clip_of_the_same_name_is_refused(folder: Path, a: Clip, b: Clip) -> None:
    track(folder, a, subject("Hero"))
    for name in ("Hero", "Other"):
        with pytest.raises(OutputOfAnotherClip) as caught:
            ask(folder, b, subject(name))
    said = explain(caught.value)
    assert str(folder / "C.shot.json") in said and str(a.path) in said and "--overwrite" in said


def test_a_second_subject_of_a_clip_joins_the_first(folder: Path, a: Clip) -> None:
    track(folder, a, subject("Blue"))
    saved = track(folder, a, subject("Orange"))
    assert [s.name for s in saved.subjects] == ["Blue", "Orange"]
    again = ask(folder, a, subject("orange", 3.0))
    assert [(s.name, s.prompts[0].x) for s in again.subjects] == [("Blue", 1.0), ("orange", 3.0)]  # type: ignore[union-attr]


def test_a_subject_that_comes_back_with_another_id_is_still_the_one_to_combine_with(
    folder: Path, a: Clip
) -> None:
    hand = replace(subject("hand"), combine=Combination(subtracted=("7f3a",)))
    track(folder, a, hand, replace(subject("Cup"), id="7f3a"))
    saved = track(folder, a, subject("cup"))
    assert saved.subject("hand").combine == Combination(subtracted=("cup",))
    saved.check_complete()


def test_files_that_no_shot_speaks_of_are_not_replaced(folder: Path, a: Clip) -> None:
    (folder / "C_Hero_matte.0002.png").write_bytes(b"delivered by somebody")
    with pytest.raises(OutputExists, match="matte.0002"):
        ask(folder, a, subject("Hero"))
    track(folder, a, subject("Other"))
    with pytest.raises(OutputExists):
        ask(folder, a, subject("Other"), subject("Hero"))


def test_a_shot_that_cannot_be_read_is_not_replaced(folder: Path, a: Clip) -> None:
    shot_path(folder, a.name).write_bytes(b"{")
    with pytest.raises(OutputExists):
        ask(folder, a, subject("Hero"))


def test_approved_mattes_are_not_forgotten(folder: Path, a: Clip) -> None:
    approved = replace(subject("Hero"), approved=(Approved(ONE, "a.png", "0" * 64),))
    track(folder, a, approved)
    with pytest.raises(ApprovedForgotten) as caught:
        ask(folder, a, subject("Hero"))
    assert "approved mattes of Hero" in explain(caught.value)
    assert len(ask(folder, a, approved, subject("Other")).subjects) == 2


def test_what_is_to_be_overwritten_is_what_is_in_the_way(folder: Path, a: Clip, b: Clip) -> None:
    """Another clip's shot goes; of the same clip, subjects that are not asked about stay."""
    track(folder, a, replace(subject("Hero"), approved=(Approved(ONE, "a.png", "0" * 64),)), subject("Blue"))
    assert [s.name for s in ask(folder, b, subject("Hero"), overwrite=True).subjects] == ["Hero"]
    same = ask(folder, a, subject("Hero"), overwrite=True)
    assert [(s.name, len(s.approved)) for s in same.subjects] == [("Blue", 0), ("Hero", 0)]
    shot_path(folder, a.name).write_bytes(b"{")
    assert ask(folder, a, subject("Hero"), overwrite=True) == shot(a, subject("Hero"))


def test_a_clip_is_known_by_its_files(
    a: Clip, b: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("A", "A/C_0001.png", str(tmp_path / "A"), "B ä/../A"):
        assert is_of_clip(ClipReference(path), a)
        assert not is_of_clip(ClipReference(path), b)
    for path in ("A/C_0002.png", "gone", "A/none.png"):
        assert not is_of_clip(ClipReference(path), a)
