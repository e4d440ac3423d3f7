# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a delivered file, read back with other readers than ours."""

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from rotopoint import __version__
from rotopoint.deliver.matte_files import MatteMetadata, read_matte, write_matte
from rotopoint.shot import MatteFormat

RAMP = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
STEP = {MatteFormat.PNG8: 1 / 255, MatteFormat.PNG: 1 / 65535, MatteFormat.EXR: 2**-11}

every_format = pytest.mark.parametrize("format", MatteFormat)


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "Mätte n"
    folder.mkdir()
    return folder / "Straße 1_der Bär_matte.0001.out"


def named(path, format):
    return path.with_suffix(".exr" if format is MatteFormat.EXR else ".png")


def test_png8_is_gray_of_8_bits(path):
    path = named(path, MatteFormat.PNG8)
    write_matte(path, RAMP, MatteFormat.PNG8)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (6, 4))
        np.testing.assert_array_equal(np.asarray(image), np.round(RAMP * 255))


def test_png_is_gray_of_16_bits(path):
    path = named(path, MatteFormat.PNG)
    write_matte(path, RAMP, MatteFormat.PNG)
    # IHDR: 16 bits a sample, color type 0 (gray), no interlace.
    header = path.read_bytes()[16:29]
    assert header == bytes([0, 0, 0, 6, 0, 0, 0, 4, 16, 0, 0, 0, 0])
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), np.round(RAMP.astype(np.float64) * 65535))


def test_a_png_says_that_pixels_are_square(path):
    """pHYs: pixels a unit in x and in y, no unit."""
    path = named(path, MatteFormat.PNG)
    write_matte(path, RAMP, MatteFormat.PNG)
    content = path.read_bytes()
    start = content.index(b"pHYs") + 4
    assert content[start : start + 9] == bytes([0, 0, 0, 1, 0, 0, 0, 1, 0])
    with Image.open(path) as image:
        assert image.info.get("dpi") is None


def test_exr_is_one_half_channel(path):
    path = named(path, MatteFormat.EXR)
    write_matte(path, RAMP, MatteFormat.EXR, MatteMetadata("Straße 1", "der Bär", 17))
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        assert list(channels) == ["Y"] and channels["Y"].type() == OpenEXR.HALF
        np.testing.assert_array_equal(channels["Y"].pixels, RAMP.astype(np.float16))
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    for window in (header["dataWindow"], header["displayWindow"]):
        assert [corner.tolist() for corner in window] == [[0, 0], [5, 3]]
    assert header["software"] == f"Rotopoint {__version__}"
    assert header["rotopoint/clip"] == "Straße 1"
    assert header["rotopoint/subject"] == "der Bär"
    assert header["rotopoint/clip_frame"] == 17


@every_format
def test_an_empty_matte_has_the_same_shape_as_any(path, format):
    path = named(path, format)
    write_matte(path, np.zeros((4, 6), np.float32), format)
    back = read_matte(path)
    assert back.shape == (4, 6) and not back.any()
    if format is not MatteFormat.EXR:
        assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2


@every_format
def test_what_is_no_coverage_is_clipped(path, format):
    path = named(path, format)
    write_matte(path, np.array([[np.nan, -3, 2], [np.inf, -np.inf, 1]], np.float32), format)
    assert read_matte(path).tolist() == [[0, 0, 1], [1, 0, 1]]


@every_format
@given(matte=arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
def test_a_round_trip_rounds_to_the_nearest(tmp_path_factory, format, matte):
    path = named(tmp_path_factory.getbasetemp() / "round_trip", format)
    write_matte(path, matte, format)
    np.testing.assert_allclose(read_matte(path), matte, rtol=0, atol=STEP[format] / 2 + 1e-7)


@every_format
def test_views_and_other_memory_orders(path, format):
    path = named(path, format)
    write_matte(path, RAMP.T[::-1, ::2], format)
    np.testing.assert_allclose(read_matte(path), RAMP.T[::-1, ::2], atol=STEP[format])


@every_format
def test_the_same_matte_gives_the_same_bytes(path, format):
    first, second = named(path, format), named(path.with_name("other"), format)
    write_matte(first, RAMP, format)
    write_matte(second, RAMP, format)
    assert first.read_bytes() == second.read_bytes()


@every_format
def test_an_old_matte_is_replaced_and_nothing_else_left(path, format):
    path = named(path, format)
    path.write_bytes(b"old")
    write_matte(path, RAMP, format)
    assert list(path.parent.iterdir()) == [path]
    assert read_matte(path)[-1, -1] == 1
