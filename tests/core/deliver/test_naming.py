# SPDX-License-Identifier: GPL-3.0-or-later
"""How delivered files are called."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.deliver.naming import (
    NameTemplate,
    clip_naming,
    find_mattes,
    is_matte_of,
    matte_name,
    matte_path,
    numbered,
    shot_path,
)
from rotopoint.errors import FileNumberNegative, NameTemplateUnusable
from rotopoint.messages import explain
from rotopoint.shot import MatteFormat
from rotopoint.shot.frames import FileNumber


@pytest.mark.parametrize(
    ("format", "name"),
    [
        (MatteFormat.PNG8, "plate_dog_matte.0001.png"),
        (MatteFormat.PNG, "plate_dog_matte.0001.png"),
        (MatteFormat.EXR, "plate_dog_matte.0001.exr"),
    ],
)
def test_each_format(format, name):
    assert matte_name("plate", "dog", 1, format) == name


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0000"), (9999, "9999"), (10000, "10000"), (86400, "86400")]
)
def test_padding_grows_and_never_shrinks(number, text):
    assert matte_name("a", "b", number, MatteFormat.PNG) == f"a_b_matte.{text}.png"


@given(first=st.integers(0, 9998))
def test_names_of_four_digits_sort_as_their_numbers(first):
    names = [matte_name("a", "b", number, MatteFormat.EXR) for number in (first, first + 1)]
    assert names == sorted(names)


def test_negative_numbers_are_refused():
    with pytest.raises(FileNumberNegative) as caught:
        matte_name("a", "b", -1, MatteFormat.PNG)
    assert caught.value.number == -1


def test_spaces_and_umlauts_stay():
    path = matte_path(Path("Schöne Plätze"), "Straße 1", "der Bär", 12, MatteFormat.PNG)
    assert path == Path("Schöne Plätze") / "Straße 1_der Bär_matte.0012.png"


def test_a_folder_is_searched_by_the_names_that_mattes_get(tmp_path):
    mine = {n: matte_path(tmp_path, "a (1)", "der Bär", n, MatteFormat.PNG) for n in (1, 12, 10000)}
    others = [
        matte_path(tmp_path, "a (1)", "ein der Bär", 1, MatteFormat.PNG),
        matte_path(tmp_path, "a (1)", "der Bär", 2, MatteFormat.EXR),
        matte_path(tmp_path, "a (1)", "Bär", 3, MatteFormat.PNG),
        tmp_path / "a (1)_der Bär_matte.00004.png",
        tmp_path / "a (1)_der Bär_matte.5.png",
        tmp_path / "a (1)_der Bär_matte.000².png",
        tmp_path / "a (1)_der Bär_matte.0006.png.tmp",
        tmp_path / "a (1)_der Bär_matte..png",
        shot_path(tmp_path, "a (1)"),
    ]
    for path in (*mine.values(), *others):
        path.touch()
    assert find_mattes(tmp_path, "a (1)", "der Bär", MatteFormat.PNG8) == mine
    assert find_mattes(tmp_path / "nowhere", "a (1)", "der Bär", MatteFormat.PNG8) == {}


@given(number=st.integers(0, 10**7))
def test_the_number_of_a_name_comes_back(tmp_path_factory, number):
    folder = tmp_path_factory.mktemp("mattes")
    path = matte_path(folder, "plate.v2", "dog 7", number, MatteFormat.EXR)
    path.touch()
    assert find_mattes(folder, "plate.v2", "dog 7", MatteFormat.EXR) == {number: path}


def test_accents_are_found_however_the_file_system_keeps_them(tmp_path):
    kept = unicodedata.normalize("NFD", matte_name("Plätze", "Bär", 1, MatteFormat.PNG))
    (tmp_path / kept).touch()
    assert list(find_mattes(tmp_path, "Plätze", "Bär", MatteFormat.PNG)) == [1]


def test_files_beside_a_matte():
    first = matte_path(Path("out"), "plate_7", "dog 2", 9999, MatteFormat.PNG)
    assert numbered(first, 10000).name == "plate_7_dog 2_matte.10000.png"
    assert numbered(Path("out/matte_00099_left.exr"), 100) == Path("out/matte_00100_left.exr")
    assert shot_path(Path("out"), "plate_7") == Path("out") / "plate_7.shot.json"


def test_a_clip_names_its_files(tmp_path):
    for number in (12, 13):
        (tmp_path / f"plate_{number:04d}.png").touch()
    assert clip_naming(tmp_path / "plate_0012.png", is_sequence=True) == ("plate", 12)
    assert clip_naming(tmp_path / "take.0012.mov", is_sequence=False) == ("take.0012", 1)


def test_whose_matte_a_name_is():
    name = matte_name("plate.v2_x", "der Bär", 12, MatteFormat.EXR)
    assert is_matte_of(name, "der Bär") and is_matte_of(unicodedata.normalize("NFD", name), "der Bär")
    assert not is_matte_of(name, "Bär") and not is_matte_of("plate_cat.0001.png", "cat")


def test_tokens_say_what_a_file_is_called() -> None:
    names = NameTemplate("{subject}-{clip}_{pass}_{version}.{number}", padding=5)
    assert names.name("plate", "der Bär", "matte", FileNumber(1001), 3) == "der Bär-plate_matte_v003.01001"
    assert names.name("plate", "dog", "matte", FileNumber(123456), 3).endswith(".123456")
    # What a file is not about goes with the sign before it.
    assert names.name("plate", None, "layers", FileNumber(7), 1) == "plate_layers_v001.00007"
    assert NameTemplate().name("plate", None, "review", None, 1) == "plate_review"
    assert NameTemplate("_{clip} x{number} of {subject}.").name("a", None, "m", None, 1) == "_a x of."


def test_the_mattes_that_the_add_on_looks_for_have_the_usual_names() -> None:
    for number in (0, 7, 99999):
        stem = NameTemplate().name("plate_7", "dog 2", "matte", FileNumber(number), 1)
        assert matte_name("plate_7", "dog 2", FileNumber(number), MatteFormat.EXR) == f"{stem}.exr"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{clip}.{frame}", "{frame} is none of clip, subject, pass, version, number"),
        ("out/{clip}.{number}", "must not contain /"),
        ("{clip}", "without {number}"),
        ("{clip}{{number}", "is none of"),
        ("{number}}", "must not contain }"),
        ("", "without {number}"),
    ],
)
def test_names_that_are_none_are_refused(text: str, reason: str) -> None:
    with pytest.raises(NameTemplateUnusable) as caught:
        NameTemplate(text)
    assert reason in explain(caught.value)


@pytest.mark.parametrize("padding", [0, -1, 11])
def test_a_number_has_digits(padding: int) -> None:
    with pytest.raises(NameTemplateUnusable):
        NameTemplate(padding=padding)


def test_the_latest_version_is_of_the_same_files() -> None:
    names = NameTemplate("{clip}_{subject}_{pass}_{version}.{number}")
    stems = ["a_dog_matte_v003.0007", "a_dog_matte_v012", "a_dog_mattes_v020.0001", "a_cat_matte_v030.0001"]
    assert names.latest_version(stems, "a", "dog", "matte") == 12
    assert names.latest_version(stems[2:], "a", "dog", "matte") == 0
    kept = unicodedata.normalize("NFD", "a_Bär_matte_v004.0001")
    assert names.latest_version([kept], "a", "Bär", "matte") == 4
