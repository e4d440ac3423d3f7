# SPDX-License-Identifier: GPL-3.0-or-later
"""How delivered files are called."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.deliver.naming import matte_name, matte_path
from rotopoint.errors import FileNumberNegative
from rotopoint.shot import MatteFormat


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
