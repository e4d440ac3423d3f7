# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots: names, prompts as sets, versioned JSON."""

import errno
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.errors import (
    AbsenceConflict,
    ApprovedTwice,
    BoxEmpty,
    NothingToTrack,
    OutputUnwritable,
    PromptsConflict,
    ShotTooNew,
    ShotUnreadable,
    SubjectNameInvalid,
    SubjectWithoutPrompt,
)
from rotopoint.messages import explain
from rotopoint.shot import (
    Approved,
    Box,
    ClipReference,
    Mask,
    MatteEdge,
    MatteFormat,
    MatteOverride,
    MatteSettings,
    Point,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot import json as shot_json
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import VERSION, load_shot, revision, save_shot, shot_from_dict, shot_to_dict

FIRST = ClipFrame(1)
CLIP = ClipReference("plate.mp4")

points = st.builds(
    Point, st.integers(1, 50).map(ClipFrame), st.floats(0, 4000), st.floats(0, 4000), st.booleans()
)


OF_PARTS = [
    "👩‍👩‍👧 family",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "می‌خواهم",
    "क्‍ष",
]
"""Emoji and words that hold joiners and tags."""

STEERING = ["\u200d", "a\u202eb", "\ufeffa", "a\u0000", "a\ud800", "a\ufffe", "a\u2066"]
"""What is no character, or turns the text around it."""


@pytest.mark.parametrize("name", ["Hund", "Übergröße 2", "hero.left", "日本", "a" * 100, *OF_PARTS])
def test_names_that_work(name: str) -> None:
    assert Subject("1", name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a/b",
        "a\\b",
        "..",
        "up..down",
        "nul",
        "COM1.left",
        "a\n",
        " a",
        "a.",
        ".a",
        "a?",
        "a" * 101,
        *STEERING,
    ],
)
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with pytest.raises(SubjectNameInvalid) as caught:
        Subject("1", name)
    assert repr(name) in explain(caught.value)


def test_two_names_that_differ_in_case_alone_clash() -> None:
    with pytest.raises(SubjectNameInvalid):
        Shot(CLIP, (Subject("1", "Dog"), Subject("2", "dog")))


def test_prompts_are_a_set() -> None:
    a, b, c = Point(FIRST, 1, 1), Point(FIRST, 2, 2, positive=False), Box(FIRST, 0, 0, 5, 5)
    assert Subject("1", "dog", (a, b, c, a)).prompts == Subject("1", "dog", (c, b, a)).prompts


@given(st.lists(points, min_size=2, max_size=8), st.randoms())
def test_the_order_of_clicks_does_not_alter_the_revision(clicks: list[Point], shuffle: random.Random) -> None:
    shuffled = clicks.copy()
    shuffle.shuffle(shuffled)
    revisions = {revision(Shot(CLIP, (Subject("1", "dog", tuple(order)),))) for order in (clicks, shuffled)}
    assert len(revisions) == 1


def test_a_moved_point_alters_the_revision() -> None:
    shots = [Shot(CLIP, (Subject("1", "dog", (Point(FIRST, x, 5.0),)),)) for x in (4.0, 4.5)]
    assert revision(shots[0]) != revision(shots[1])


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(BoxEmpty):
        Subject("1", "dog", (Box(FIRST, 5, 0, 5, 9),))


def test_a_mask_stands_alone_on_its_frame() -> None:
    with pytest.raises(PromptsConflict):
        Subject("1", "dog", (Mask(FIRST, "m.png"), Point(FIRST, 1, 1)))
    with pytest.raises(PromptsConflict):
        Subject("1", "dog", (Box(FIRST, 0, 0, 1, 1), Box(FIRST, 0, 0, 2, 2)))


def test_what_cannot_be_tracked_says_so() -> None:
    with pytest.raises(NothingToTrack):
        Shot(CLIP).check_complete()
    with pytest.raises(SubjectWithoutPrompt):
        Shot(CLIP, (Subject("1", "dog"),)).check_complete()


def full_shot() -> Shot:
    return Shot(
        ClipReference(
            "plate/über.0001.exr", frame_count=12, size=(64, 48), honors_rotation=False, layer="V.Combined"
        ),
        (
            Subject(
                "2",
                "Hund",
                (Point(FIRST, 1.5, 2.5), Point(ClipFrame(4), 3, 4, False)),
                (0.1, 0.2, 0.3),
                absent=(FrameRange(ClipFrame(6), ClipFrame(8)),),
                approved=(Approved(ClipFrame(3), "approved/3.png", "ab" * 32),),
                follow=True,
                matte=MatteSettings(largest_hole=12),
                overrides=(MatteOverride(FrameRange(FIRST, ClipFrame(2)), "edge", MatteEdge.HARD),),
            ),
            Subject("1", "Ball", (Box(FIRST, 1, 2, 3, 4), Mask(ClipFrame(9), "m.png"))),
        ),
        Settings(
            range=FrameRange(FIRST, ClipFrame(9)),
            checkpoint="large",
            format=MatteFormat.EXR,
            first_number=1001,
        ),
    )


def test_a_chosen_mask_is_in_the_json_where_there_is_one() -> None:
    points = tuple(Point(ClipFrame(n + 1), 5.0, 5.0, candidate=n) for n in range(4))
    shot = Shot(ClipReference("clip.mp4"), (Subject("dog", "dog", points),))
    data = shot_to_dict(shot)
    assert [p.get("candidate") for p in data["subjects"][0]["prompts"]] == [None, 1, 2, 3]
    assert shot_from_dict(data) == shot
    for wrong in (4, -1, 1.5, True, "1"):
        data["subjects"][0]["prompts"][0]["candidate"] = wrong
        with pytest.raises(ShotUnreadable, match="candidate"):
            shot_from_dict(data)


def test_a_shot_comes_back_from_json(tmp_path: Path) -> None:
    shot = full_shot()
    assert shot_from_dict(json.loads(json.dumps(shot_to_dict(shot)))) == shot
    save_shot(shot, tmp_path / "größe.json")
    loaded = load_shot(tmp_path / "größe.json")
    assert loaded.clip.path == str(tmp_path / "plate/über.0001.exr")
    assert loaded.subjects[0].prompts[1] == Mask(ClipFrame(9), str(tmp_path / "m.png"))
    assert loaded.subjects[1].approved[0].path == str(tmp_path / "approved/3.png")
    assert loaded.settings == shot.settings


def test_a_name_that_is_not_utf_8_comes_back(tmp_path: Path) -> None:
    """Names of an old disk or zip have lone surrogates in Python."""
    path = os.fsdecode(b"/projet \xe9t\xe9/c_0001.png") if os.name != "nt" else "C:/projet \udce9/c_0001.png"
    shot = replace(full_shot(), clip=ClipReference(path))
    save_shot(shot, tmp_path / "s.json")
    (tmp_path / "s.json").read_bytes().decode("utf-8")
    assert load_shot(tmp_path / "s.json").clip.path == path


def test_a_shot_that_cannot_be_saved_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.json"
    save_shot(full_shot(), file)
    before = file.read_bytes()

    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as half:
            half.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputUnwritable) as caught:
        save_shot(replace(full_shot(), subjects=()), file)
    assert explain(caught.value) == f"cannot write to {file}: no space left on device"
    assert list(tmp_path.iterdir()) == [file] and file.read_bytes() == before


@pytest.mark.parametrize("place", ["gone/s.json", "file/s.json"])
def test_a_folder_that_takes_no_shot_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"no folder")
    with pytest.raises(OutputUnwritable) as caught:
        save_shot(full_shot(), tmp_path / place)
    assert caught.value.path == tmp_path / place


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_shot_saved_through_a_link_lies_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "project" / "s.json")
    save_shot(full_shot(), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load_shot(tmp_path / "project" / "s.json").settings.checkpoint == "large"


def test_files_of_the_settings_are_taken_from_the_shots_folder_and_names_stay_names(tmp_path: Path) -> None:
    shot = full_shot()

    def loaded(**settings: str) -> Settings:
        save_shot(replace(shot, settings=replace(shot.settings, **settings)), tmp_path / "s.json")
        return load_shot(tmp_path / "s.json").settings

    for name in ("draft", "base_plus", "sam2.1"):
        assert loaded(checkpoint=name).checkpoint == name
    for name in ("auto", "srgb", "linear", "no such name"):
        assert loaded(input_transform=name).input_transform == name
    assert loaded(checkpoint="own.pt").checkpoint == str(tmp_path / "own.pt")
    assert loaded(checkpoint="models/draft").checkpoint == str(tmp_path / "models" / "draft")
    assert loaded(input_transform="show.CUBE").input_transform == str(tmp_path / "show.CUBE")
    assert loaded(input_transform="luts/show.cube").input_transform == str(tmp_path / "luts/show.cube")


def test_a_shot_of_version_1_has_nothing_absent_or_approved() -> None:
    old = shot_to_dict(full_shot())
    for subject in old["subjects"]:
        del subject["absent"], subject["approved"]
    read = shot_from_dict({**old, "version": 1})
    assert [(s.absent, s.approved) for s in read.subjects] == [((), ())] * 2
    assert [s.prompts for s in read.subjects] == [s.prompts for s in full_shot().subjects]


def test_absent_ranges_that_touch_are_one() -> None:
    def ranges(*limits: tuple[int, int]) -> tuple[FrameRange, ...]:
        return tuple(FrameRange(ClipFrame(a), ClipFrame(b)) for a, b in limits)

    subject = Subject("1", "dog", absent=ranges((8, 9), (2, 4), (5, 6), (3, 3)))
    assert subject.absent == ranges((2, 6), (8, 9))
    assert subject == Subject("1", "dog", absent=ranges((2, 6), (8, 9)))


def test_an_absent_subject_has_neither_prompt_nor_approved_matte() -> None:
    absent = (FrameRange(FIRST, ClipFrame(3)),)
    with pytest.raises(AbsenceConflict) as caught:
        Subject("1", "dog", (Point(ClipFrame(2), 1, 1),), absent=absent)
    assert "frame 2" in explain(caught.value)
    with pytest.raises(AbsenceConflict):
        Subject("1", "dog", absent=absent, approved=(Approved(FIRST, "a.png", "0" * 64),))


def test_a_frame_is_approved_once() -> None:
    one, two = (Approved(FIRST, "a.png", digit * 64) for digit in "01")
    assert Subject("1", "dog", approved=(one, one)).approved == (one,)
    with pytest.raises(ApprovedTwice) as caught:
        Subject("1", "dog", approved=(one, two))
    assert "keep one" in explain(caught.value)


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(ShotTooNew) as caught:
        shot_from_dict({**shot_to_dict(full_shot()), "version": VERSION + 1})
    assert "update Rotopoint" in explain(caught.value)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"version": "1"}, "shot.version"),
        ({"clip": None}, "clip"),
        ({"clip": {"path": 5}}, "clip.path"),
        (
            {"subjects": [{"id": "1", "name": "a", "prompts": [{"kind": "lasso", "frame": 1}]}]},
            "prompts[0].kind",
        ),
        (
            {
                "subjects": [
                    {
                        "id": "1",
                        "name": "a",
                        "prompts": [{"kind": "point", "frame": 1, "x": float("nan"), "y": 0}],
                    }
                ]
            },
            "prompts[0].x",
        ),
        ({"subjects": [{"id": "1", "name": "a", "absent": [[1]]}]}, "absent[0]"),
        (
            {"subjects": [{"id": "1", "name": "a", "approved": [{"frame": 1, "path": "a", "sha256": "AB"}]}]},
            "approved[0].sha256",
        ),
        ({"settings": {"format": "gif"}}, "settings.format"),
        ({"settings": {"range": [1]}}, "settings.range"),
    ],
)
def test_what_is_wrong_in_a_shot_is_named(change: dict, where: str) -> None:
    with pytest.raises(ShotUnreadable) as caught:
        shot_from_dict({**shot_to_dict(full_shot()), **change})
    assert caught.value.where.endswith(where)


def test_a_file_that_is_no_shot_is_named(tmp_path: Path) -> None:
    for content in ("", "{", "[]", "\xff"):
        path = tmp_path / "broken.json"
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(ShotUnreadable) as caught:
            load_shot(path)
        assert str(path) in explain(caught.value)


def test_an_older_version_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if two later versions had each renamed what is now `clip`."""
    now = shot_to_dict(full_shot())
    steps = {
        VERSION: lambda data: {**data, "clip": data["film"]},
        VERSION - 1: lambda data: {**data, "film": data["reel"]},
    }
    monkeypatch.setattr(shot_json, "VERSION", VERSION + 1)
    monkeypatch.setattr(shot_json, "UPGRADES", steps)
    old = {**now, "version": VERSION - 1, "reel": now["clip"]}
    del old["clip"]
    assert shot_from_dict(old) == full_shot()
    with pytest.raises(ShotUnreadable):
        shot_from_dict({**old, "version": VERSION - 2})


@given(st.lists(points, max_size=30), st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), max_size=5))
def test_a_frames_prompts_and_absence_are_those_said_of_it(clicks: list[Point], away: list[tuple]) -> None:
    absent = [FrameRange(ClipFrame(first), ClipFrame(first + more)) for first, more in away]
    clicks = [p for p in clicks if not any(p.frame in frames for frames in absent)]
    subject = Subject("1", "Hund", tuple(clicks), absent=tuple(absent))
    for frame in map(ClipFrame, range(0, 70)):
        assert set(subject.prompts_on(frame)) == {p for p in clicks if p.frame == frame}
        assert subject.is_absent(frame) == any(frame in frames for frames in absent)


def test_an_id_has_an_end() -> None:
    assert Subject(200 * "x", "Hund").id
    with pytest.raises(SubjectNameInvalid) as caught:
        Subject(5000 * "x", "Hund")
    assert explain(caught.value) == "subject name 'Hund': its id has more than 200 characters"


def test_a_label_of_a_mask_is_part_of_what_is_asked(tmp_path: Path) -> None:
    def asked(label: int | None) -> Shot:
        return Shot(CLIP, (Subject("1", "dog", (Mask(FIRST, "m.png", label),)),))

    assert [shot_from_dict(shot_to_dict(asked(label))) for label in (None, 0, 3)] == list(
        map(asked, (None, 0, 3))
    )
    assert len({revision(asked(label)) for label in (None, 0, 3)}) == 3
    # Shots without one are as they were before labels could be asked for.
    assert "label" not in shot_to_dict(asked(None))["subjects"][0]["prompts"][0]
