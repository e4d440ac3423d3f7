# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered clips: how training reads them, and that Blender renders masks that lie on their subject."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints.configuration import load_configuration
from training.data.batches import StepDataset
from training.data.clip_library import ClipLibrary
from training.data.stills import StillLibrary
from training.recipe import load_recipe
from training.sheet import row, tracked
from training.tracker import ClipTracker
from training.weights import fresh_model

ROOT = Path(__file__).parents[2]
BLENDER = ROOT / ".venvs" / "bpy-5.0" / "bin" / "python"


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """One clip of six frames, 32x18: a green square 8 high, 4 pixels further right in each frame."""
    path = tmp_path / "rendered.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for frame in range(6):
            picture, mask = np.full((18, 32, 3), 60, np.uint8), np.zeros((18, 32), np.uint8)
            part = (slice(5, 13), slice(4 * frame, 4 * frame + 8))
            picture[part], mask[part] = (20, 220, 20), 255
            archive.writestr(f"00000/{frame + 1:03d}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
            archive.writestr(f"00000/{frame + 1:03d}.png", cv2.imencode(".png", mask)[1].tobytes())
    return path


def test_a_part_of_a_clip_keeps_its_order(rendered: Path, stills: Path) -> None:
    library = StillLibrary(stills, {"coco": 1.0})
    clip = ClipLibrary(rendered).clip(np.random.default_rng(0), library, 32, 3)
    assert clip.pictures.shape == (3, 32, 32, 3) and clip.coverage.shape == (3, 32, 32)
    middles = [np.flatnonzero((mask > 127).any(0)).mean() for mask in clip.coverage]
    moved = np.diff(middles)
    assert moved[0] == moved[1] and moved[0] in (4, 8)
    for picture, mask in zip(clip.pictures, clip.coverage, strict=True):
        assert picture[mask == 255][:, 1].mean() > 180 > 80 > picture[mask == 0].mean()


def test_a_whole_clip_keeps_its_size(rendered: Path) -> None:
    library = ClipLibrary(rendered)
    clip = library.whole(0)
    assert len(library) == 1 and clip.pictures.shape == (6, 18, 32, 3)
    assert [int(np.flatnonzero(mask.any(0))[0]) for mask in clip.coverage] == [0, 4, 8, 12, 16, 20]


def test_a_sheet_shows_four_frames_of_a_clip(rendered: Path, recipe: Path) -> None:
    clip = ClipLibrary(rendered).whole(0)
    model = fresh_model(load_configuration(recipe.parent / "tiny.toml"), seed=1).requires_grad_(False)
    found = tracked(ClipTracker(model), 64, clip)
    assert len(found) == 6 and all(logits.shape == (18, 32) for logits in found)
    assert row(clip, found).shape == (180, 4 * 320, 3)


def test_they_are_mixed_in_where_they_are_given(recipe: Path, stills: Path, rendered: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text + "[stage.clip_kinds]\nlayered = 0.1\nmoved_in_place = 0\ndeformed_still = 0\nrendered = 1e6\n",
        encoding="utf-8",
    )
    read, _ = load_recipe(recipe)
    with_them, without = StepDataset(read, stills, rendered)[10], StepDataset(read, stills)[10]
    assert with_them.clips is not None and without.clips is not None
    assert with_them.clips.pictures.shape == without.clips.pictures.shape
    assert not torch.equal(with_them.clips.pictures, without.clips.pictures)


def test_a_zip_without_clips_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match="no clips"):
        ClipLibrary(path)


@pytest.mark.slow
def test_a_run_that_is_stopped_keeps_its_clips(tmp_path: Path) -> None:
    if not BLENDER.is_file():
        pytest.skip("no bpy wheel: python3 make.py setup")
    path = tmp_path / "rendered.zip"
    command = [BLENDER, "-m", "training.rendered", "--output", path, "--clips", "9", "--frames", "1"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert any(line == "clip 1\n" for line in run.stderr)
        run.kill()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {"00000", "00001"} <= {name.split("/")[0] for name in archive.namelist()}


@pytest.mark.slow
def test_blender_renders_a_clip_with_its_masks(tmp_path: Path) -> None:
    if not BLENDER.is_file():
        pytest.skip("no bpy wheel: python3 make.py setup")
    path = tmp_path / "rendered.zip"
    command = [
        BLENDER, "-m", "training.rendered", "--output", path, "--clips", "1", "--frames", "2", "--seed", "2",
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(path) as archive:
        files = {name: np.frombuffer(archive.read(name), np.uint8) for name in archive.namelist()}
    assert sorted(files) == ["00002/001.jpg", "00002/001.png", "00002/002.jpg", "00002/002.png"]
    for frame in ("001", "002"):
        picture = cv2.imdecode(files[f"00002/{frame}.jpg"], cv2.IMREAD_COLOR)
        mask = cv2.imdecode(files[f"00002/{frame}.png"], cv2.IMREAD_UNCHANGED)
        assert picture.shape[:2] == mask.shape == (216, 384)
        assert 0.01 < (mask > 127).mean() < 0.3
        inside, around = picture[mask > 250], picture[cv2.dilate(mask, np.ones((15, 15))) == 0]
        assert abs(inside.mean() - around.mean()) > 10
