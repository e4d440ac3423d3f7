# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos, read back by decoders that have no part in writing them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from rotopoint.clip.transform import linear_from_srgb
from rotopoint.deliver.deliverable import About, Frame, Layer, Options
from rotopoint.deliver.movies import (
    MatteMovie,
    Movie,
    ProResMovie,
    ReviewMovie,
    SideBySideMovie,
    Vp9Movie,
    union,
)
from rotopoint.deliver.pictures import tinted
from rotopoint.errors import OutputUnwritable

WIDTH, HEIGHT, COUNT = 64, 48, 5
ABOUT = About("plate", "plate.mov", (WIDTH, HEIGHT), ("der Bär",), 24000 / 1001)


def content(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Frame:
    """A plate that grows brighter, with a soft disk that wanders."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    matte = np.clip((15 - np.hypot(x - 16 - 6 * number, y - 24)) / 8, 0, 1)
    shown = np.stack([x * 2 + 40, y * 2 + 60, np.full_like(x, 30 + 30 * number)], axis=-1)
    plate = shown.astype(np.uint8)
    layer = Layer("der Bär", matte, (1.0, 0.2, 0.0), linear_from_srgb(plate / np.float32(255)))
    return Frame(number + 1, number + 1, (layer,), plate=plate)


def written(kind: type[Movie], path: Path, about: About = ABOUT, **options: object) -> Path:
    with kind(about, lambda _: path, Options(**options)) as movie:
        for number in range(COUNT):
            movie.frame(content(number, about.size))
    return path


def decoded(path: Path, pixels: str, decoder: str | None = None) -> list[np.ndarray]:
    """Each picture in a pixel format of FFmpeg; RGB of BT.709 in limited range."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context if decoder is None else av.CodecContext.create(decoder, "r")
        frames = []
        for packet in container.demux(stream):
            frames += codec.decode(packet if packet.size else None)
    return [
        frame.reformat(
            format=pixels,
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        ).to_ndarray()
        for frame in frames
    ]


def test_ffv1_keeps_every_step_of_16_bits(tmp_path: Path) -> None:
    path = written(MatteMovie, tmp_path / "größe_matte.mkv")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("ffv1", Fraction(24000, 1001))
        found = [frame.to_ndarray() for frame in container.decode(stream)]
    assert len(found) == COUNT
    for number, pixels in enumerate(found):
        expected = np.round(content(number).layers[0].matte.astype(np.float64) * 65535)
        assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize(
    ("kind", "name", "decoder", "color", "alpha"),
    [(ProResMovie, "a.mov", None, 3, 1 / 1023), (Vp9Movie, "a.webm", "libvpx-vp9", 12, 6 / 255)],
)
def test_a_cut_out_has_color_and_alpha(
    tmp_path: Path, kind: type[Movie], name: str, decoder: str | None, color: float, alpha: float
) -> None:
    found = decoded(written(kind, tmp_path / name), "rgba64le", decoder)
    assert len(found) == COUNT
    for number, pixels in enumerate(found):
        given = content(number)
        off = np.abs(pixels[..., :3] / 257 - given.plate)
        assert off.mean() < color / 3 and np.percentile(off, 99) < color
        assert np.abs(pixels[..., 3] / 65535 - given.layers[0].matte).max() <= alpha


@pytest.mark.parametrize(
    ("kind", "name", "codec"),
    [(ProResMovie, "a.mov", "prores"), (Vp9Movie, "a.webm", "vp9"), (ReviewMovie, "a.mp4", "h264")],
)
def test_range_and_primaries_are_told(tmp_path: Path, kind: type[Movie], name: str, codec: str) -> None:
    with av.open(str(written(kind, tmp_path / name))) as container:
        context = container.streams.video[0].codec_context
        assert context.name in (codec, f"lib{codec}")
        frame = next(container.decode(video=0))
        assert (context.color_range, context.colorspace) == (ColorRange.MPEG, Colorspace.ITU709)
        assert (context.color_primaries, context.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)


def test_a_review_shows_colors_over_the_picture(tmp_path: Path) -> None:
    path = written(ReviewMovie, tmp_path / "review.mp4")
    found = decoded(path, "rgb24")
    for number, pixels in enumerate(found):
        given = content(number)
        assert np.abs(pixels - tinted(given.plate, given.layers).astype(float)).mean() < 4
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == COUNT
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(23.976, abs=0.001)
    capture.release()


def test_side_by_side_has_picture_and_matte(tmp_path: Path) -> None:
    for number, pixels in enumerate(decoded(written(SideBySideMovie, tmp_path / "a.mp4"), "rgb24")):
        given = content(number)
        assert pixels.shape == (HEIGHT, 2 * WIDTH, 3)
        assert np.abs(pixels[:, :WIDTH] - given.plate.astype(float)).mean() < 4
        assert np.abs(pixels[:, WIDTH:, 0] / 255 - given.layers[0].matte).mean() < 0.02


def test_the_union_is_what_covers_most() -> None:
    layers = (
        Layer("a", np.array([[0.25, 1]], np.float32)),
        Layer("b", np.array([[0.5, np.nan]], np.float32)),
    )
    assert union(layers).tolist() == [[0.5, 1]]


def test_odd_sizes_have_their_last_pixels_twice(tmp_path: Path) -> None:
    about = replace(ABOUT, size=(33, 25))
    assert decoded(written(ReviewMovie, tmp_path / "a.mp4", about), "rgb24")[0].shape == (26, 34, 3)
    assert decoded(written(MatteMovie, tmp_path / "a.mkv", about), "gray16le")[0].shape == (25, 33)


@pytest.mark.parametrize(("said", "asked", "rate"), [(None, None, 24), (None, 25.0, 25), (30.0, 12.5, 12.5)])
def test_the_rate_is_the_one_asked_for(
    tmp_path: Path, said: float | None, asked: float | None, rate: float
) -> None:
    path = written(ReviewMovie, tmp_path / "a.mp4", replace(ABOUT, frame_rate=said), frame_rate=asked)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == rate


def test_wide_pixels_stay_wide(tmp_path: Path) -> None:
    path = written(ProResMovie, tmp_path / "a.mov", replace(ABOUT, pixel_aspect=1.5))
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 2)


@pytest.fixture
def breaks_off() -> Callable[[Movie], None]:
    def run(movie: Movie) -> None:
        with movie:
            movie.frame(content(0))
            raise InterruptedError

    return run


def test_what_breaks_off_leaves_nothing_and_what_was_there_stays(
    tmp_path: Path, breaks_off: Callable[[Movie], None]
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"of yesterday")
    with pytest.raises(InterruptedError):
        breaks_off(ReviewMovie(ABOUT, lambda _: path))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"] and path.read_bytes() == b"of yesterday"
    with pytest.raises(InterruptedError):
        breaks_off(ReviewMovie(ABOUT, lambda _: tmp_path / "b.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_that_takes_no_video_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable) as caught:
        written(ReviewMovie, tmp_path / "gone" / "a.mp4")
    assert caught.value.path == tmp_path / "gone" / "a.mp4"


class FullDisk:
    def __init__(self, container: object) -> None:
        self.close = container.close
        self.add_stream = container.add_stream

    def mux(self, _packets: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", ["the first frame", "the end"])
def test_a_disk_that_fills_leaves_nothing(tmp_path: Path, at: str) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(OutputUnwritable) as caught, ReviewMovie(ABOUT, lambda _: path) as movie:
        if at == "the end":
            movie.frame(content(0))
        movie._container = FullDisk(movie._container)
        if at == "the first frame":
            for number in range(100):
                movie.frame(content(number))
    assert (caught.value.path, caught.value.reason) == (path, "no space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_movie_that_ends_before_its_first_frame_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError), ReviewMovie(ABOUT, lambda _: tmp_path / "a.mp4"):
        raise InterruptedError
    assert list(tmp_path.iterdir()) == []
