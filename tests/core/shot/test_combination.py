# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subject's matte is combined with: said once, kept in JSON, and no matter of a track."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.cli.arguments import build_parser
from rotopoint.cli.asked import shot_of
from rotopoint.errors import (
    CombinationCycle,
    CombinationUnknown,
    OptionUnreadable,
    RangeReversed,
    ShotUnreadable,
    SubjectUnknown,
)
from rotopoint.messages import explain
from rotopoint.plan import plan_subject, track_keys
from rotopoint.shot import ClipReference, Combination, DrawnMask, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange
from rotopoint.shot.json import load_shot, revision, save_shot, shot_from_dict, shot_to_dict
from rotopoint.tracking.policy import Address, policy_named

NOTHING = Combination()
POINT = Point(ClipFrame(1), 3.0, 4.0)
SOME = FrameRange(ClipFrame(2), ClipFrame(5))

EACH = {
    "united": Combination(united=("cup",)),
    "subtracted": Combination(subtracted=("cup",)),
    "garbage": Combination(garbage=(DrawnMask("müll.png"), DrawnMask("masks", SOME))),
    "hold_in": Combination(hold_in=(DrawnMask("masks/core.png", SOME),)),
}
each = pytest.mark.parametrize("combine", EACH.values(), ids=EACH)


def shot(combine: Combination = NOTHING, **others: Combination) -> Shot:
    """A hand combined so, a cup, and others."""
    named = {"hand": combine, "cup": Combination(), **others}
    return Shot(
        ClipReference("clip.mp4"), tuple(Subject(n, n, (POINT,), combine=c) for n, c in named.items())
    )


def test_there_is_an_example_of_each() -> None:
    assert set(EACH) == {field.name for field in fields(Combination)}


@each
def test_each_comes_back_from_json_and_alters_the_revision(combine: Combination) -> None:
    asked = shot(combine)
    assert shot_from_dict(json.loads(json.dumps(shot_to_dict(asked)))) == asked
    assert revision(asked) != revision(shot())


@each
def test_none_has_influence_on_a_track(combine: Combination) -> None:
    def key(subject: Subject) -> object:
        plan = plan_subject(subject, Settings(), FrameMap.identity(9))
        return track_keys(plan, policy_named("default"), "clip", "draft", "auto")(Address(0, 5))

    assert key(shot(combine).subject("hand")) == key(shot().subject("hand"))


def test_paths_of_masks_are_relative_to_the_shot(tmp_path: Path) -> None:
    save_shot(shot(EACH["garbage"]), tmp_path / "s.json")
    (still, folder) = load_shot(tmp_path / "s.json").subject("hand").combine.garbage[::-1]
    assert still == DrawnMask(str(tmp_path / "müll.png")) and folder.path == str(tmp_path / "masks")


def test_a_shot_of_version_3_combines_nothing() -> None:
    old = {**shot_to_dict(shot()), "version": 3}
    for subject in old["subjects"]:
        del subject["combine"]
    assert shot_from_dict(old) == shot()


@given(st.permutations(range(3)))
def test_the_order_in_which_it_is_said_means_nothing(order: list[int]) -> None:
    masks = [DrawnMask("a.png"), DrawnMask("a.png", SOME), DrawnMask("b.png")]
    mixed = Combination(tuple("cab"[n] for n in order), garbage=tuple(masks[n] for n in order))
    assert mixed == Combination(("a", "b", "c"), garbage=tuple(masks))


def test_a_mask_is_on_its_frames_alone() -> None:
    mask = DrawnMask("a.png", SOME)
    assert [mask.is_on(ClipFrame(n)) for n in (1, 2, 5, 6)] == [False, True, True, False]
    assert (mask.first, DrawnMask("a.png").first, DrawnMask("a.png").is_on(ClipFrame(99))) == (2, 1, True)


def test_subjects_that_need_each_other_are_refused_by_name() -> None:
    both = shot(Combination(united=("cup",)), cup=Combination(subtracted=("hand",)))
    with pytest.raises(CombinationCycle) as caught:
        both.check_complete()
    assert set(caught.value.subjects) == {"hand", "cup"} and len(caught.value.subjects) == 3
    assert "need each other's mattes" in explain(caught.value)
    with pytest.raises(CombinationCycle) as caught:
        shot(Combination(united=("hand",))).check_complete()
    assert caught.value.subjects == ("hand", "hand")
    with pytest.raises(CombinationUnknown) as caught:
        shot(Combination(subtracted=("saucer",))).check_complete()
    assert explain(caught.value) == "hand is to be combined with saucer, but the shot has no such subject"


def test_a_matte_needs_those_that_it_is_made_of_and_those_that_they_are_made_of() -> None:
    way = shot(Combination(("cup",)), cup=Combination((), ("table",)), table=Combination(), far=Combination())
    assert [s.id for s in way.needed_for("hand")] == ["hand", "cup", "table"]
    assert [s.id for s in way.needed_for("far")] == ["far"]


def test_subjects_without_prompts_have_no_part_in_the_mattes_of_others() -> None:
    whole = shot(Combination(("cup",), ("table",)), cup=Combination(), table=Combination())
    assert whole.prompted() == whole
    without = whole.with_subjects(
        replace(s, prompts=() if s.id == "table" else s.prompts) for s in whole.subjects
    )
    found = without.prompted()
    assert {s.id for s in found.subjects} == {"hand", "cup"}
    assert found.subject("hand").combine == Combination(("cup",))
    found.check_complete()


TWO = ["--subject", "hand", "--point", "1:3,4", "--subject", "cup", "--point", "1:3,4"]


def track(*more: str) -> Shot:
    return shot_of(build_parser().parse_args(["track", "clip.mp4", "-o", "out", *TWO, *more]))


def test_options_belong_to_the_subject_before_them() -> None:
    more = ["--subject", "hand", "--subtract", "cup", "--garbage", "2-5:masks", "--garbage", "C:/müll.png"]
    found = track(*more, "--hold-in", "7:core.png", "--unite", "cup")
    assert found.subject("cup").combine == Combination()
    assert found.subject("hand").combine == Combination(
        ("cup",),
        ("cup",),
        (DrawnMask("C:/müll.png"), DrawnMask("masks", SOME)),
        (DrawnMask("core.png", FrameRange(ClipFrame(7), ClipFrame(7))),),
    )
    with pytest.raises(OptionUnreadable, match="--garbage"):
        build_parser().parse_args(["track", "c.mp4", "-o", "o", "--garbage", "m.png"])
    with pytest.raises(RangeReversed):
        track("--subject", "hand", "--garbage", "5-2:m.png")


def test_a_saved_shot_is_combined_with_more_for_one_delivery(tmp_path: Path) -> None:
    """Its subjects' ids are not their names."""
    saved = shot(Combination(garbage=(DrawnMask("a.png"),)))
    hand, cup = (replace(saved.subject(n), id=id) for n, id in (("hand", "7f"), ("cup", "3c")))
    save_shot(saved.with_subjects([hand, cup]), tmp_path / "s.json")
    line = ["deliver", str(tmp_path / "s.json"), "-o", "out"]
    more = ["--subject", "hand", "--subtract", "cup", "--garbage", "b.png"]
    found = shot_of(build_parser().parse_args([*line, *more])).subject("7f").combine
    assert found.subtracted == ("3c",)
    assert {mask.path for mask in found.garbage} == {str(tmp_path / "a.png"), "b.png"}
    with pytest.raises(SubjectUnknown):
        shot_of(build_parser().parse_args([*line, "--subject", "saucer", "--subtract", "cup"]))


@pytest.mark.parametrize(
    ("combine", "where"),
    [
        (3, "combine"),
        ({"united": "cup"}, "combine.united"),
        ({"subtracted": [3]}, "combine.subtracted"),
        ({"garbage": ["a.png"]}, "combine.garbage[0]"),
        ({"garbage": [{"path": "a\0.png"}]}, "combine.garbage[0].path"),
        ({"hold_in": [{"path": "a.png", "frames": [1]}]}, "combine.hold_in[0].frames"),
    ],
)
def test_what_is_wrong_in_a_shot_is_named(combine: object, where: str) -> None:
    data = shot_to_dict(shot())
    data["subjects"][0]["combine"] = combine
    with pytest.raises(ShotUnreadable) as caught:
        shot_from_dict(data)
    assert caught.value.where.endswith(where)
