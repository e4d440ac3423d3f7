# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, padding, names: which files make a sequence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.clip.images import map_sequence
from rotopoint.clip.limits import MOST_FRAMES
from rotopoint.clip.sequence import NumberedFile, Sequence, sequence_from
from rotopoint.errors import ClipNotFound, ClipUnreadable, FramesMissing
from rotopoint.shot import Missing
from rotopoint.shot.frames import ClipFrame


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def names(sequence: Sequence) -> list[str]:
    return [file.path.name for file in sequence.files]


def numbered(*numbers: int) -> Sequence:
    return Sequence(tuple(NumberedFile.of(Path(f"shot_{n:04d}.png")) for n in numbers))


@pytest.mark.parametrize(
    ("name", "parts", "number"),
    [
        ("shot_0012.jpg", ("shot_", "0012", ""), 12),
        ("00012.jpg", ("", "00012", ""), 12),
        ("shot.1001.exr", ("shot.", "1001", ""), 1001),
        ("v2_shot_7_left.png", ("v2_shot_", "7", "_left"), 7),
        ("shot_0001_v2.png", ("shot_0001_v", "2", ""), 2),
        ("plate.png", ("plate", "", ""), 1),
    ],
)
def test_names_are_taken_apart_at_the_last_digits(name: str, parts: tuple[str, ...], number: int) -> None:
    file = NumberedFile.of(Path(name))
    assert (file.before, file.digits, file.after) == parts
    assert file.number == number


def test_a_folder_in_natural_order_without_what_is_no_image(tmp_path: Path) -> None:
    folder = touch(
        tmp_path,
        "s_10.png",
        "s_9.png",
        "s_8.png",
        "s_100.png",
        "notes.txt",
        ".DS_Store",
        "._s_8.png",
        "Thumbs.db",
    )
    assert names(sequence_from(folder)) == ["s_8.png", "s_9.png", "s_10.png", "s_100.png"]


def test_a_file_starts_the_sequence(tmp_path: Path) -> None:
    touch(tmp_path, "a_0001.jpg", "a_0002.jpg", "a_0003.jpg", "b_0003.jpg", "a_0004.png", "a_04.jpg")
    assert names(sequence_from(tmp_path / "a_0002.jpg")) == ["a_0002.jpg", "a_0003.jpg"]


def test_padding_ends_where_numbers_outgrow_it(tmp_path: Path) -> None:
    touch(tmp_path, "a_98.jpg", "a_99.jpg", "a_100.jpg", "a_0100.jpg")
    assert names(sequence_from(tmp_path / "a_98.jpg")) == ["a_98.jpg", "a_99.jpg", "a_100.jpg"]


def test_a_file_without_number_is_alone(tmp_path: Path) -> None:
    touch(tmp_path, "plate.png", "plate2.png")
    assert names(sequence_from(tmp_path / "plate.png")) == ["plate.png"]


def test_several_sequences_are_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a_01.jpg", "a_02.jpg", "b_01.jpg", "a_01.png")
    with pytest.raises(ClipUnreadable) as caught:
        sequence_from(tmp_path)
    assert "a_##.jpg (2), a_##.png (1), b_##.jpg (1)" in caught.value.reason


def test_two_paddings_are_two_sequences(tmp_path: Path) -> None:
    touch(tmp_path, "a_001.jpg", "a_1.jpg")
    with pytest.raises(ClipUnreadable) as caught:
        sequence_from(tmp_path)
    assert "several sequences" in caught.value.reason


def test_a_folder_without_images_and_no_path_at_all(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    with pytest.raises(ClipUnreadable):
        sequence_from(tmp_path)
    with pytest.raises(ClipNotFound):
        sequence_from(tmp_path / "a_0001.jpg")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("shot_0001.jpg", "shot"),
        ("shot.v2.1001.exr", "shot.v2"),
        ("00001.jpg", "my dog"),
        ("_001.jpg", "my dog"),
        ("shot_0001_left.jpg", "shot_left"),
        ("plate.png", "plate"),
        ("影_0001.png", "影"),
    ],
)
def test_the_clips_name(tmp_path: Path, file: str, expected: str) -> None:
    folder = touch(tmp_path / "my dog", file)
    assert sequence_from(folder).name == sequence_from(folder / file).name == expected


@pytest.mark.parametrize(
    ("others", "given", "by_blender", "by_difference"),
    [
        (["sh_0002_v02", "sh_0003_v02"], "sh_0001_v02", 1, ["sh_0001_v02", "sh_0002_v02", "sh_0003_v02"]),
        (["sh_0001_v03", "sh_0002_v02"], "sh_0001_v02", 2, ["sh_0001_v02", "sh_0001_v03"]),
        (["sh_0002_v03"], "sh_0001_v02", 1, ["sh_0001_v02"]),
        (["2_b_2"], "2_b_1", 2, ["2_b_1", "2_b_2"]),
        (["1002.r4"], "1001.r4", 1, ["1001.r4", "1002.r4"]),
    ],
)
def test_the_number_is_where_files_differ(
    tmp_path: Path, others: list[str], given: str, by_blender: int, by_difference: list[str]
) -> None:
    touch(tmp_path, *(f"{name}.png" for name in [given, *others]))
    first = tmp_path / f"{given}.png"
    assert len(sequence_from(first).files) == by_blender
    assert names(sequence_from(first, by_difference=True)) == [f"{name}.png" for name in by_difference]


def test_a_folder_whose_names_end_in_a_version(tmp_path: Path) -> None:
    folder = touch(tmp_path, "sh_0001_v02.png", "sh_0002_v02.png", "sh_0010_v02.png")
    sequence = sequence_from(folder, by_difference=True)
    assert [file.number for file in sequence.files] == [1, 2, 10]
    assert sequence.name == "sh_v02"
    with pytest.raises(ClipUnreadable):
        sequence_from(folder)
    touch(tmp_path, "other_0001_v02.png")
    with pytest.raises(ClipUnreadable) as caught:
        sequence_from(folder, by_difference=True)
    assert "several sequences" in caught.value.reason


@pytest.mark.parametrize(
    ("name", "negative"),
    [
        ("shot_-0001.png", True),
        ("shot.-5.png", True),
        ("-12.png", True),
        ("shot-0001.png", False),
        ("shot_0001.png", False),
        ("shot - 1.png", False),
        ("shot-.png", False),
    ],
)
def test_a_sign_before_the_number(name: str, negative: bool) -> None:
    assert NumberedFile.of(Path(name)).is_negative is negative


def test_gaps_are_named(tmp_path: Path) -> None:
    with pytest.raises(FramesMissing) as caught:
        map_sequence(numbered(3, 4, 7, 9), None, Missing.ERROR)
    assert caught.value.numbers == (5, 6, 8)
    assert caught.value.path == Path("shot_####.png")


def test_gaps_are_held_or_black() -> None:
    _, held = map_sequence(numbered(3, 4, 7), None, Missing.HOLD)
    assert held.sources == (0, 1, 1, 1, 2)
    _, black = map_sequence(numbered(3, 4, 7), None, Missing.BLACK)
    assert black.sources == (0, 1, None, None, 2)


def test_blenders_count_cuts_before_a_gap_or_asks_for_more() -> None:
    files, frame_map = map_sequence(numbered(3, 4, 7), 2, Missing.ERROR)
    assert [file.number for file in files] == [3, 4]
    assert frame_map.sources == (0, 1)
    with pytest.raises(FramesMissing) as caught:
        map_sequence(numbered(3, 4), 4, Missing.ERROR)
    assert caught.value.numbers == (5, 6)


def test_dates_are_no_sequence() -> None:
    with pytest.raises(ClipUnreadable):
        map_sequence(numbered(20240101, 20240101 + MOST_FRAMES), None, Missing.HOLD)


@given(st.sets(st.integers(0, 300), min_size=1, max_size=30), st.sampled_from([Missing.HOLD, Missing.BLACK]))
def test_each_clip_frame_shows_its_number_or_fills_the_gap(numbers: set[int], missing: Missing) -> None:
    sequence = numbered(*sorted(numbers))
    files, frame_map = map_sequence(sequence, None, missing)
    assert len(frame_map) == max(numbers) - min(numbers) + 1
    for frame in frame_map.full_range:
        number = min(numbers) + frame - 1
        source = frame_map.source(ClipFrame(frame))
        if number in numbers:
            assert source is not None
            assert files[source].number == number
        elif missing is Missing.BLACK:
            assert source is None
        else:
            assert source is not None
            assert files[source].number == max(n for n in numbers if n < number)
