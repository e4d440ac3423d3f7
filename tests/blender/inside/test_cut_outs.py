# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivered cut-outs in the compositor, a Viewer on the result, and a scene that fits the clip."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import OpenEXR
import pytest

from blender_addon import compat, mattes
from blender_addon.compositor import MatteSequence, out_of_date, scene_match, unwire, view, wire
from blender_addon.compositor.nodes import FOREGROUND, ROLE, VIEWER
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, matte, write_mattes, write_plates

rotopoint = bpy.ops.rotopoint

OWN = np.array([0.8, 0.1, 0.2], np.float32)
"""The subject's color, which the plate has nowhere."""


def write_cut_outs(folder: Path, stem: str, first_number: int = 1) -> Path:
    """The mattes' cut-outs in one color, premultiplied half floats; the first file."""
    folder.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for n in range(COUNT):
        alpha = (matte(n + 1) / 255).astype(np.float32)
        rgba = np.dstack([OWN * alpha[..., None], alpha]).astype(np.float16)
        OpenEXR.File(header, {"RGBA": rgba}).write(str(folder / f"{stem}.{first_number + n:04d}.exr"))
    return folder / f"{stem}.{first_number:04d}.exr"


def rendered(scene: bpy.types.Scene, folder: Path, frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 4) premultiplied scene linear RGBA of a frame."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.frame_set(frame)
    scene.render.filepath = str(folder / "out.exr")
    bpy.ops.render.render(write_still=True)
    (channels,) = OpenEXR.File(str(folder / "out.exr")).channels().values()
    return channels.pixels


def roles(scene: bpy.types.Scene) -> list[str]:
    return [node[ROLE] for node in compat.find_compositor_tree(scene).nodes if ROLE in node]


@pytest.fixture
def sequences(tmp_path: Path) -> tuple[MatteSequence, MatteSequence]:
    """A subject's mattes and cut-outs."""
    first = write_mattes(tmp_path / "mattes")
    own = write_cut_outs(tmp_path / "deliveries", "plate_runner_cutout_v001")
    return MatteSequence("id", "runner", first, 1, COUNT), MatteSequence("id", "runner", own, 1, COUNT)


def test_the_composite_has_the_subjects_own_color(
    scene: bpy.types.Scene, tmp_path: Path, sequences: tuple[MatteSequence, MatteSequence]
) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"), 20, 2)
    mattes_of, cut_outs_of = sequences
    wiring = wire(scene, clip, [mattes_of], [cut_outs_of])
    for frame in (1, 7):
        got = rendered(scene, tmp_path, frame + 20 - 1 - 2)
        alpha = matte(frame) / 255
        assert np.abs(got[..., 3] - alpha).max() < 2e-3, frame
        assert np.abs(got[..., :3] - OWN * alpha[..., None]).max() < 2e-3, frame
    cut_out = wiring.subjects[0].cut_out
    assert cut_out.inputs["Despill"].default_value == 1.0
    cut_out.inputs["Despill"].default_value = 0.25
    wire(scene, clip, [mattes_of], [cut_outs_of])
    assert cut_out.inputs["Despill"].default_value == 0.25, "what a person has set stays"
    assert roles(scene).count(FOREGROUND) == 1


def test_cut_outs_that_are_gone_are_told_and_unwired_with_the_rest(
    scene: bpy.types.Scene, tmp_path: Path, sequences: tuple[MatteSequence, MatteSequence]
) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    wire(scene, clip, [sequences[0]], [sequences[1]])
    assert out_of_date(scene, clip, {"id": "runner"}) is None
    (tmp_path / "deliveries").rename(tmp_path / "elsewhere")
    said = out_of_date(scene, clip, {"id": "runner"})
    assert said is not None and said.startswith("The cut-outs of runner are not where")
    unwire(scene, clip)
    assert roles(scene) == []
    assert [image for image in bpy.data.images if image.source == "SEQUENCE"] == []


def test_a_viewer_shows_the_result_and_goes_with_it(
    scene: bpy.types.Scene, tmp_path: Path, sequences: tuple[MatteSequence, MatteSequence]
) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    wiring = wire(scene, clip, [sequences[0]])
    view(wiring)
    (viewer,) = (node for node in wiring.tree.nodes if node.bl_idname == "CompositorNodeViewer")
    assert viewer.inputs["Image"].links[0].from_socket == wiring.result
    assert wiring.tree.nodes.active == viewer
    dog = MatteSequence("id-dog", "dog", write_mattes(tmp_path / "dogs", "dog"), 1, COUNT)
    wiring = wire(scene, clip, [sequences[0], dog])
    view(wiring)
    assert viewer.inputs["Image"].links[0].from_socket == wiring.result
    assert roles(scene).count(VIEWER) == 1
    unwire(scene, clip, ["id-dog"])
    assert roles(scene).count(VIEWER) == 1 and viewer.inputs["Image"].is_linked
    unwire(scene, clip)
    assert roles(scene) == []


def test_a_viewer_of_a_persons_own_stays(
    scene: bpy.types.Scene, tmp_path: Path, sequences: tuple[MatteSequence, MatteSequence]
) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    wiring = wire(scene, clip, [sequences[0]])
    own = wiring.tree.nodes.new("CompositorNodeViewer")
    wiring.tree.links.new(wiring.clip_node.outputs["Image"], own.inputs["Image"])
    view(wiring)
    assert own.inputs["Image"].links[0].from_node == wiring.clip_node and VIEWER not in roles(scene)


def test_the_scene_is_made_to_fit_the_clip(addon: None, scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"), 20, 2)
    scene.render.resolution_x, scene.render.resolution_percentage = 1920, 50
    scene.frame_start, scene.frame_end = 1, 250
    said = scene_match.difference(scene, clip)
    assert said == (
        f"The scene has 960x45 pixels, the clip {WIDTH}x{HEIGHT}; frames 1-250, the clip 18-{17 + COUNT}"
    )
    rotopoint.scene_match()
    assert scene_match.difference(scene, clip) is None
    assert (scene.frame_start, scene.frame_end, scene.render.resolution_percentage) == (18, 17 + COUNT, 100)


@pytest.mark.parametrize(
    ("rate", "expected"), [(24.0, (24, 1.0)), (23.976024627685547, (24, 1.001)), (29.97003, (30, 1.001))]
)
def test_frame_rates_are_what_blender_calls_them(rate: float, expected: tuple[int, float]) -> None:
    assert scene_match.whole_rate(rate) == expected
    whole, base = scene_match.whole_rate(12.5)
    assert whole / base == pytest.approx(12.5)


def test_a_view_transform_that_alters_footage_is_told(addon: None, scene: bpy.types.Scene) -> None:
    assert scene_match.footage_altered(scene) is None
    scene.view_settings.view_transform = "AgX"
    assert "AgX changes how footage looks" in scene_match.footage_altered(scene)
    rotopoint.view_standard()
    assert scene_match.footage_altered(scene) is None


def test_wiring_takes_the_newest_cut_outs_that_were_delivered(
    addon: None, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    use_fake_worker()
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder, clip.rotopoint.format = str(tmp_path / "mattes"), "png8"
    uid = add_subject(clip, "runner", (1, 0.5, 0.5, True))
    rotopoint.track()
    assert mattes.cut_out_sequences(clip) == ()
    for version in (1, 2):
        folder = tmp_path / "mattes" / "deliveries"
        own = write_cut_outs(folder, f"plate_runner_cutout_v{version:03d}")
    assert mattes.cut_out_sequences(clip) == (MatteSequence(uid, "runner", own, 1, COUNT),)
    rotopoint.wire()
    assert FOREGROUND in roles(scene) and VIEWER in roles(scene)
    own.with_name("plate_runner_cutout_v002.0005.exr").unlink()
    assert mattes.cut_out_sequences(clip) == (), "a gap would show as a hole"
