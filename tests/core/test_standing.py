# SPDX-License-Identifier: GPL-3.0-or-later
"""How tracks stand: what of them holds for other prompts, and what is there again when it is read."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.deliver.naming import standing_path
from rotopoint.plan import plan_subject, track_keys
from rotopoint.shot import Approved, ClipReference, Mask, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange
from rotopoint.standing import (
    MOST_NOTES,
    STEPS,
    Standing,
    Stretch,
    noting_standing,
    read_standing,
    stretches_of,
)
from rotopoint.tracking.policy import POLICIES, Address, policy_named

COUNT = 12
CLIP = Path("plate.mp4")


def at(frame: int, x: float = 1.0) -> Point:
    return Point(ClipFrame(frame), x, 1.0)


def dog(*prompts: Point | Mask, absent: tuple[FrameRange, ...] = ()) -> Subject:
    return Subject("dog", "dog", prompts, absent=absent)


def digests(subject: Subject, **settings: object) -> dict[int, str]:
    """By clip frame."""
    found = stretches_of(subject, replace(Settings(), **settings), CLIP, COUNT)
    assert all(one.last < next_one.first for one, next_one in pairwise(found))
    return {frame: digest for first, last, digest in found for frame in range(first, last + 1)}


def standing_frames(before: Subject, now: Subject, **settings: object) -> list[int]:
    was, is_now = digests(before, **settings), digests(now, **settings)
    return [frame for frame, digest in is_now.items() if was.get(frame) == digest]


FRAMES = st.integers(1, COUNT)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    absent = tuple(
        FrameRange(ClipFrame(a), ClipFrame(min(a + draw(st.integers(0, 2)), COUNT)))
        for a in draw(st.sets(FRAMES, max_size=2))
    )
    free = [f for f in range(1, COUNT + 1) if not any(f in frames for frames in absent)]
    prompted = draw(st.sets(st.sampled_from(free), min_size=1, max_size=4)) if free else set()
    moved = draw(st.sets(st.sampled_from(sorted(prompted)), max_size=1)) if prompted else set()
    return dog(*(at(f, 2.0 if f in moved else 1.0) for f in prompted), absent=absent)


@given(subjects(), subjects(), st.sampled_from([policy.name for policy in POLICIES]))
def test_a_frame_stands_where_its_records_have_the_same_keys(
    before: Subject, now: Subject, policy: str
) -> None:
    def keys(subject: Subject) -> dict[int, list[object]]:
        if not subject.prompts:
            return {}
        rule = policy_named(policy)
        plan = plan_subject(subject, Settings(policy=policy), FrameMap.identity(COUNT))
        key = track_keys(plan, rule, "c", "k", "auto")
        return {
            p + 1: [(a, key(a)) for a in (Address(s, p) for s in rule.passes(plan.asked, p))]
            for p in range(COUNT)
            if p not in plan.absent
        }

    was, is_now = keys(before), keys(now)
    same = [frame for frame, key in is_now.items() if was.get(frame) == key]
    assert standing_frames(before, now, policy=policy) == same


def test_a_correction_leaves_what_it_does_not_touch() -> None:
    before = dog(at(2), at(5), at(8))
    assert standing_frames(before, dog(at(2), at(5), at(8), at(10))) == list(range(1, 9))
    assert standing_frames(before, dog(at(2), at(8))) == [1, 2, 8, 9, 10, 11, 12]
    assert standing_frames(before, dog(at(5), at(8))) == [], "all depend on the earliest prompt"
    gone = FrameRange(ClipFrame(10), ClipFrame(11))
    assert standing_frames(before, replace(before, absent=(gone,))) == list(range(1, 10))


def test_other_settings_of_a_track_leave_nothing_standing(tmp_path: Path) -> None:
    subject = dog(at(2))
    usual = digests(subject)
    assert sorted(usual) == list(range(1, COUNT + 1))
    others = (
        digests(subject, policy="forward"),
        digests(subject, checkpoint="tiny"),
        digests(subject, input_transform="linear"),
        digests(replace(subject, follow=True)),
    )
    assert not any(set(usual.values()) & set(other.values()) for other in others)
    assert digests(replace(subject, name="cat", color=(0.0, 0.0, 0.0))) == usual
    file = tmp_path / "mask.png"
    found = []
    for content in (b"one", b"other"):
        file.write_bytes(content)
        found.append(digests(dog(Mask(ClipFrame(2), str(file)))))
    assert found[0] != found[1], "a mask counts by its content"
    labels = [digests(dog(Mask(ClipFrame(2), str(file), label=n))) for n in (None, 1, 2)]
    assert len({d[2] for d in labels}) == 3
    assert stretches_of(dog(), Settings(), CLIP, COUNT) == ()


def shot_of(subject: Subject) -> Shot:
    return Shot(ClipReference(str(CLIP)), (subject,), Settings())


def confidences(folder: Path, subject: Subject) -> list[float | None]:
    """Of all frames, as they stand now; None where none is tracked as is asked."""
    standing = read_standing(folder, "plate")
    stretches = stretches_of(subject, Settings(), CLIP, COUNT)
    return [
        None if np.isnan(c) else round(float(c), 3) for c in standing.confidences("dog", stretches, COUNT)
    ]


def test_what_was_noted_is_there_again(tmp_path: Path) -> None:
    subject = replace(dog(at(2)), approved=(Approved(ClipFrame(4), "m.png", "0" * 64),))
    with noting_standing(tmp_path, "plate", shot_of(subject), CLIP, COUNT) as note:
        for frame in (1, 2, 3, 4, 7):
            note("dog", frame, frame / 10)
        note("dog", 9, None)
        note("another", 9, 0.5)
    expected = [0.1, 0.2, 0.3, None, None, None, 0.7, *[None] * 5]
    assert confidences(tmp_path, subject) == expected
    corrected = dog(at(2), at(5))
    assert confidences(tmp_path, corrected) == [0.1, 0.2, *[None] * 10]
    with noting_standing(tmp_path, "plate", shot_of(corrected), CLIP, COUNT) as note:
        note("dog", 7, 0.9)
    assert confidences(tmp_path, corrected)[6] == 0.9
    assert confidences(tmp_path, subject) == expected, "undo finds what stood before"


def test_work_that_breaks_off_has_noted_what_it_did(tmp_path: Path) -> None:
    subject = dog(at(2))
    with (
        pytest.raises(KeyboardInterrupt),
        noting_standing(tmp_path, "plate", shot_of(subject), CLIP, COUNT) as note,
    ):
        note("dog", 3, 1.0)
        raise KeyboardInterrupt
    assert confidences(tmp_path, subject)[2] == 1.0


def test_a_killed_process_loses_the_last_seconds_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = dog(at(2))
    with noting_standing(tmp_path, "plate", shot_of(subject), CLIP, COUNT) as note:
        note("dog", 3, 0.5)
        note("dog", 4, 0.6)
        assert confidences(tmp_path, subject)[2:4] == [0.5, None]
        monkeypatch.setattr("rotopoint.standing.WRITE_SECONDS", 0.0)
        note("dog", 5, 0.7)
        assert confidences(tmp_path, subject)[2:5] == [0.5, 0.6, 0.7]


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    with noting_standing(tmp_path / "nowhere", "plate", shot_of(dog(at(2))), CLIP, COUNT) as note:
        note("dog", 3, 0.5)
    assert read_standing(tmp_path / "nowhere", "plate") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 9, "subjects": {}}',
        '{"version": 1, "subjects": {"dog": {"d": [[1]]}}}',
        '{"version": 1, "subjects": {"dog": {"d": [[1e99, "AQA="]]}}}',
        '{"version": 1, "subjects": {"dog": {"d": [[1, "//9/"]]}}}',
    ],
)
def test_a_damaged_note_says_nothing(tmp_path: Path, content: str) -> None:
    standing_path(tmp_path, "plate").write_text(content, encoding="utf-8")
    assert read_standing(tmp_path, "plate") is None


def test_of_too_many_notes_the_longest_untouched_go() -> None:
    standing = Standing()
    most = np.ones(MOST_NOTES // 2, np.int16)
    for digest in ("a", "b", "a", "c"):
        standing.put("dog", digest, 1, most)
    assert list(standing.notes["dog"]) == ["a", "c"]


@given(st.lists(st.tuples(FRAMES, st.integers(0, STEPS)), max_size=20))
def test_frames_come_in_any_order(noted: list[tuple[int, int]]) -> None:
    standing = Standing()
    for frame, step in noted:
        standing.note("dog", "d", frame, step / STEPS)
    found = standing.confidences("dog", [Stretch(1, COUNT, "d")], COUNT)
    newest = dict(noted)
    expected = [newest.get(frame, np.nan) for frame in range(1, COUNT + 1)]
    assert np.array_equal(found, np.array(expected, np.float32) / np.float32(STEPS), equal_nan=True)
    assert np.array_equal(standing.ever_tracked("dog", COUNT), ~np.isnan(found))


def test_a_long_clip_is_small_on_disk(tmp_path: Path) -> None:
    subject = dog(at(2))
    with noting_standing(tmp_path, "plate", shot_of(subject), CLIP, 20_000) as note:
        for frame in range(1, 20_001):
            note("dog", frame, 0.987)
    assert standing_path(tmp_path, "plate").stat().st_size < 120_000
    (runs,) = json.loads(standing_path(tmp_path, "plate").read_bytes())["subjects"]["dog"].values()
    assert len(runs) <= 3
