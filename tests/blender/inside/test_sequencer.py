# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on strips: rendered alpha on each frame, the second run, what is removed again, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import av
import bpy
import numpy as np
import pytest

from blender_addon import compat
from blender_addon.faults import Refused
from blender_addon.sequencer import (
    MatteSequence,
    apply_matte,
    find_matte,
    out_of_date,
    playback,
    refusal,
    remove_matte,
    source_clip,
)
from tests.blender.inside.footage import (
    ALPHA_DIFFERENCE,
    COUNT,
    HEIGHT,
    WIDTH,
    matte,
    plate,
    render,
    write_mattes,
    write_plates,
)


@pytest.fixture
def edit(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A scene whose picture is the sequencer's, at 24 frames a second."""
    scene.render.use_sequencer = True
    scene.render.fps = 24
    scene.sequence_editor_create()
    return scene


def add_images(scene: bpy.types.Scene, folder: Path, channel: int = 1, start: int = 1) -> bpy.types.Strip:
    """All COUNT plates, numbered from 101."""
    first = write_plates(folder / "plate", 101)
    strip = compat.top_strips(scene).new_image("plate", str(first), channel, start)
    for n in range(1, COUNT):
        strip.elements.append(f"plate_{101 + n:04d}.png")
    return strip


def write_movie(path: Path, count: int = COUNT) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "4", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(1, count + 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(plate(n), format="bgr24")))
        container.mux(stream.encode())
    return path


def add_movie(scene: bpy.types.Scene, folder: Path, channel: int = 1, start: int = 1) -> bpy.types.Strip:
    path = write_movie(folder / "Läufer clip.mp4")
    return compat.top_strips(scene).new_movie("movie", str(path), channel, start)


ADD = {"images": add_images, "movie": add_movie}


def mattes_of(folder: Path, frames: range = range(1, COUNT + 1), name: str = "Läufer") -> MatteSequence:
    first_file = write_mattes(folder / "mattes", name, 1000 + frames[0], frames)
    return MatteSequence(f"id-{name}", name, first_file, 1000 + frames[0], len(frames), frames[0])


def trim(strip: bpy.types.Strip, left: int, right: int) -> None:
    compat.place_strip(strip, round(compat.strip_start(strip)), left, right)


def assert_cut_out(pictures: list[np.ndarray], frames: list[int]) -> int:
    """Each picture has the matte of its clip frame as alpha, and shows the plate of that frame.

    Returns the largest difference of the alpha.
    """
    largest = 0
    for picture, frame in zip(pictures, frames, strict=True):
        difference = np.abs(picture[..., 3].astype(int) - matte(frame)).max()
        assert difference <= 1, f"alpha of frame {frame}"
        largest = max(largest, int(difference))
        full = matte(frame) == 255
        errors = [np.abs(picture[..., :3].astype(int) - plate(k))[full].mean() for k in range(1, COUNT + 1)]
        assert int(np.argmin(errors)) + 1 == frame
    return largest


def snapshot(scene: bpy.types.Scene) -> list[tuple[object, ...]]:
    """All that a second run must not change."""
    return [
        (
            strip.name,
            strip.type,
            strip.channel,
            strip.mute,
            strip.blend_type,
            strip.select,
            compat.strip_start(strip),
            compat.strip_handles(strip),
            [(m.name, m.type, m.input_mask_strip) for m in strip.modifiers],
            [element.filename for element in strip.elements],
            [tuple(v) if k == "origin" else v for k, v in vars_of(strip.transform)],
            vars_of(strip.crop),
            dict(strip.items()),
        )
        for strip in compat.all_strips(scene)
    ]


def vars_of(data: bpy.types.bpy_struct) -> list[tuple[str, object]]:
    return [
        (p.identifier, getattr(data, p.identifier))
        for p in data.bl_rna.properties
        if p.identifier != "rna_type"
    ]


@pytest.mark.parametrize("kind", ADD)
@pytest.mark.parametrize(
    ("start", "left", "right"),
    [(1, 1, 13), (101, 101, 113), (1, 4, 10), (101, 106, 107), (40, 43, 52)],
    ids=["untrimmed", "start 101", "trimmed", "one frame at 106", "offset and trimmed"],
)
def test_alpha_is_the_matte_of_each_frame(
    edit: bpy.types.Scene,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    kind: str,
    start: int,
    left: int,
    right: int,
) -> None:
    strip = ADD[kind](edit, tmp_path, start=start)
    trim(strip, left, right)
    result = apply_matte(strip, mattes_of(tmp_path))
    assert result.mute and result.colorspace_settings.name == "Non-Color"
    assert compat.strip_handles(result) == (left, right)
    frames = [scene_frame - start + 1 for scene_frame in range(left, right)]
    record_property(ALPHA_DIFFERENCE, assert_cut_out(render(edit, tmp_path, left, right - 1), frames))


@pytest.mark.parametrize("kind", ADD)
def test_pictures_that_the_strip_itself_leaves_out(edit: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    strip = ADD[kind](edit, tmp_path, start=20)
    strip.animation_offset_start, strip.animation_offset_end = 3, 2
    start = round(compat.strip_start(strip))
    trim(strip, start + 1, start + 6)
    apply_matte(strip, mattes_of(tmp_path))
    assert playback(strip).seen == (5, 9)
    assert_cut_out(render(edit, tmp_path, start + 1, start + 5), [5, 6, 7, 8, 9])


def test_a_strip_longer_than_its_pictures_holds_their_mattes(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path, start=10)
    trim(strip, 8, 24)
    apply_matte(strip, mattes_of(tmp_path))
    assert_cut_out(render(edit, tmp_path, 8, 23), [1, 1, *range(1, 13), 12, 12])


def test_mattes_of_the_seen_frames_are_enough(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_movie(edit, tmp_path, start=-3)
    trim(strip, 1, 6)
    apply_matte(strip, mattes_of(tmp_path, range(4, 11)))
    assert_cut_out(render(edit, tmp_path, 1, 5), [5, 6, 7, 8, 9])

    trim(strip, 0, 8)
    with pytest.raises(Refused, match=r"frames 4 to 11, but Läufer has mattes of 4 to 10"):
        apply_matte(strip, mattes_of(tmp_path, range(4, 11)))


@pytest.mark.parametrize(("scale", "tolerance"), [((1.0, 1.0), 1), ((0.5, 0.75), 8)])
def test_transform_crop_and_flips_are_the_strips(
    edit: bpy.types.Scene, tmp_path: Path, scale: tuple[float, float], tolerance: int
) -> None:
    """The matte lands where the picture does: drawn as a picture of its own, it has the same pixels.

    From 5.0 Blender resamples masks of scaled strips twice; a pixel's shift would differ by 60.
    """
    strip = add_images(edit, tmp_path)
    strip.use_flip_x, strip.crop.min_x, strip.crop.max_y = True, 12, 7
    strip.transform.offset_x, strip.transform.offset_y = 9, -6
    strip.transform.scale_x, strip.transform.scale_y = scale
    strip.transform.origin = (0.25, 0.5)
    result = apply_matte(strip, mattes_of(tmp_path))
    assert out_of_date(strip) is None
    (cut_out,) = render(edit, tmp_path / "cut out", 4, 4)
    strip.crop.max_y = 8
    assert out_of_date(strip) == (
        "The picture of plate was moved, cropped or flipped: put its matte on again"
    )
    strip.crop.max_y = 7

    result.mute, strip.mute = False, True
    result.use_flip_x = True
    (drawn,) = render(edit, tmp_path / "drawn", 4, 4)
    # Where the strip ends, both are mixed with nothing.
    inside = (
        (drawn[..., 3] == 255) & np.roll(drawn[..., 3] == 255, 2, 1) & np.roll(drawn[..., 3] == 255, -2, 1)
    )
    assert inside.sum() > 1000
    assert np.abs(cut_out[..., 3].astype(int) - drawn[..., 0])[inside].max() <= tolerance


@pytest.mark.parametrize("kind", ADD)
def test_a_second_run_changes_nothing(edit: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    strip = ADD[kind](edit, tmp_path, start=5)
    trim(strip, 7, 15)
    mattes = mattes_of(tmp_path)
    result = apply_matte(strip, mattes)
    clips = len(bpy.data.movieclips)
    before = snapshot(edit)
    assert apply_matte(strip, mattes) == result
    assert snapshot(edit) == before
    assert len(bpy.data.movieclips) == clips == 1


def test_the_matte_follows_a_moved_and_trimmed_strip(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_movie(edit, tmp_path)
    mattes = mattes_of(tmp_path)
    result = apply_matte(strip, mattes)
    for start, left, right in ((31, 34, 40), (5, 5, 9), (60, 61, 72)):
        assert out_of_date(strip) is None
        compat.place_strip(strip, start, left, right)
        assert out_of_date(strip) == "movie was moved or trimmed: put its matte on again"
        assert apply_matte(strip, mattes) == result
        assert_cut_out(render(edit, tmp_path, left, left + 1), [left - start + 1, left - start + 2])

    other = apply_matte(strip, mattes_of(tmp_path / "v2", range(2, 13), "dog"))
    assert other == result and len(compat.all_strips(edit)) == 2
    assert_cut_out(render(edit, tmp_path, 61, 62), [2, 3])


def test_a_channel_that_is_free(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path, channel=3)
    strips = compat.top_strips(edit)
    for channel in (4, 5):
        strips.new_effect(f"color {channel}", "COLOR", channel, 10, **effect_length(10))
    result = apply_matte(strip, mattes_of(tmp_path))
    assert result.channel == 6
    assert [s.channel for s in strips if s != result] == [3, 4, 5]


def effect_length(frames: int) -> dict[str, int]:
    """For an effect at the scene frame 10."""
    return {"length": frames} if bpy.app.version >= (5, 0, 0) else {"frame_end": 10 + frames}


def test_removing_leaves_the_edit_as_it_was(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    strip.blend_type = "CROSS"
    with compat.sequencer_scene(edit):
        strip.modifiers.new("grade", "BRIGHT_CONTRAST")
    kept = [m.name for m in strip.modifiers]
    mattes = mattes_of(tmp_path)
    apply_matte(strip, mattes)
    assert strip.blend_type == "ALPHA_OVER" and find_matte(strip) is not None
    remove_matte(strip)
    assert [s.name for s in compat.all_strips(edit)] == ["plate"]
    assert [m.name for m in strip.modifiers] == kept and strip.blend_type == "CROSS"
    assert find_matte(strip) is None and mattes.first_file.is_file()
    remove_matte(strip)


def test_a_duplicate_gets_a_matte_of_its_own(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    mattes = mattes_of(tmp_path)
    first = apply_matte(strip, mattes)
    copy = add_images(edit, tmp_path, channel=1, start=30)
    with compat.sequencer_scene(edit):
        modifier = copy.modifiers.new("Rotopoint", "MASK")
    modifier.input_mask_type, modifier.input_mask_strip = "STRIP", first
    second = apply_matte(copy, mattes)
    assert second != first and find_matte(strip) == first and find_matte(copy) == second
    assert_cut_out(render(edit, tmp_path, 3, 3) + render(edit, tmp_path, 33, 33), [3, 4])
    remove_matte(strip)
    assert find_matte(copy) == second


def test_a_deleted_matte_strip_is_made_again(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    mattes = mattes_of(tmp_path)
    assert out_of_date(strip) is None
    compat.top_strips(edit).remove(apply_matte(strip, mattes))
    assert out_of_date(strip) == "The matte of plate was deleted: put it on again"
    apply_matte(strip, mattes)
    assert len(strip.modifiers) == 1
    assert_cut_out(render(edit, tmp_path, 2, 2), [2])


def test_saved_and_opened_the_matte_is_known_again(edit: bpy.types.Scene, tmp_path: Path) -> None:
    mattes = mattes_of(tmp_path)
    apply_matte(add_images(edit, tmp_path), mattes)
    path = str(tmp_path / "edit.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=path)
    opened = bpy.context.scene
    before = snapshot(opened)
    strip = compat.all_strips(opened)["plate"]
    assert out_of_date(strip) is None
    apply_matte(strip, mattes)
    assert snapshot(opened) == before
    assert find_matte(strip).directory.startswith("//")


def test_the_clip_is_found_or_loaded(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    strip.colorspace_settings.name = "Non-Color"
    clip = source_clip(strip)
    assert clip.frame_duration == COUNT and clip.colorspace_settings.name == "Non-Color"
    assert source_clip(strip) == clip and len(bpy.data.movieclips) == 1
    movie = source_clip(add_movie(edit, tmp_path, channel=2))
    assert movie.source == "MOVIE" and len(bpy.data.movieclips) == 2


def test_strips_that_cannot_be_followed_say_why(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_movie(edit, tmp_path)
    strips = compat.top_strips(edit)
    assert refusal(strip) is None

    strip.use_reverse_frames = True
    assert "plays backward" in refusal(strip)
    strip.use_reverse_frames = False
    strip.strobe = 2
    assert "strobed" in refusal(strip)
    strip.strobe = 1
    assert refusal(strip) is None

    strip.transform.keyframe_insert("offset_x", frame=1)
    assert "animated" in refusal(strip)
    edit.animation_data_clear()
    assert refusal(strip) is None

    source = "seq1" if bpy.app.version < (4, 5, 0) else "input1"
    effect = strips.new_effect("fast", "SPEED", 7, 10, **effect_length(5), **{source: strip})
    assert "fast changes the speed" in refusal(strip)
    assert "no movie or image strip" in refusal(effect)
    strips.remove(effect)
    assert refusal(strip) is None

    meta = strips.new_meta("group", 5, 1)
    strip.move_to_meta(meta)
    assert "meta strip group" in refusal(strip)
    with pytest.raises(Refused, match="meta strip group"):
        apply_matte(strip, mattes_of(tmp_path))
    assert not bpy.data.movieclips


def in_sequencer(scene: bpy.types.Scene) -> AbstractContextManager[object]:
    """The context of a Sequencer that shows the scene, for Blender's own operators."""
    window = bpy.context.window
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.ui_type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region)


def test_a_retimed_strip_is_refused(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_movie(edit, tmp_path)
    with in_sequencer(edit):
        strip.select, edit.sequence_editor.active_strip = True, strip
        bpy.ops.sequencer.retiming_show()
        bpy.ops.sequencer.retiming_key_add(timeline_frame=4)
    assert "is retimed" in refusal(strip)


# From 5.0 the operator that adds such strips crashes without windows.
if bpy.app.version < (5, 0, 0):

    def test_another_frame_rate_is_refused(edit: bpy.types.Scene, tmp_path: Path) -> None:
        """Added in the interface, a movie of another rate plays at its own speed."""
        movie = write_movie(tmp_path / "clip.mp4")
        edit.render.fps = 48
        with in_sequencer(edit):
            bpy.ops.sequencer.movie_strip_add(
                filepath=str(movie), frame_start=1, channel=1, sound=False, use_framerate=False
            )
        (strip,) = compat.all_strips(edit)
        with pytest.raises(Refused, match="takes 24 frames for 12 pictures"):
            apply_matte(strip, mattes_of(tmp_path))
        assert not bpy.data.movieclips
        edit.render.fps = 24
        apply_matte(strip, mattes_of(tmp_path))


def test_a_file_that_became_shorter_is_refused(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_movie(edit, tmp_path)
    write_movie(tmp_path / "Läufer clip.mp4", 7)
    with pytest.raises(Refused, match="takes 12 frames for 7 pictures"):
        source_clip(strip)
    assert not bpy.data.movieclips


def test_images_that_are_no_sequence_are_refused(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    strip.elements[4].filename = "plate_0107.png"
    assert "plate_0107.png breaks the numbers" in refusal(strip)
    strip.elements[4].filename = "plate_0105.png"
    assert refusal(strip) is None
    (tmp_path / "plate" / "plate_0110.png").unlink()
    with pytest.raises(Refused, match="12 pictures, but only 9 are on disk"):
        source_clip(strip)
    assert not bpy.data.movieclips
    (tmp_path / "plate" / "plate_0101.png").unlink()
    assert "is missing" in refusal(strip)


def test_a_missing_matte_changes_nothing(edit: bpy.types.Scene, tmp_path: Path) -> None:
    strip = add_images(edit, tmp_path)
    mattes = mattes_of(tmp_path)
    mattes.file(7).unlink()
    before = snapshot(edit)
    with pytest.raises(FileNotFoundError, match="1007"):
        apply_matte(strip, mattes)
    with pytest.raises(Refused, match="mattes of 1 to 4"):
        apply_matte(strip, replace(mattes, frame_count=4))
    assert snapshot(edit) == before
