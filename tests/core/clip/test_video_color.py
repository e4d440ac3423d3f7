# SPDX-License-Identifier: GPL-3.0-or-later
"""Luma and chroma become the RGB that the standards say, to the last step."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from rotopoint.clip import open_clip
from rotopoint.clip.video_color import exact_rgb
from rotopoint.shot import ClipReference
from tests.core.clip.numbered_video import write_video

LIMITED, FULL = ColorRange.MPEG, ColorRange.JPEG


def picture(
    kind: str, *planes: object, matrix: Colorspace | None = None, span: ColorRange = LIMITED
) -> av.VideoFrame:
    """A picture of a planar format from the rows of its planes."""
    rows = [np.array(plane) for plane in planes]
    height, width = rows[0].shape
    frame = av.VideoFrame(width, height, kind)
    stored = np.uint8 if frame.format.components[0].bits == 8 else np.dtype("<u2")
    for plane, values in zip(frame.planes, rows, strict=True):
        view = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        content = np.ascontiguousarray(values.astype(stored)).view(np.uint8)
        view[: values.shape[0], : content.shape[1]] = content
    frame.color_range = span
    if matrix is not None:
        frame.colorspace = matrix
    return frame


def one(kind: str, luma: int, blue: int, red: int, **tags: object) -> list[int]:
    """The RGB of a picture of one color."""
    chroma = np.full((1, 1), blue), np.full((1, 1), red)
    return exact_rgb(picture(kind, np.full((2, 2), luma), *chroma, **tags))[0, 0].tolist()


@pytest.mark.parametrize(
    ("tags", "yuv", "rgb"),
    [
        ({}, (16, 128, 128), [0, 0, 0]),
        ({}, (235, 128, 128), [255, 255, 255]),
        ({"span": FULL}, (77, 128, 128), [77, 77, 77]),
        # What is blacker than black and whiter than white has no place in RGB.
        ({}, (1, 128, 128), [0, 0, 0]),
        ({}, (254, 128, 128), [255, 255, 255]),
        # The bars of 75%, green: ITU-R BT.801 has them as 112, 72, 58 and as 133, 63, 52.
        ({}, (112, 72, 58), [0, 190, 0]),
        ({"matrix": Colorspace.ITU709}, (133, 63, 52), [0, 191, 1]),
    ],
)
def test_known_colors(tags: dict[str, object], yuv: tuple[int, int, int], rgb: list[int]) -> None:
    found = one("yuv420p", *yuv, **tags)
    assert np.abs(np.subtract(found, rgb)).max() <= 1
    if yuv[1:] == (128, 128):
        assert found == rgb


def test_more_than_8_bits_stay_more() -> None:
    assert one("yuv420p10le", 940, 512, 512) == [65535] * 3
    assert one("yuv420p10le", 65, 512, 512) == [75] * 3
    assert one("yuv420p10le", 1023, 512, 512, span=FULL) == [65535] * 3


def test_each_pixel_has_the_chroma_of_its_block() -> None:
    luma = np.full((3, 5), 128)
    blue = np.array([[128, 160, 96], [200, 128, 128]])
    found = exact_rgb(picture("yuv420p", luma, blue, np.full((2, 3), 128)))
    assert found.shape == (3, 5, 3)
    columns = [found[0, n, 2] for n in range(5)]
    assert columns[0] == columns[1] < columns[2] == columns[3] > columns[4] < columns[0]
    assert np.array_equal(found[0], found[1]) and found[2, 0, 2] > found[2, 2, 2] == found[2, 4, 2]
    wide = exact_rgb(picture("yuv444p", luma, *[np.repeat(np.repeat(blue, 2, 0), 2, 1)[:3, :5]] * 2))
    assert np.array_equal(wide[..., 2], found[..., 2])


def test_other_orders_of_the_same_values_are_the_same() -> None:
    rng = np.random.default_rng(1)
    planar = picture("yuv420p", *(rng.integers(30, 220, size) for size in ((4, 6), (2, 3), (2, 3))))
    for kind in ("nv12", "nv21"):
        assert np.array_equal(exact_rgb(planar.reformat(format=kind)), exact_rgb(planar))


def test_rgb_and_gray_are_unpacked() -> None:
    given = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    for kind in ("rgb24", "gbrp", "bgr0"):
        frame = av.VideoFrame.from_ndarray(given, "rgb24").reformat(format=kind)
        assert np.array_equal(exact_rgb(frame), given)
    gray = av.VideoFrame.from_ndarray(np.full((2, 2), 77, np.uint8), "gray")
    assert exact_rgb(gray).tolist() == [[[77] * 3] * 2] * 2
    deep = av.VideoFrame.from_ndarray(given.astype(np.uint16) * 1500, "rgb48le")
    assert np.array_equal(exact_rgb(deep), given.astype(np.uint16) * 1500)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_light_is_the_light_of_the_picture_that_is_tracked(
    tmp_path: Path, pixels: str, rotation: int
) -> None:
    path = write_video(tmp_path / "größe.mp4", range(3), pixel_format=pixels, rotation=rotation)
    with open_clip(ClipReference(str(path))) as clip:
        shown, light = clip.read(2), clip.read_light(2)
    assert light.shape == shown.shape and light.dtype == np.float32 and light.flags.c_contiguous
    assert np.abs(displayed(light) - shown).max() <= 3.5


def displayed(light: np.ndarray) -> np.ndarray:
    """As a display of sRGB is sent it, 0..255."""
    curved = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return 255 * curved


def test_blender_42_has_the_quick_conversion(tmp_path: Path) -> None:
    """It is the one that does not turn pictures."""
    path = write_video(tmp_path / "a.mp4", range(3))
    with open_clip(ClipReference(str(path), honors_rotation=False)) as clip:
        assert np.abs(displayed(clip.read_light(2)) - clip.read(2)).max() < 0.01
