# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes combined with others and with drawn masks, as `rotopoint deliver` writes them of a stored track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.approval import approve_frames
from rotopoint.cli import main
from rotopoint.deliver.matte_files import read_matte
from rotopoint.deliver.origins import due_origin
from rotopoint.errors import CombinationCycle, MaskFrameMissing, MaskUnreadable, OutputUnwritable
from rotopoint.session import ShotSession
from rotopoint.shot import Approved, Combination, DrawnMask, Mask, MatteSettings, Settings, Subject
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameRange
from rotopoint.shot.json import save_shot
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH

Stored = Callable[..., ShotSession]
FRAMES = range(1, COUNT + 1)
NOTHING = Combination()


def frames(first: int, last: int) -> FrameRange:
    return FrameRange(ClipFrame(first), ClipFrame(last))


def written(path: Path, coverage: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.round(coverage * 65535).astype(np.uint16)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def columns(first: int, last: int, value: float = 1.0) -> np.ndarray:
    """A mask (H, W) of some columns."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, first:last] = value
    return mask


@pytest.fixture
def mattes(stored: Stored) -> Callable[..., dict[str, np.ndarray]]:
    """Of BALL and GONE, each combined as it is asked: (COUNT, H, W) by name."""

    def made(ball: Combination = NOTHING, gone: Combination = NOTHING, **more: object) -> dict:
        with stored(replace(BALL, combine=ball, **more), replace(GONE, combine=gone)) as session:
            session.mattes.check_drawn(session.range)
            found: dict[str, list[np.ndarray]] = {}
            for tracked in session.tracks.all():
                plan = session.plan(tracked.subject)
                matte = session.matte(plan, tracked.frame, tracked.record)
                found.setdefault(plan.subject.id, []).append(matte)
            return {id: np.stack(planes) for id, planes in found.items()}

    return made


def test_united_mattes_are_where_any_is_and_subtracted_ones_where_the_other_is_not(mattes: Callable) -> None:
    alone = mattes()
    a, b = alone["a"], alone["b"]
    assert (np.minimum(a, b)[:2] > 0).any() and not b[2:].any()
    united = mattes(Combination(united=("b",)))
    np.testing.assert_array_equal(united["a"], np.maximum(a, b))
    np.testing.assert_array_equal(united["b"], b)
    apart = mattes(Combination(subtracted=("b",)))["a"]
    np.testing.assert_array_equal(apart, np.maximum(a - b, 0))
    np.testing.assert_allclose(apart + b, np.maximum(a, b), atol=1e-6)


def test_a_subject_that_is_absent_has_what_is_united_with_it(mattes: Callable, tmp_path: Path) -> None:
    """It is absent from frame 3 on, so only the other one is left; no mask holds in what is not there."""
    held = written(tmp_path / "held.png", columns(0, 4))
    combine = Combination(united=("a",), hold_in=(DrawnMask(str(held)),))
    found = mattes(gone=combine)
    np.testing.assert_array_equal(found["b"][2:], found["a"][2:])
    assert (found["b"][:2, :, :4] == 1).all()


def test_exclusive_subjects_that_are_united_leave_no_seam(stored: Stored) -> None:
    exclusive = MatteSettings(exclusive=True, snap=0)
    one = replace(BALL, matte=exclusive, combine=Combination(united=("b",)))
    with stored(one, replace(GONE, matte=exclusive)) as session:
        both, other = (
            session.matte(plan, ClipFrame(1), session.tracks.record(plan, ClipFrame(1)))
            for plan in session.plans
        )
    with stored(replace(BALL, matte=exclusive), replace(GONE, matte=exclusive)) as session:
        plan = session.plans[0]
        alone = session.matte(plan, ClipFrame(1), session.tracks.record(plan, ClipFrame(1)))
    np.testing.assert_allclose(both, alone + other, atol=1e-6)
    assert ((alone > 0) & (other > 0)).any()


def test_garbage_is_taken_away_and_a_hold_in_mask_added_on_its_frames(
    mattes: Callable, tmp_path: Path
) -> None:
    alone = mattes()["a"]
    half = written(tmp_path / "Müll halb.png", columns(0, 20, 0.5))
    core = written(tmp_path / "core.png", columns(40, 44))
    found = mattes(
        Combination(
            garbage=(DrawnMask(str(half)),),
            hold_in=(DrawnMask(str(core), frames(2, 3)), DrawnMask(str(half), frames(4, 4))),
        )
    )["a"]
    kept = alone * (1 - columns(0, 20, 0.5))
    np.testing.assert_allclose(found[0], kept[0], atol=1e-4)
    for n in (1, 2):
        np.testing.assert_allclose(found[n], np.maximum(kept[n], columns(40, 44)), atol=1e-4)
    # Where both are drawn, the hold-in mask decides.
    np.testing.assert_allclose(found[3], np.maximum(kept[3], columns(0, 20, 0.5)), atol=1e-4)


def test_drawn_masks_are_not_smoothed_or_moved(mattes: Callable, tmp_path: Path) -> None:
    core = written(tmp_path / "core.png", columns(46, 48))
    soft = MatteSettings(feather=6, expand=3, steady=1)
    found = mattes(Combination(hold_in=(DrawnMask(str(core)),)), matte=soft)["a"]
    assert (found[0, 0, 46:] == 1).all() and (found[0, 0, 40:46] == 0).all()


def test_a_mask_prompt_is_combined_and_an_approved_matte_is_not(stored: Stored, tmp_path: Path) -> None:
    given = written(tmp_path / "given.png", columns(10, 30))
    garbage = DrawnMask(str(written(tmp_path / "left.png", columns(0, 20))))
    masked = replace(BALL, prompts=(Mask(ClipFrame(1), str(given)),), combine=Combination(garbage=(garbage,)))
    with stored(masked) as session:
        (plan,) = session.plans
        record = session.tracks.record(plan, ClipFrame(1))
        np.testing.assert_array_equal(session.matte(plan, ClipFrame(1), record), columns(20, 30))
        approved = approve_frames(session, plan.subject.id, frames(1, 1), tmp_path / "approved")
    everything = DrawnMask(str(written(tmp_path / "all.png", columns(0, WIDTH))))
    kept = replace(masked, approved=approved, combine=Combination(garbage=(everything,)))
    with stored(kept) as session:
        (plan,) = session.plans
        np.testing.assert_array_equal(session.matte(plan, ClipFrame(1), None), columns(20, 30))


def test_what_does_not_fit_is_told_before_anything_is_written(stored: Stored, tmp_path: Path) -> None:
    folder = tmp_path / "mäsks"
    for number in (7, 8, 10):
        written(folder / f"m{number:02d}.png", columns(0, 9))
    small = written(tmp_path / "small.png", columns(0, 9)[:, :20])
    for mask, fault in (
        (DrawnMask(str(folder)), MaskFrameMissing("der Bär", 3, folder / "m09.png")),
        (DrawnMask(str(small)), MaskUnreadable(small, "it is 20x32, the clip 48x32 pixels")),
        (DrawnMask(str(tmp_path / "gone")), MaskUnreadable(tmp_path / "gone", "there is no such file")),
    ):
        with stored(replace(BALL, combine=Combination(hold_in=(mask,)))) as session:
            with pytest.raises(type(fault)) as caught:
                session.mattes.check_drawn(session.range)
            assert vars(caught.value) == vars(fault)
    with stored(
        replace(BALL, combine=Combination(hold_in=(DrawnMask(str(folder), frames(1, 2)),)))
    ) as session:
        session.mattes.check_drawn(session.range)
    with pytest.raises(CombinationCycle):
        stored(replace(BALL, combine=Combination(("b",))), replace(GONE, combine=Combination((), ("a",))))


def test_what_a_matte_is_combined_with_is_part_of_its_origin(plates: Path, tmp_path: Path) -> None:
    clip, first = plates / "plate.0001.png", FileNumber(1)
    folder = tmp_path / "masks"
    for number in FRAMES:
        written(folder / f"{number}.png", columns(0, number))

    def due(ball: Subject, gone: Subject = GONE) -> list[str]:
        origin = due_origin(ball, Settings(), clip, first, (ball, gone))
        return [origin(number) for number in FRAMES]

    def combined(**more: object) -> Subject:
        return replace(BALL, combine=Combination(**more))

    alone = due(BALL)
    assert alone == [due_origin(BALL, Settings(), clip, first)(n) for n in FRAMES] and len(set(alone)) == 1
    on_some = due(combined(garbage=(DrawnMask(str(folder), frames(2, 3)),)))
    assert [a == b for a, b in zip(alone, on_some, strict=True)] == [True, False, False, True]
    assert len(set(on_some)) == 3
    assert set(due(combined(hold_in=(DrawnMask(str(folder), frames(2, 3)),)))).isdisjoint(on_some[1:3])
    written(folder / "1.png", columns(0, 40))
    changed = due(combined(garbage=(DrawnMask(str(folder), frames(2, 3)),)))
    assert [a == b for a, b in zip(changed, on_some, strict=True)] == [True, False, True, True]
    (folder / "1.png").unlink()
    assert due(combined(garbage=(DrawnMask(str(folder / "1.png")),)))[0] not in (alone[0], changed[1])

    united = due(combined(united=("b",)))
    assert set(united).isdisjoint(alone) and set(due(combined(subtracted=("b",)))).isdisjoint(united)
    other = replace(GONE, matte=MatteSettings(feather=3))
    assert set(due(combined(united=("b",)), other)).isdisjoint(united) and due(BALL, other) == alone
    kept = replace(GONE, approved=(Approved(ClipFrame(2), "kept.png", "ab" * 32),))
    assert [a == b for a, b in zip(due(combined(united=("b",)), kept), united, strict=True)].count(False) == 1
    # Faulty shots are compared too.
    assert due(combined(united=("b",)), replace(GONE, combine=Combination(united=("a",))))
    exclusive = replace(BALL, matte=MatteSettings(exclusive=True))
    assert set(due(exclusive)).isdisjoint(due(exclusive, other))


@pytest.fixture
def deliver(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, in the folder of the shot."""
    monkeypatch.chdir(tmp_path)
    with stored() as session:
        save_shot(session.absolute_shot(), tmp_path / "s.json")

    def run(out: str, *more: object) -> int:
        line = ["deliver", "s.json", "-o", out, "--store", "store", "--subject", "der Bär", *map(str, more)]
        return main(line)

    return run


def test_the_command_line_delivers_what_is_combined(deliver: Callable[..., int], tmp_path: Path) -> None:
    for number in FRAMES:
        written(tmp_path / "Mäsken" / f"m.{number}.png", columns(0, 4 * number))
    assert deliver("plain") == 0
    assert deliver("minus", "--subtract", "7 dwarfs", "--garbage", "1-2:Mäsken", "--hold-in", "4:Mäsken") == 0
    for number in FRAMES:
        a, b, made = (
            read_matte(tmp_path / folder / f"plate_{name}_matte.{number:04d}.png")
            for folder, name in (("plain", "der Bär"), ("plain", "7 dwarfs"), ("minus", "der Bär"))
        )
        expected = np.maximum(a - b, 0)
        if number < 3:
            expected = expected * (1 - columns(0, 4 * number))
        if number == 4:
            expected = np.maximum(expected, columns(0, 4))
        np.testing.assert_allclose(made, expected, atol=2 / 65535)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--garbage", "small.png"), "cannot use the mask small.png: it is 20x32, the clip 48x32 pixels"),
        (("--hold-in", "weg.png"), "cannot use the mask weg.png: there is no such file"),
        (("--garbage", "1-9:small.png"), "frame 9 is outside the clip, which has the frames 1 to 4"),
        (("--garbage", "one"), "der Bär lacks a mask for frame 2: one"),
        (("--unite", "saucer"), "der Bär is to be combined with saucer, but the shot has no such subject"),
        (
            ("--unite", "7 dwarfs", "--subject", "7 dwarfs", "--subtract", "der Bär"),
            "need each other's mattes",
        ),
        (("--subject", "saucer", "--garbage", "small.png"), "the shot has no subject saucer"),
    ],
)
def test_what_cannot_be_combined_is_one_line_and_writes_nothing(
    deliver: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    said: str,
) -> None:
    written(tmp_path / "small.png", columns(0, 9)[:, :20])
    written(tmp_path / "one" / "m.1.png", columns(0, 9))
    assert deliver("out", *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_mask_that_changed_is_another_delivery(
    deliver: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, *_: object) -> None:
        raise OutputUnwritable(path, "no space left on device")

    written(tmp_path / "m.png", columns(0, 9))
    with monkeypatch.context() as disk:
        disk.setattr("rotopoint.deliver.matte_files.write_matte", full)
        assert deliver("out", "--garbage", "m.png") == 1
    written(tmp_path / "m.png", columns(0, 8))
    capsys.readouterr()
    assert deliver("out", "--garbage", "m.png", "--resume") == 2
    assert "asked for otherwise" in capsys.readouterr().err
    written(tmp_path / "m.png", columns(0, 9))
    assert deliver("out", "--garbage", "m.png", "--resume") == 0
