# SPDX-License-Identifier: GPL-3.0-or-later
"""How mattes are made is asked for once, and JSON, options and track keys follow from its fields."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.cli.arguments import build_parser
from rotopoint.cli.asked import shot_of
from rotopoint.errors import OptionUnreadable, SettingTwice, SettingUnknown, SettingUnusable, ShotUnreadable
from rotopoint.messages import explain
from rotopoint.plan import plan_subject, track_keys
from rotopoint.shot import (
    ClipReference,
    MatteEdge,
    MatteOverride,
    MatteSettings,
    Point,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange
from rotopoint.shot.json import revision, shot_from_dict, shot_to_dict
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.setting import LARGEST_WHOLE, Setting, Value, plain
from rotopoint.tracking.policy import Address, policy_named

every_setting = pytest.mark.parametrize("described", MATTE_SETTINGS.values(), ids=MATTE_SETTINGS)

POINT = Point(ClipFrame(1), 3.0, 4.0)
SUBJECT = Subject("1", "dog", (POINT,))


def frames(first: int, last: int) -> FrameRange:
    return FrameRange(ClipFrame(first), ClipFrame(last))


def another(described: Setting) -> Value:
    """A value that the setting has not by itself."""
    if issubclass(described.kind, Enum):
        return next(member for member in described.kind if member is not described.default)
    if described.kind is bool:
        return not described.default
    return described.kind(described.least if described.default != described.least else described.least + 1)


def asked(described: Setting) -> MatteSettings:
    return replace(MatteSettings(), **{described.name: another(described)})


def shot(*subjects: Subject) -> Shot:
    return Shot(ClipReference("clip.mp4"), subjects)


@every_setting
def test_each_is_described_and_its_default_is_a_value_of_it(described: Setting) -> None:
    assert described.label and described.help and described.group and not described.help.endswith(".")
    assert described.checked(described.default) == described.default
    if issubclass(described.kind, Enum):
        assert set(described.choices) == set(described.kind)
    if described.neutral is not None:
        assert described.checked(described.neutral) == described.neutral


@every_setting
def test_each_comes_back_from_json_and_alters_the_revision(described: Setting) -> None:
    there = shot(replace(SUBJECT, matte=asked(described)))
    assert shot_from_dict(json.loads(json.dumps(shot_to_dict(there)))) == there
    override = MatteOverride(frames(2, 5), described.name, another(described))
    on_some = shot(replace(SUBJECT, overrides=(override,)))
    assert shot_from_dict(json.loads(json.dumps(shot_to_dict(on_some)))) == on_some
    assert len({revision(s) for s in (shot(SUBJECT), there, on_some)}) == 3


@every_setting
def test_each_is_an_option_for_all_subjects_and_for_one(described: Setting) -> None:
    value = plain(another(described))
    text = {True: "on", False: "off"}[value] if described.kind is bool else str(value)
    given = [described.option, text]
    if described.kind is bool:
        given = [described.option if value else described.option.replace("--", "--no-", 1)]
    two = ["--subject", "dog", "--point", "1:3,4", "--subject", "cat", "--point", "1:3,4"]
    line = ["track", "clip.mp4", "-o", "out", *two]
    found = shot_of(build_parser().parse_args([*line, *given]))
    assert [s.matte for s in found.subjects] == [asked(described)] * 2
    found = shot_of(build_parser().parse_args([*line, "--set", f"{described.name}={text}"]))
    assert {s.name: s.matte for s in found.subjects} == {"dog": MatteSettings(), "cat": asked(described)}
    found = shot_of(build_parser().parse_args([*line, "--set", f"2-5:{described.name}={text}"]))
    override = MatteOverride(frames(2, 5), described.name, another(described))
    assert {s.name: s.overrides for s in found.subjects} == {"dog": (), "cat": (override,)}


@every_setting
def test_none_has_influence_on_a_track(described: Setting) -> None:
    def key(subject: Subject) -> object:
        plan = plan_subject(subject, Settings(), FrameMap.identity(9))
        keys = track_keys(plan, policy_named("default"), "clip", "draft", "auto")
        return keys(Address(0, 5))

    override = MatteOverride(frames(2, 5), described.name, another(described))
    changed = replace(SUBJECT, matte=asked(described), overrides=(override,))
    assert key(changed) == key(SUBJECT)


def test_a_value_beyond_its_limits_is_told_by_name() -> None:
    with pytest.raises(SettingUnusable) as caught:
        MatteSettings(largest_hole=-1)
    assert explain(caught.value) == f"largest-hole -1: expected a whole number from 0 to {LARGEST_WHOLE} px"
    for wrong in (1.5, True, "3", None, float("nan")):
        with pytest.raises(SettingUnusable):
            MATTE_SETTINGS["largest_hole"].checked(wrong)
    with pytest.raises(SettingUnusable) as caught:
        MatteSettings(edge="blurred")
    assert explain(caught.value) == "edge blurred: expected one of soft, antialiased, hard"


def test_numbers_are_read_and_limited() -> None:
    width = Setting("Width", "How wide", "Edge", "px", least=-2, most=8, name="width", default=0.5)
    assert width.checked(3) == 3.0 and type(width.checked(3)) is float
    assert width.read("-1.25") == -1.25
    for wrong in ("nan", "inf", "8.01", "wide", ""):
        with pytest.raises(SettingUnusable) as caught:
            width.read(wrong)
        assert explain(caught.value) == f"width {wrong}: expected a number from -2 to 8 px"
    flag = Setting("Flag", "Whether", "Edge", name="flag", default=False)
    assert (flag.read("on"), flag.read("off")) == (True, False)
    with pytest.raises(SettingUnusable, match=r"'yes', 'on or off'|on or off"):
        flag.read("yes")


def test_overrides_hold_on_their_frames_alone() -> None:
    subject = replace(
        SUBJECT,
        matte=MatteSettings(largest_hole=3),
        overrides=(
            MatteOverride(frames(2, 4), "edge", "hard"),
            MatteOverride(frames(4, 6), "largest_hole", 9),
            MatteOverride(frames(5, 5), "edge", MatteEdge.SOFT),
        ),
    )
    found = [(s.edge.value, s.largest_hole) for s in map(subject.settings_on, range(1, 8))]
    expected = "antialiased hard hard hard soft antialiased antialiased".split()
    assert found == list(zip(expected, (3, 3, 3, 9, 9, 9, 3), strict=True))


def test_one_setting_is_not_said_twice_on_a_frame() -> None:
    overrides = tuple(
        MatteOverride(frames(*limits), "largest_hole", 9) for limits in ((2, 9), (12, 13), (4, 5))
    )
    with pytest.raises(SettingTwice) as caught:
        replace(SUBJECT, overrides=overrides)
    assert explain(caught.value) == "largest-hole of dog is said twice on frame 4; keep one"
    assert replace(SUBJECT, overrides=(overrides[0], overrides[0])).overrides == overrides[:1]


@given(st.permutations(range(4)))
def test_the_order_of_overrides_means_nothing(order: list[int]) -> None:
    overrides = [MatteOverride(frames(5 * n, 5 * n + 4), "largest_hole", n) for n in range(1, 5)]
    assert replace(SUBJECT, overrides=tuple(overrides[n] for n in order)).overrides == tuple(overrides)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingUnknown) as caught:
        MatteOverride(frames(1, 2), "blur", 1)
    known = ", ".join(MATTE_SETTINGS)
    assert explain(caught.value).startswith(f"mattes have no setting blur; known are {known}")


def test_a_setting_on_the_command_line_belongs_to_a_subject() -> None:
    for wrong in ("edge", "edge:soft", "1-:edge=soft", "=3"):
        with pytest.raises(OptionUnreadable):
            build_parser().parse_args(["track", "c.mp4", "-o", "o", "--subject", "dog", "--set", wrong])
    with pytest.raises(OptionUnreadable, match="--set"):
        build_parser().parse_args(["track", "c.mp4", "-o", "o", "--set", "edge=soft"])


def test_what_a_shot_of_version_2_asked_for_all_each_subject_asks() -> None:
    old = shot_to_dict(shot(SUBJECT, replace(SUBJECT, id="2", name="cat")))
    for subject in old["subjects"]:
        del subject["matte"], subject["overrides"]
    old = {**old, "version": 2, "settings": {**old["settings"], "edge": "soft", "largest_hole": 40}}
    assert [s.matte for s in shot_from_dict(old).subjects] == [
        MatteSettings(MatteEdge.SOFT, snap=0, largest_hole=40)
    ] * 2
    for hole in (-3, None):
        old["settings"] |= {"edge": None, "largest_hole": hole}
        assert [s.matte for s in shot_from_dict(old).subjects] == [MatteSettings(snap=0)] * 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"matte": 3}, "subjects[0].matte"),
        ({"matte": {"edge": "blurred"}}, "subjects[0].matte.edge"),
        ({"matte": {"edge": ["soft"]}}, "subjects[0].matte.edge"),
        ({"matte": {"largest_hole": -1}}, "subjects[0].matte.largest_hole"),
        ({"overrides": [{"frames": [1, 2], "setting": "blur", "value": 1}]}, "overrides[0].setting"),
        ({"overrides": [{"frames": [1], "setting": "edge", "value": "soft"}]}, "overrides[0].frames"),
        ({"overrides": [{"frames": [1, 2], "setting": "largest_hole"}]}, "overrides[0].value"),
    ],
)
def test_what_is_wrong_in_a_shots_settings_is_named(change: dict, where: str) -> None:
    data = shot_to_dict(shot(SUBJECT))
    data["subjects"][0] |= change
    with pytest.raises(ShotUnreadable) as caught:
        shot_from_dict(data, Path("s.json"))
    assert caught.value.where.endswith(where)
