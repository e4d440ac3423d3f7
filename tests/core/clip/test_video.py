# SPDX-License-Identifier: GPL-3.0-or-later
"""Video: every picture by its number, in any order; rotation, color, damage."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotopoint.clip import Clip, open_clip, video_decoder, video_index
from rotopoint.clip.video_index import index_video
from rotopoint.errors import ClipNotFound, ClipUnreadable, FrameOutsideClip, PictureUndecodable
from rotopoint.messages import explain
from rotopoint.shot import ClipReference, Missing
from rotopoint.shot.frames import ClipFrame, SourceFrame
from tests.core.clip.damaged_video import destroy, write_every_damage
from tests.core.clip.numbered_video import (
    HEIGHT,
    WIDTH,
    number_in,
    numbered_picture,
    write_every_kind,
    write_table,
    write_video,
)

REORDERED_WITHOUT_TIMES = {
    "mpeg-4.avi",
    "h264, b-frames.avi",
    "h264, b-frames.wmv",
    "h264, b-frames.mxf",
    "mpeg-2, b-frames.mpg",
}
"""Containers that do not tell when a picture is shown, or tell it wrongly: they are decoded from their
beginning."""


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_every_kind(tmp_path_factory.mktemp("videos"))


def test_pictures_in_sequence_are_never_sought(
    every_kind: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("sought")

    monkeypatch.setattr(video_decoder.VideoDecoder, "_seek", fail)
    for path in every_kind:
        with open_clip(ClipReference(str(path))) as clip:
            upright = "turned" not in path.name
            shown = [number_in(clip.read(SourceFrame(n))) for n in range(clip.picture_count)]
            if upright and "edit" not in path.name:
                assert shown == list(range(clip.picture_count)), path.name
            elif upright:
                assert shown == sorted(set(shown)), path.name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_gives_the_pictures_of_the_sequence(
    every_kind: list[Path], monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    # keep next to nothing, so that seeking is what is tested
    monkeypatch.setattr(video_decoder, "MOST_KEPT_BYTES", 1)
    path = data.draw(st.sampled_from(every_kind))
    with open_clip(ClipReference(str(path))) as clip:
        in_sequence = [clip.read(SourceFrame(n)) for n in range(clip.picture_count)]
        for number in data.draw(st.lists(st.integers(0, clip.picture_count - 1), min_size=1, max_size=12)):
            assert np.array_equal(clip.read(SourceFrame(number)), in_sequence[number]), path.name


@pytest.mark.parametrize("name", ["a.avi", "a.wmv"])
def test_without_times_of_their_own_pictures_have_those_of_decoding(tmp_path: Path, name: str) -> None:
    with open_clip(ClipReference(str(write_video(tmp_path / name, range(12))))) as clip:
        shown = [number_in(clip.read(source)) for source in clip.frame_map.sources if source is not None]
    assert shown == list(range(12))


def test_reordered_pictures_without_times_are_late_as_in_blender(tmp_path: Path) -> None:
    """Three B-frames between two others delay by two pictures in H.264, and the last two never come."""
    with open_clip(ClipReference(str(write_video(tmp_path / "a.avi", range(12), b_frames=3)))) as clip:
        assert clip.frame_map.sources == (0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
        assert [number_in(clip.read(SourceFrame(n))) for n in range(12)] == list(range(12))


def test_a_video_without_reordered_pictures_is_not_decoded_to_index_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MPEG-2 may reorder pictures, and does not here."""
    path = write_video(tmp_path / "a.ts", range(12), codec="mpeg2video")
    monkeypatch.setattr(video_index, "decoded", None)
    assert len(index_video(path, interlaced=False).times) == 12


@pytest.mark.slow
def test_any_order_for_every_container_and_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_decoder, "MOST_KEPT_BYTES", 1)
    random = np.random.default_rng(0)
    for path in write_table(tmp_path):
        with open_clip(ClipReference(str(path))) as clip:
            in_sequence = [clip.read(SourceFrame(n)) for n in range(clip.picture_count)]
            assert [number_in(picture) for picture in in_sequence] == list(range(64)), path.name
            for number in random.permutation(clip.picture_count):
                assert np.array_equal(clip.read(SourceFrame(number)), in_sequence[number]), path.name


def test_backward_a_group_is_decoded_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_group = {"x264-params": "keyint=60:scenecut=0:bframes=0:log-level=error"}
    path = write_video(tmp_path / "a.mp4", range(60), options=one_group)
    decoder = video_decoder.VideoDecoder(path)
    decoder.use(index_video(path, interlaced=False))
    picture_bytes = sum(plane.buffer_size for plane in decoder.picture(0).planes)
    monkeypatch.setattr(video_decoder, "MOST_KEPT_BYTES", 20 * picture_bytes)
    sought: list[int] = []
    seek = decoder._seek
    monkeypatch.setattr(decoder, "_seek", lambda time: (sought.append(time), seek(time)))
    for number in reversed(range(60)):
        assert number_in(decoder.picture(number).to_ndarray(format="rgb24")) == number
        assert len(decoder._kept) <= 20
    # the first is reached without seeking
    assert len(sought) == 2
    decoder.close()


def test_what_a_video_says(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "my dog 影.mp4", range(0, 10010, 1001), Fraction(1, 24000), Fraction(24000, 1001)
    )
    with open_clip(ClipReference(str(path))) as clip:
        assert (clip.name, clip.size, clip.picture_count) == ("my dog 影", (WIDTH, HEIGHT), 10)
        assert clip.frame_rate == pytest.approx(23.976, abs=1e-3)
        assert clip.file_number(ClipFrame(3)) == 3
        picture = clip.read(SourceFrame(6))
        assert picture.flags.c_contiguous
        assert picture.dtype == np.uint8
        assert np.abs(picture.astype(int) - numbered_picture(6)).max() < 30
        with pytest.raises(FrameOutsideClip):
            clip.file_number(ClipFrame(11))
        for outside in (-1, 10):
            with pytest.raises(IndexError):
                clip.read(SourceFrame(outside))


def test_blenders_count_is_followed(tmp_path: Path) -> None:
    path = str(write_video(tmp_path / "a.mp4", range(6)))
    assert open_clip(ClipReference(path, frame_count=4)).frame_map.sources == (0, 1, 2, 3)
    assert open_clip(ClipReference(path, frame_count=8)).frame_map.sources == (0, 1, 2, 3, 4, 5, 5, 5)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_turns_the_picture_where_it_is_honored(tmp_path: Path, rotation: int) -> None:
    path = str(write_video(tmp_path / "a.mp4", range(6), rotation=rotation))
    as_stored = open_clip(ClipReference(path, honors_rotation=False))
    turned = open_clip(ClipReference(path))
    assert as_stored.size == (WIDTH, HEIGHT)
    assert turned.size == ((WIDTH, HEIGHT) if rotation == 180 else (HEIGHT, WIDTH))
    upright = as_stored.read(SourceFrame(5))
    assert number_in(upright) == 5
    assert np.array_equal(turned.read(SourceFrame(5)), np.rot90(upright, rotation // 90))
    assert turned.identity != as_stored.identity


@pytest.mark.parametrize("matrix", [1, 5, 2], ids=["BT.709", "BT.601", "untagged"])
def test_the_matrix_is_the_one_tagged(tmp_path: Path, matrix: int) -> None:
    path = tmp_path / "a.mp4"
    color = np.array([200, 40, 90])
    picture = np.broadcast_to(color, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        untagged = matrix == 2
        if not untagged:
            stream.codec_context.colorspace = matrix
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
            format="yuv444p", dst_colorspace=5 if untagged else matrix
        )
        if untagged:
            frame.colorspace = 2
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_clip(ClipReference(str(path))) as clip:
        assert np.abs(clip.read(SourceFrame(0)).astype(int) - color).max() <= 3


def test_packets_and_pictures_agree(every_kind: list[Path]) -> None:
    """The index without decoding is that of what is decoded."""
    for path in every_kind:
        by_packets = index_video(path, interlaced=False)
        assert by_packets == index_video(path, interlaced=True), path.name
        # Its pictures are reordered and have no times but those of decoding.
        can_seek = path.name not in REORDERED_WITHOUT_TIMES
        assert bool(by_packets.keyframes) == can_seek, path.name
        assert not can_seek or by_packets.keyframes[0].time <= (by_packets.times[0] or 0), path.name


def test_a_stream_without_timestamps_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", range(12), b_frames=2)
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(path)))
    assert "timestamps" in caught.value.reason


@pytest.mark.parametrize("kept", [0, 20, 0.3, 0.9])
@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_a_truncated_video_is_refused(tmp_path: Path, extension: str, kept: float) -> None:
    path = write_video(
        tmp_path / f"a.{extension}",
        range(24),
        container_options={"movflags": "faststart"} if extension == "mp4" else {},
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(path)))
    assert ("empty" if kept == 0 else "truncated") in explain(caught.value) or kept == 20


def test_a_damaged_picture_is_named_and_the_others_stay(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", range(12), codec="prores_ks", pixel_format="yuv422p10le")
    destroy(path, 7)
    with open_clip(ClipReference(str(path))) as clip:
        with pytest.raises(PictureUndecodable) as caught:
            clip.read(SourceFrame(7))
        assert caught.value.number == 8
        assert number_in(clip.read(SourceFrame(8))) == 8
        assert number_in(clip.read(SourceFrame(6))) == 6


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.mp4", b"not a video at all" * 50),
        ("a.txt", b"hello\n" * 50),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
        ("a.gif.bmp", b"BM" + bytes(200)),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    with pytest.raises(ClipNotFound):
        open_clip(ClipReference(str(path)))
    path.write_bytes(data)
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(path)))
    assert str(path) in explain(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ClipUnreadable):
        open_clip(ClipReference(str(path)))


def test_identity_follows_the_pixels_and_not_the_folder(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(4))
    first = open_clip(ClipReference(str(path))).identity
    (tmp_path / "there").mkdir()
    moved = shutil.copy2(path, tmp_path / "there")
    assert open_clip(ClipReference(str(moved))).identity == first
    assert open_clip(ClipReference(str(path), frame_count=2)).identity == first
    assert open_clip(ClipReference(str(path)), "linear").identity != first


def test_closing_twice(tmp_path: Path) -> None:
    clip = open_clip(ClipReference(str(write_video(tmp_path / "a.mp4", range(4)))))
    clip.close()
    clip.close()


def test_real_footage(footage: Path) -> None:
    with open_clip(ClipReference(str(footage / "clips" / "dog.mp4"))) as clip:
        assert (clip.size, clip.picture_count, len(clip.frame_map)) == ((1280, 720), 289, 289)
        assert clip.frame_rate == pytest.approx(29.97, abs=0.01)
        late = clip.read(SourceFrame(30))
        clip.read(SourceFrame(2))
        assert np.array_equal(clip.read(SourceFrame(30)), late)


def shown(clip: Clip) -> list[int | None]:
    sources = clip.frame_map.sources
    return [None if source is None else number_in(clip.read(source)) for source in sources]


def test_undecodable_pictures_are_held_as_in_blender(tmp_path: Path) -> None:
    expected = {
        "one.mp4": [*range(10), 9, 9, *range(12, 24)],
        "two in a row.mp4": [*range(9), 8, 8, 8, *range(12, 24)],
        "the first.mov": [2, 2, *range(2, 24)],
        "the last.mov": [*range(22), 21, 21],
        "begins late.ts": [6, 6, 6, *range(6, 24)],
        "begins late.mkv": [6, 6, 6, *range(6, 24)],
    }
    for path in write_every_damage(tmp_path):
        with open_clip(ClipReference(str(path), missing=Missing.HOLD)) as clip:
            assert shown(clip) == expected[path.name], path.name


def test_undecodable_pictures_are_black_where_that_is_asked(tmp_path: Path) -> None:
    path = destroy(write_video(tmp_path / "a.mp4", range(12)), 8)
    with open_clip(ClipReference(str(path), missing=Missing.BLACK)) as clip:
        assert shown(clip) == [*range(8), None, 7, 7, 7]
        left_out = clip.identity
    with open_clip(ClipReference(str(path), missing=Missing.HOLD)) as clip:
        assert clip.identity != left_out
    whole = str(write_video(tmp_path / "b.mp4", range(12)))
    identities = {open_clip(ClipReference(whole, missing=missing)).identity for missing in Missing}
    assert len(identities) == 1


def test_held_pictures_are_the_same_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_decoder, "MOST_KEPT_BYTES", 1)
    random = np.random.default_rng(3)
    for path in write_every_damage(tmp_path):
        with open_clip(ClipReference(str(path), missing=Missing.HOLD)) as clip:
            in_sequence = [clip.read(SourceFrame(n)) for n in range(clip.picture_count)]
            for number in random.permutation(clip.picture_count):
                assert np.array_equal(clip.read(SourceFrame(number)), in_sequence[number]), path.name


def test_the_line_about_an_undecodable_picture_names_the_remedy(tmp_path: Path) -> None:
    by_packets = destroy(write_video(tmp_path / "a.mp4", range(12)), 8)
    with open_clip(ClipReference(str(by_packets))) as clip, pytest.raises(PictureUndecodable) as caught:
        clip.read(SourceFrame(8))
    assert "picture 9 of " in explain(caught.value)
    assert "--missing hold" in explain(caught.value)
    by_decoding = destroy(write_video(tmp_path / "a.avi", range(12)), 8)
    with pytest.raises(ClipUnreadable) as refused:
        open_clip(ClipReference(str(by_decoding)))
    assert "--missing hold" in explain(refused.value)
    with open_clip(ClipReference(str(by_decoding), missing=Missing.HOLD)) as clip:
        assert shown(clip) == [*range(8), 7, 7, 7, 7]


@pytest.mark.parametrize(("said", "aspect"), [(Fraction(3, 2), 1.5), (Fraction(1), 1.0)])
def test_a_video_says_how_wide_pixels_are(tmp_path: Path, said: Fraction, aspect: float) -> None:
    path = tmp_path / "wide.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv422p10le"
        stream.codec_context.sample_aspect_ratio = said
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 32, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with open_clip(ClipReference(str(path))) as clip:
        assert clip.pixel_aspect == aspect
        assert clip.read_light(SourceFrame(0)).shape == (16, 32, 3)


def test_several_threads_may_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(24))
    with open_clip(ClipReference(str(path))) as clip, ThreadPoolExecutor(4) as pool:
        wanted = [n for start in range(4) for n in range(start, 24, 4)] * 2
        found = pool.map(lambda n: number_in(clip.read(SourceFrame(n))), wanted)
        assert list(found) == wanted
