# SPDX-License-Identifier: GPL-3.0-or-later
"""A cut-out has the color that the same Blender shows of the clip that it was cut from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import bpy
import numpy as np
import OpenEXR
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from blender_addon import compat
from rotopoint.clip import open_clip
from rotopoint.deliver.cut_outs import CutOutFiles
from rotopoint.deliver.deliverable import About, Frame, Layer, Options
from rotopoint.deliver.layers import LayerFiles
from rotopoint.shot import ClipReference
from tests.blender.inside.footage import HEIGHT, WIDTH, render

SIZE = (WIDTH, HEIGHT)

CLOSE = 2
"""Of 255, as a display is sent it: what a composite may be off its own plate."""

LIMITED, FULL = ColorRange.MPEG, ColorRange.JPEG
BT601 = (Colorspace.ITU601, ColorPrimaries.SMPTE170M, ColorTrc.SMPTE170M)
BT709 = (Colorspace.ITU709, ColorPrimaries.BT709, ColorTrc.BT709)

TAGS = {
    "untagged": (None, None),
    "untagged of full range": (None, FULL),
    "BT.601": (BT601, LIMITED),
    "BT.601 of full range": (BT601, FULL),
    "BT.709": (BT709, LIMITED),
    "BT.709 of full range": (BT709, FULL),
}


def colors(number: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) RGB: ramps through dark and bright, and blocks of any color."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    blocks = np.random.default_rng(number).integers(0, 256, (-(-HEIGHT // 10), WIDTH // 10, 3))
    picture = np.kron(blocks, np.ones((10, 10, 1)))[:HEIGHT]
    picture[: HEIGHT // 2] = np.stack([x * 1.6, 255 - x * 1.6, y * 2.8], axis=-1)[: HEIGHT // 2]
    return picture.astype(np.uint8)


def write_movie(path: Path, tags: str, pixels: str = "yuv420p") -> Path:
    tag, span = TAGS[tags]
    with av.open(str(path), "w") as container:
        quiet = {"crf": "4", "x264-params": "log-level=error"}
        stream = container.add_stream("libx264", rate=24, options=quiet)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        context = stream.codec_context
        if tag is not None:
            context.colorspace, context.color_primaries, context.color_trc = tag
        if span is not None:
            context.color_range = span
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(colors(number), "rgb24").reformat(
                format=pixels,
                dst_colorspace=Colorspace.ITU601 if tag is None else tag[0],
                dst_color_range=span or LIMITED,
            )
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def coverage() -> np.ndarray:
    """From full on the left to a half on the right."""
    return np.broadcast_to(np.linspace(1.5, 0.5, WIDTH, dtype=np.float32).clip(0, 1), SIZE[::-1]).copy()


def cut_out(clip: Path, folder: Path) -> Path:
    """The second frame of a clip as a file, with no color taken out of its edges."""
    with open_clip(ClipReference(str(clip), honors_rotation=compat.honors_rotation())) as opened:
        light = opened.read_light(1)
    about = About(clip.stem, str(clip), SIZE, ("der Bär",))
    with CutOutFiles(about, lambda number: folder / f"größe.{number:04d}.exr") as files:
        return files.frame(Frame(2, 2, (Layer("der Bär", coverage(), foreground=light),)))


def shown(scene: bpy.types.Scene, folder: Path, socket: bpy.types.NodeSocket) -> np.ndarray:
    """(HEIGHT, WIDTH, 4) what Blender makes of frame 2 of a node: straight BGRA of 8 bits."""
    tree = compat.ensure_compositor_tree(scene)
    scene.render.use_compositing = True
    tree.links.new(socket, compat.ensure_output(tree))
    return render(scene, folder, 2, 2)[0]


@pytest.mark.parametrize("tags", TAGS)
def test_a_cut_out_of_video_is_as_its_plate(scene: bpy.types.Scene, tmp_path: Path, tags: str) -> None:
    path = write_movie(tmp_path / "plate.mp4", tags)
    tree = compat.ensure_compositor_tree(scene)
    plate = tree.nodes.new("CompositorNodeMovieClip")
    plate.clip = bpy.data.movieclips.load(str(path))
    expected = shown(scene, tmp_path / "plate", plate.outputs["Image"])
    ours = tree.nodes.new("CompositorNodeImage")
    ours.image = bpy.data.images.load(str(cut_out(path, tmp_path)))
    assert ours.image.colorspace_settings.name.startswith("Linear") and ours.image.alpha_mode == "PREMUL"
    found = shown(scene, tmp_path / "ours", ours.outputs["Image"])
    assert np.abs(found[..., 3] - coverage() * 255).max() <= 1
    difference = np.abs(found[..., :3].astype(int) - expected[..., :3])
    assert difference.max() <= CLOSE and difference.mean() < 0.1


def exact(path: Path) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) of an EXR that Blender has written."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name.rpartition(".")[2]: channel.pixels for name, channel in file.channels().items()}
    return np.stack([channels[color] for color in "RGB"], axis=-1).astype(np.float32)


def test_values_over_one_of_plates_stay_as_blender_has_them(scene: bpy.types.Scene, tmp_path: Path) -> None:
    """In the cut-out and in layered EXR with its plate, linear."""
    light = colors(1).astype(np.float32) / 16
    for number in (1, 2):
        path = tmp_path / f"plate.{number:04d}.exr"
        OpenEXR.File({}, {"RGB": light * number}).write(str(path))
    clip = bpy.data.movieclips.load(str(tmp_path / "plate.0001.exr"))
    node = compat.ensure_compositor_tree(scene).nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    settings = scene.render.image_settings
    shown(scene, tmp_path / "png", node.outputs["Image"])
    settings.file_format, settings.color_depth = "OPEN_EXR", "32"
    scene.render.filepath = str(tmp_path / "blender_####")
    bpy.ops.render.render(animation=True)
    expected = exact(tmp_path / "blender_0002.exr")
    assert expected.max() > 30
    first = tmp_path / "plate.0001.exr"
    alpha = coverage().astype(np.float16).astype(np.float32)
    assert exact(cut_out(first, tmp_path)) == pytest.approx(expected * alpha[..., None], rel=2e-3, abs=1e-6)
    about = About("plate", str(first), SIZE, ("der Bär",))
    with open_clip(ClipReference(str(first))) as opened:
        frame = Frame(2, 2, (Layer("der Bär", coverage()),), light=opened.read_light(1))
    with LayerFiles(about, lambda _: tmp_path / "layers.exr", Options(plate=True)) as files:
        assert exact_plate(files.frame(frame)) == pytest.approx(expected, rel=1e-3)


def exact_plate(path: Path) -> np.ndarray:
    """The channels without a layer."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        return np.stack([channels[color].pixels for color in "RGB"], axis=-1).astype(np.float32)
