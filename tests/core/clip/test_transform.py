# SPDX-License-Identifier: GPL-3.0-or-later
"""Input transforms: known values, edges, and what each takes by default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotopoint.clip.transform import input_transform, srgb_from_linear
from rotopoint.errors import InputTransformUnknown
from tests.core.clip.test_cube import identity_lines, write


def gray(*values: float, dtype: type[np.generic] = np.float32) -> np.ndarray:
    return np.array([values], dtype)


def shown(name: str, pixels: np.ndarray) -> list[int]:
    """The first channel of what a transform gives; the others are equal for gray."""
    rgb = input_transform(name).apply(pixels)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (*pixels.shape[:2], 3)
    return rgb[0, :, 0].tolist()


def test_srgb_of_8_bits_is_what_is_stored() -> None:
    pixels = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    assert np.array_equal(input_transform("srgb").apply(pixels), pixels)


def test_srgb_of_16_bits_is_rounded() -> None:
    assert shown("srgb", gray(0, 128, 129, 257, 32767, 65535, dtype=np.uint16)) == [0, 0, 1, 1, 127, 255]


def test_srgb_of_floats_is_clipped() -> None:
    assert shown("srgb", gray(-1, 0.5, 1, 9, np.nan, np.inf, -np.inf)) == [0, 128, 255, 255, 0, 255, 0]


def test_linear_by_iec_61966() -> None:
    # 18 % gray is 46.1 % of the signal; 0.002 lies on the straight part
    assert shown("linear", gray(0, 0.002, 0.18, 0.5, 1, 12)) == [0, 7, 118, 188, 255, 255]
    assert shown("linear", gray(np.nan, np.inf, -np.inf, -0.1)) == [0, 255, 0, 0]
    assert shown("linear", gray(0, 46, 128, 255, dtype=np.uint8)) == [0, 118, 188, 255]
    assert shown("linear", gray(0, 11796, 65535, dtype=np.uint16)) == [0, 118, 255]


def test_the_transfer_function_has_no_step() -> None:
    around = np.array([0.0031308 - 1e-7, 0.0031308 + 1e-7], np.float32)
    assert np.diff(srgb_from_linear(around)) == pytest.approx(0, abs=1e-5)


def test_auto_goes_by_the_kind_of_numbers() -> None:
    assert shown("auto", gray(118, dtype=np.uint8)) == [118]
    assert shown("auto", gray(118 * 257, dtype=np.uint16)) == [118]
    assert shown("auto", gray(0.18)) == [118]


@pytest.mark.parametrize("name", ["auto", "srgb", "linear"])
def test_alpha_is_left_out(name: str) -> None:
    rgba = np.array([[[255, 0, 255, 0]]], np.uint8)
    assert input_transform(name).apply(rgba).tolist() == [[[255, 0, 255]]]


def test_a_table_from_code_values(tmp_path: Path) -> None:
    inverted = write(tmp_path / "inverted.CUBE", "LUT_1D_SIZE 2", "1 1 1", "0 0 0")
    assert shown(str(inverted), gray(0, 100, 255, dtype=np.uint8)) == [255, 155, 0]
    assert shown(str(inverted), gray(0, 65535, dtype=np.uint16)) == [255, 0]
    identity = write(tmp_path / "identity.cube", "LUT_3D_SIZE 5", *identity_lines(5))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(input_transform(str(identity)).apply(pixels), pixels)


def test_keys_tell_transforms_apart(tmp_path: Path) -> None:
    one = write(tmp_path / "a.cube", "LUT_1D_SIZE 2", "0 0 0", "1 1 1")
    names = ["auto", "srgb", "linear", str(one)]
    keys = {input_transform(name).key for name in names}
    write(one, "LUT_1D_SIZE 2", "0 0 0", "1 1 0.5")
    keys.add(input_transform(str(one)).key)
    assert len(keys) == 5


@pytest.mark.parametrize("name", ["", "sRGB", "aces", "table.csp"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputTransformUnknown):
        input_transform(name)


def light(name: str, pixels: np.ndarray) -> list[float]:
    found = input_transform(name).light(pixels)
    assert found.dtype == np.float32 and found.shape == (*pixels.shape[:2], 3)
    return found[0, :, 1].tolist()


def test_light_is_what_was_shown_before_the_curve() -> None:
    assert light("srgb", gray(0, 118, 255, dtype=np.uint8)) == pytest.approx([0, 0.1812, 1], abs=1e-4)
    assert light("auto", gray(118 * 257, dtype=np.uint16)) == pytest.approx([0.1812], abs=1e-4)
    assert light("linear", gray(0, 51, 255, dtype=np.uint8)) == pytest.approx([0, 0.2, 1])
    for name in ("auto", "srgb", "linear"):
        for dtype in (np.uint8, np.uint16):
            pixels = np.arange(0, np.iinfo(dtype).max + 1, 1 + 100 * (dtype == np.uint16), dtype)[
                None, :, None
            ]
            pixels = np.repeat(pixels, 3, axis=-1)
            transform = input_transform(name)
            again = input_transform("linear").apply(transform.light(pixels))
            assert np.array_equal(again, transform.apply(pixels))


def test_light_over_one_stays() -> None:
    assert light("auto", gray(-0.5, 0.18, 12)) == pytest.approx([-0.5, 0.18, 12])
    assert light("srgb", gray(-0.02, 2))[0] == pytest.approx(-0.02 / 12.92)
    assert light("srgb", gray(-0.02, 2))[1] == pytest.approx(4.9538, abs=1e-3)


def test_light_of_a_table_is_that_of_what_it_shows(tmp_path: Path) -> None:
    table = str(write(tmp_path / "identity.cube", "LUT_3D_SIZE 5", *identity_lines(5)))
    assert light(table, gray(118, dtype=np.uint8)) == pytest.approx([0.1812], abs=1e-4)
