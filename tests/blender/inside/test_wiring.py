# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes wired to a clip: the graph, its second run, what it leaves alone, and the rendered pixels."""

from __future__ import annotations

from pathlib import Path

import av
import bpy
import numpy as np
import OpenEXR
import pytest

from blender_addon import compat
from blender_addon.compositor import MatteSequence, out_of_date, unwire, wire, wired_subjects
from tests.blender.inside.footage import (
    COUNT,
    HEIGHT,
    WIDTH,
    matte,
    plate,
    render,
    write,
    write_mattes,
    write_plates,
)


def load_clip(path: Path, start: int = 1, offset: int = 0) -> bpy.types.MovieClip:
    clip = bpy.data.movieclips.load(str(path))
    clip.frame_start, clip.frame_offset = start, offset
    return clip


def mattes_of(folder: Path, name: str = "runner", first_number: int = 1, **more: int) -> MatteSequence:
    first_file = write_mattes(folder, name, first_number)
    return MatteSequence(f"id-{name}", name, first_file, first_number, COUNT, **more)


def tree_of(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    tree = compat.find_compositor_tree(scene)
    assert tree is not None
    return tree


def links(tree: bpy.types.NodeTree) -> set[tuple[str, str, str, str]]:
    """All links as (node, socket, node, socket)."""
    return {
        (k.from_node.name, k.from_socket.identifier, k.to_node.name, k.to_socket.identifier)
        for k in tree.links
    }


def image_files() -> list[bpy.types.Image]:
    """The file's images, less those that Blender keeps for renders and viewers."""
    return [image for image in bpy.data.images if image.source in ("FILE", "SEQUENCE")]


def snapshot(scene: bpy.types.Scene) -> tuple[object, ...]:
    """All that a second run must not change."""
    tree = tree_of(scene)
    nodes = sorted((n.name, n.label, tuple(n.location), n.bl_idname) for n in tree.nodes)
    values = sorted(
        (n.name, s.identifier, s.default_value) for n in tree.nodes for s in n.inputs if s.type == "VALUE"
    )
    readers = sorted(
        (n.name, n.image.name, n.image.filepath, n.frame_start, n.frame_offset, n.frame_duration)
        for n in tree.nodes
        if n.bl_idname == "CompositorNodeImage"
    )
    data = sorted((d.name, d.users) for c in (image_files(), bpy.data.node_groups) for d in c)
    return nodes, links(tree), values, readers, data


def assert_cut_out(pictures: list[np.ndarray], frames: list[int]) -> None:
    """Each picture has the matte of its frame as alpha, and the plate of its frame where that is full."""
    for picture, frame in zip(pictures, frames, strict=True):
        assert np.abs(picture[..., 3].astype(int) - matte(frame)).max() <= 1, f"alpha of frame {frame}"
        full = matte(frame) == 255
        assert np.abs(picture[..., :3].astype(int) - plate(frame))[full].max() <= 1, f"color of frame {frame}"


def test_an_empty_scene_shows_the_cut_out(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    wiring = wire(scene, clip, [mattes_of(tmp_path / "mattes")])
    tree = tree_of(scene)
    (runner,) = wiring.subjects
    output = compat.find_output(tree)
    assert wiring.clip_node.clip == clip
    assert links(tree) == {
        (wiring.clip_node.name, "Image", runner.cut_out.name, runner.cut_out.inputs["Image"].identifier),
        (runner.matte.name, "Image", runner.cut_out.name, runner.cut_out.inputs["Matte"].identifier),
        (runner.cut_out.name, wiring.result.identifier, output.node.name, output.identifier),
    }
    assert len(tree.nodes) == 4
    assert runner.matte.image.colorspace_settings.name == "Non-Color"
    assert runner.matte.image.source == "SEQUENCE"
    assert_cut_out(render(scene, tmp_path, 1, COUNT), list(range(1, COUNT + 1)))


@pytest.mark.parametrize(
    ("start", "offset", "first_number"), [(1, 0, 101), (101, 0, 1), (1, 3, 1), (101, -2, 1001), (-4, 2, 7)]
)
def test_the_right_frame_whatever_start_offset_and_numbers(
    scene: bpy.types.Scene, tmp_path: Path, start: int, offset: int, first_number: int
) -> None:
    clip = load_clip(write_plates(tmp_path / "plate", 50), start, offset)
    wire(scene, clip, [mattes_of(tmp_path / "mattes", first_number=first_number)])
    # Blender renders no frame below 0.
    first = max(start - min(offset, 0), 0)
    frames = [scene_frame - start + 1 + offset for scene_frame in range(first, first + 6)]
    assert_cut_out(render(scene, tmp_path, first, first + 5), frames)


def test_mattes_of_a_part_of_the_clip_are_transparent_outside(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    first_file = write_mattes(tmp_path / "mattes", "runner", 1004, range(4, 9))
    wire(scene, clip, [MatteSequence("id", "runner", first_file, 1004, 5, first_frame=4)])
    pictures = render(scene, tmp_path, 1, COUNT)
    assert_cut_out(pictures[3:8], [4, 5, 6, 7, 8])
    assert not any(picture[..., 3].any() for picture in pictures[:3] + pictures[8:])


def test_video_and_exr_mattes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    video = tmp_path / "Läufer clip.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "4", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(1, COUNT + 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(plate(n), format="bgr24")))
        container.mux(stream.encode())
    first_file = tmp_path / "Mattes für alle" / "clip_Läufer_matte.0001.exr"
    first_file.parent.mkdir()
    for n in range(1, COUNT + 1):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        coverage = (matte(n) / 255).astype(np.float16)
        path = first_file.with_name(f"clip_Läufer_matte.{n:04d}.exr")
        OpenEXR.File(header, {"Y": coverage}).write(str(path))
    wire(scene, load_clip(video), [MatteSequence("id", "Läufer", first_file, 1, COUNT)])
    for n, picture in enumerate(render(scene, tmp_path, 1, COUNT), 1):
        assert np.abs(picture[..., 3].astype(int) - matte(n)).max() <= 1
        full = matte(n) == 255
        # Blender turns untagged video into RGB by a matrix of its own: the nearest plate tells the frame.
        errors = [np.abs(picture[..., :3].astype(int) - plate(k))[full].mean() for k in range(1, COUNT + 1)]
        assert int(np.argmin(errors)) + 1 == n


def test_a_second_run_changes_nothing(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    mattes = [mattes_of(tmp_path / "mattes"), mattes_of(tmp_path / "mattes", "dog")]
    first = wire(scene, clip, mattes)
    first.subjects[0].cut_out.inputs["Feather"].default_value = 2.5
    before = snapshot(scene)
    assert wire(scene, clip, iter(mattes)) == first
    assert snapshot(scene) == before


def test_a_new_folder_updates_in_place_and_keeps_parameters(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    first = wire(scene, clip, [mattes_of(tmp_path / "v1")])
    first.subjects[0].cut_out.inputs["Expand"].default_value = 3
    graph = links(first.tree)
    image = first.subjects[0].matte.image
    newer = write_mattes(tmp_path / "v2", "runner", 205, range(5, 11))
    second = wire(scene, clip, [MatteSequence("id-runner", "runner", newer, 205, 6, first_frame=5)])
    assert links(second.tree) == graph and second == first
    assert second.subjects[0].matte.image == image and len(image_files()) == 1
    assert second.subjects[0].cut_out.inputs["Expand"].default_value == 3
    second.subjects[0].cut_out.inputs["Expand"].default_value = 0
    assert_cut_out(render(scene, tmp_path, 5, 10), list(range(5, 11)))


def test_a_chain_behind_the_clip_stays(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    tree = compat.ensure_compositor_tree(scene)
    source = tree.nodes.new("CompositorNodeMovieClip")
    source.clip = clip
    reroute = tree.nodes.new("NodeReroute")
    flip = tree.nodes.new("CompositorNodeFlip")
    if "Flip X" in flip.inputs:
        flip.inputs["Flip X"].default_value = True
    viewer = tree.nodes.new("CompositorNodeViewer")
    output = compat.ensure_output(tree)
    tree.links.new(source.outputs["Image"], reroute.inputs[0])
    tree.links.new(reroute.outputs[0], flip.inputs["Image"])
    tree.links.new(flip.outputs["Image"], output)
    tree.links.new(source.outputs["Image"], viewer.inputs["Image"])
    before, untouched = links(tree), snapshot(scene)

    wiring = wire(scene, clip, [mattes_of(tmp_path / "mattes")])
    cut_out = wiring.subjects[0].cut_out
    kept = before - {(source.name, "Image", reroute.name, reroute.inputs[0].identifier)}
    assert kept < links(tree)
    assert reroute.inputs[0].links[0].from_node == cut_out
    assert cut_out.inputs["Image"].links[0].from_node == source == wiring.clip_node
    flipped = [picture[:, ::-1] for picture in render(scene, tmp_path, 1, 3)]
    assert_cut_out(flipped, [1, 2, 3])

    unwire(scene, clip)
    assert links(tree) == before
    bpy.data.node_groups.remove(bpy.data.node_groups["Rotopoint"])
    assert snapshot(scene) == untouched


def test_another_picture_stays_behind_the_cut_out(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    backdrop = np.full((HEIGHT, WIDTH, 3), (30, 120, 200), np.uint8)
    tree = compat.ensure_compositor_tree(scene)
    still = tree.nodes.new("CompositorNodeImage")
    still.image = bpy.data.images.load(str(write(tmp_path / "backdrop.png", backdrop)))
    tree.links.new(still.outputs["Image"], compat.ensure_output(tree))
    before = links(tree)

    wiring = wire(scene, clip, [mattes_of(tmp_path / "mattes")])
    once = snapshot(scene)
    wire(scene, clip, [mattes_of(tmp_path / "mattes")])
    assert snapshot(scene) == once
    (picture,) = render(scene, tmp_path, 4, 4)
    assert (picture[..., 3] == 255).all()
    assert np.abs(picture[matte(4) == 255][:, :3].astype(int) - plate(4)[matte(4) == 255]).max() <= 1
    assert np.abs(picture[matte(4) == 0][:, :3].astype(int) - (30, 120, 200)).max() <= 1

    unwire(scene, clip)
    assert links(tree) == before
    assert wiring.clip_node in list(tree.nodes)


def test_several_subjects_are_laid_over_each_other(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    left, right = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    left[20:40, 10:60], right[30:80, 40:120] = 255, 255
    sequences = []
    for name, pixels in (("left", left), ("right", right)):
        path = write(tmp_path / "mattes" / f"clip_{name}_matte.0001.png", pixels)
        sequences.append(MatteSequence(name, name, path, 1, 1))
    one = wire(scene, clip, sequences[:1])
    both = wire(scene, clip, sequences[1:])
    assert one.subjects[0].cut_out in list(both.tree.nodes)
    assert both.result.node.bl_idname == "CompositorNodeAlphaOver"
    (picture,) = render(scene, tmp_path, 1, 1)
    union = np.maximum(left, right)
    assert np.array_equal(picture[..., 3], union)
    assert np.abs(picture[..., :3].astype(int) - plate(1))[union == 255].max() <= 1

    unwire(scene, clip)
    assert len(both.tree.nodes) == 2 and len(both.tree.links) == 1
    assert not image_files()
    (picture,) = render(scene, tmp_path, 1, 1)
    assert np.abs(picture[..., :3].astype(int) - plate(1)).max() <= 1


def test_lost_links_are_made_again(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    tree = compat.ensure_compositor_tree(scene)
    backdrop = tree.nodes.new("CompositorNodeImage")
    backdrop.image = bpy.data.images.load(str(write(tmp_path / "backdrop.png", plate(9))))
    tree.links.new(backdrop.outputs["Image"], compat.ensure_output(tree))
    mattes = [mattes_of(tmp_path / "mattes", name) for name in ("a", "b", "c")]
    subjects = {sequence.subject_id: sequence.subject_name for sequence in mattes}
    wire(scene, clip, mattes)
    before = snapshot(scene)
    assert out_of_date(scene, clip, subjects) is None
    for link in list(tree.links):
        if link.to_node.bl_idname == "CompositorNodeAlphaOver":
            tree.links.remove(link)
    assert out_of_date(scene, clip, subjects) == "Links of the clip's cut-outs were lost: wire again"
    wire(scene, clip, mattes)
    assert snapshot(scene) == before
    assert out_of_date(scene, clip, subjects) is None


def test_a_subject_leaves_and_the_others_stay(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    tree = compat.ensure_compositor_tree(scene)
    backdrop = tree.nodes.new("CompositorNodeImage")
    backdrop.image = bpy.data.images.load(str(write(tmp_path / "backdrop.png", plate(9))))
    tree.links.new(backdrop.outputs["Image"], compat.ensure_output(tree))
    untouched = links(tree)
    mattes = [mattes_of(tmp_path / "mattes", name) for name in ("a", "b", "c")]
    wire(scene, clip, mattes)
    for leaving, left in (("id-a", {"id-b", "id-c"}), ("id-c", {"id-b"})):
        unwire(scene, clip, [leaving])
        assert wired_subjects(scene, clip).keys() == left
        assert out_of_date(scene, clip, {uid: uid[-1] for uid in left}) is None
        (picture,) = render(scene, tmp_path, 4, 4)
        assert (picture[..., 3] == 255).all()
        full, none = matte(4) == 255, matte(4) == 0
        assert np.abs(picture[..., :3].astype(int) - plate(4))[full].max() <= 1
        assert np.abs(picture[..., :3].astype(int) - plate(9))[none].max() <= 1
    unwire(scene, clip, ["id-b"])
    assert links(tree) == untouched and len(image_files()) == 1


def test_two_clips_have_wirings_of_their_own(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clips = [load_clip(write_plates(tmp_path / name)) for name in ("a", "b")]
    a, b = (wire(scene, clip, [mattes_of(tmp_path / "mattes")]) for clip in clips)
    assert a.subjects[0].cut_out != b.subjects[0].cut_out
    assert a.clip_node != b.clip_node
    unwire(scene, clips[1])
    assert tree_of(scene).nodes and wire(scene, clips[0], [mattes_of(tmp_path / "mattes")]) == a
    assert a.result.links[0].to_socket == compat.find_output(tree_of(scene))


def test_nodes_are_known_again_after_renaming_saving_and_opening(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    mattes = [mattes_of(tmp_path / "mattes")]
    wire(scene, clip, mattes)
    clip.name = "renamed"
    before = snapshot(scene)
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=path)
    opened = bpy.context.scene
    wiring = wire(opened, bpy.data.movieclips["renamed"], mattes)
    assert wiring.subjects[0].matte.image.filepath.startswith("//")
    wiring.subjects[0].matte.image.filepath = str(mattes[0].first_file)
    assert snapshot(opened) == before


def test_a_deleted_matte_node_is_made_again(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    mattes = [mattes_of(tmp_path / "mattes")]
    wiring = wire(scene, clip, mattes)
    wiring.tree.nodes.remove(wiring.subjects[0].matte)
    wire(scene, clip, mattes)
    assert_cut_out(render(scene, tmp_path, 1, 2), [1, 2])


def test_a_missing_file_changes_nothing(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plate"))
    absent = MatteSequence("id", "runner", tmp_path / "absent.0001.png", 1, COUNT)
    with pytest.raises(FileNotFoundError):
        wire(scene, clip, [mattes_of(tmp_path / "mattes"), absent])
    with pytest.raises(ValueError):
        wire(scene, clip, [])
    assert compat.find_compositor_tree(scene) is None
    assert not image_files()
