# SPDX-License-Identifier: GPL-3.0-or-later
"""What mattes were made of: recorded beside them, true however work ends."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.deliver.naming import record_path
from rotopoint.deliver.origins import (
    EMPTY,
    END_BYTES,
    Asker,
    MatteRecord,
    due_origin,
    noting,
    origin_of,
    read_record,
    write_record,
)
from rotopoint.errors import OutputUnwritable
from rotopoint.shot import (
    Approved,
    Box,
    Direction,
    Mask,
    MatteEdge,
    MatteFormat,
    MatteOverride,
    MatteSettings,
    Point,
    Settings,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameRange

SUBJECT = Subject("id", "dog", (Point(ClipFrame(1), 3.0, 4.0),))
FIRST = FileNumber(101)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clips" / "plate.0101.png"
    path.parent.mkdir()
    path.write_bytes(b"pixels")
    return path


def test_what_alters_a_matte_alters_its_origin(clip: Path, tmp_path: Path) -> None:
    origin = origin_of(SUBJECT, Settings(), clip, FIRST)
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"one")
    masked = replace(SUBJECT, prompts=(Mask(ClipFrame(1), str(mask)),))
    others = {
        "a point": origin_of(
            replace(SUBJECT, prompts=(Point(ClipFrame(1), 3.5, 4.0),)), Settings(), clip, FIRST
        ),
        "its sign": origin_of(
            replace(SUBJECT, prompts=(Point(ClipFrame(1), 3.0, 4.0, positive=False),)),
            Settings(),
            clip,
            FIRST,
        ),
        "a box": origin_of(
            replace(SUBJECT, prompts=(*SUBJECT.prompts, Box(ClipFrame(2), 0.0, 0.0, 5.0, 5.0))),
            Settings(),
            clip,
            FIRST,
        ),
        "a mask": origin_of(masked, Settings(), clip, FIRST),
        "absence": origin_of(
            replace(SUBJECT, absent=(FrameRange(ClipFrame(3), ClipFrame(4)),)), Settings(), clip, FIRST
        ),
        **{
            name: origin_of(replace(SUBJECT, matte=MatteSettings(**{name: value})), Settings(), clip, FIRST)
            for name, value in (("edge", MatteEdge.SOFT), ("largest_hole", 9))
        },
        "following": origin_of(replace(SUBJECT, follow=True), Settings(), clip, FIRST),
        "numbers": origin_of(SUBJECT, Settings(), clip, FileNumber(102)),
        **{
            name: origin_of(SUBJECT, replace(Settings(), **{name: value}), clip, FIRST)
            for name, value in (
                ("checkpoint", "tiny"),
                ("policy", "upstream"),
                ("input_transform", "linear"),
                ("format", MatteFormat.EXR),
            )
        },
    }
    mask.write_bytes(b"two")
    others["the mask's content"] = origin_of(masked, Settings(), clip, FIRST)
    clip.write_bytes(b"another take")
    others["the clip's content"] = origin_of(SUBJECT, Settings(), clip, FIRST)
    assert len({origin, *others.values()}) == 1 + len(others)


def test_what_alters_no_matte_alters_no_origin(clip: Path, tmp_path: Path) -> None:
    origin = origin_of(SUBJECT, Settings(), clip, FIRST)
    other = replace(SUBJECT, id="other", name="cat", color=(0.0, 0.0, 0.0))
    narrow = Settings(range=FrameRange(ClipFrame(2), ClipFrame(3)), direction=Direction.FORWARD)
    assert origin_of(other, narrow, clip, FIRST) == origin
    moved = tmp_path / "elsewhere ä" / clip.name
    moved.parent.mkdir()
    moved.write_bytes(clip.read_bytes())
    os.utime(moved, (1, 1))
    assert origin_of(SUBJECT, Settings(), moved, FIRST) == origin


def test_of_a_long_clip_head_and_tail_are_read(clip: Path) -> None:
    origins = set()
    for time, at in enumerate((None, 0, -1, END_BYTES * 2)):
        content = bytearray(4 * END_BYTES)
        if at is not None:
            content[at] = 1
        clip.write_bytes(content)
        # As if each were written at another time.
        os.utime(clip, (time, time))
        origins.add(origin_of(SUBJECT, Settings(), clip, FIRST))
    assert len(origins) == 3, "the middle is not read, both ends are"


def test_an_approved_frame_is_due_as_it_was_approved(clip: Path) -> None:
    approved = replace(SUBJECT, approved=(Approved(ClipFrame(2), "kept.png", "ab" * 32),))
    origin = origin_of(SUBJECT, Settings(), clip, FIRST)
    due = due_origin(approved, Settings(), clip, FIRST)
    assert [due(number) for number in (101, 102, 103)] == [origin, "ab" * 32, origin]


@pytest.mark.parametrize(
    ("direction", "reached"),
    [(Direction.BOTH, "11111"), (Direction.FORWARD, "01111"), (Direction.BACKWARD, "11110")],
)
def test_where_the_direction_does_not_reach_an_empty_matte_is_due(
    clip: Path, direction: Direction, reached: str
) -> None:
    prompted = replace(SUBJECT, prompts=tuple(Point(ClipFrame(n), 3.0, 4.0) for n in (2, 4)))
    origin = origin_of(prompted, Settings(), clip, FIRST)
    due = due_origin(prompted, Settings(direction=direction), clip, FIRST)
    expected = [origin if known == "1" else EMPTY for known in reached]
    assert [due(FIRST + n) for n in range(5)] == expected


@given(
    st.dictionaries(
        st.sampled_from(["dog", "straße", "a b"]),
        st.dictionaries(st.integers(0, 40), st.sampled_from("xyz"), min_size=1),
    )
)
def test_a_record_comes_back_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, origins: dict) -> None:
    folder = tmp_path_factory.mktemp("record")
    record = MatteRecord(origins, Asker("../ä.blend", "plate.png"))
    write_record(folder, "plate", record)
    assert read_record(folder, "plate") == record


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path, "plate") is None
    write_record(tmp_path, "plate", MatteRecord({"dog": {1: "x"}}))
    path = record_path(tmp_path, "plate")
    whole = json.loads(path.read_text(encoding="utf-8"))
    for content in (
        "{",
        "[]",
        "[" * 100_000,
        json.dumps(whole | {"version": 2}),
        json.dumps(whole | {"subjects": {"dog": [["x", 0, 10**15]]}}),
        json.dumps(whole | {"subjects": {"dog": [["x", "a", "b"]]}}),
    ):
        path.write_text(content, encoding="utf-8")
        assert read_record(tmp_path, "plate") is None


def test_mattes_replaced_are_unknown_until_the_work_ends(tmp_path: Path) -> None:
    def known() -> dict:
        return dict(read_record(tmp_path, "plate").of("Dog"))

    with noting(tmp_path, "plate", {"dog": dict.fromkeys(range(1, 5), "old")}) as note:
        for number in range(1, 5):
            note("dog", number)
        assert known() == {}
    assert known() == {1: "old", 2: "old", 3: "old", 4: "old"}

    # A part of the range is tracked anew, and broken off.
    with (
        pytest.raises(KeyboardInterrupt),
        noting(tmp_path, "plate", {"dog": {2: "new", 3: "new", 4: "old"}}) as note,
    ):
        note("dog", 2)
        assert known() == {1: "old", 4: "old"}, "a process that is killed now leaves this"
        raise KeyboardInterrupt
    assert known() == {1: "old", 2: "new", 4: "old"}


def test_two_that_write_one_folder_side_by_side_claim_nothing_of_each_other(tmp_path: Path) -> None:
    with noting(tmp_path, "plate", {"dog": {1: "a", 2: "a"}}) as one:
        one("dog", 1)
        one("dog", 2)
        with noting(tmp_path, "plate", {"dog": {2: "b", 3: "b"}}) as other:
            other("dog", 2)
            other("dog", 3)
    assert read_record(tmp_path, "plate").of("dog") == {1: "a", 3: "b"}


def test_a_folder_that_takes_no_record_is_told_before_anything_is_written(tmp_path: Path) -> None:
    begun = False
    with pytest.raises(OutputUnwritable), noting(tmp_path / "nowhere", "plate", {}):
        begun = True
    assert not begun


def test_that_the_end_cannot_be_noted_hides_no_other_error(tmp_path: Path) -> None:
    folder = tmp_path / "mattes"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt), noting(folder, "plate", {"dog": {1: "a"}}):
        record_path(folder, "plate").unlink()
        folder.rmdir()
        raise KeyboardInterrupt


def test_an_override_alters_the_origin_of_its_frames_alone(clip: Path) -> None:
    override = MatteOverride(FrameRange(ClipFrame(2), ClipFrame(3)), "largest_hole", 9)
    due = due_origin(replace(SUBJECT, overrides=(override,)), Settings(), clip, FIRST)
    usual = origin_of(SUBJECT, Settings(), clip, FIRST)
    filled = origin_of(replace(SUBJECT, matte=MatteSettings(largest_hole=9)), Settings(), clip, FIRST)
    assert [due(number) for number in range(101, 105)] == [usual, filled, filled, usual]
