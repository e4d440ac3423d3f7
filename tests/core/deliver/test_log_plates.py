# SPDX-License-Identifier: GPL-3.0-or-later
"""Plates in log: as light by the shot's input transform, and as they are where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest

from rotopoint.cli import main
from rotopoint.clip import open_clip
from rotopoint.clip.transform import input_transform, linear_from_srgb, srgb_curve
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, MatteSettings, Settings, Shot
from rotopoint.shot.json import save_shot
from tests.core.deliver.conftest import BALL, COUNT, HEIGHT, WIDTH
from tests.core.deliver.ffmpeg_exr import read_layer

TO_LIGHT = ["LUT_1D_SIZE 3", "LUT_1D_INPUT_RANGE 0 1.25", "0 0 0", "0.4 0.4 0.4", "3 3 3"]
"""As a log curve does, slowly first and then over 1."""

TWICE = ["LUT_1D_SIZE 4", "0 0 0", "0.6 0.6 0.6", "0.4 0.4 0.4", "1 1 1"]


def log_values(number: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) in log, a little beyond 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.stack([x / WIDTH * 1.2, y / HEIGHT, np.full_like(x, 0.1 * number)], axis=-1)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """EXR in the place of what is stored elsewhere."""
    folder = tmp_path / "Plätze"
    folder.mkdir()
    for n in range(1, COUNT + 1):
        OpenEXR.File({}, {"RGB": log_values(n)}).write(str(folder / f"plate.{n:04d}.exr"))
    return folder


Deliver = Callable[..., int]


@pytest.fixture
def deliver(stored: Callable[..., ShotSession], tmp_path: Path) -> Deliver:
    def run(cube: list[str], *more: str) -> int:
        path = tmp_path / "größe.cube"
        path.write_text("\n".join(cube), encoding="utf-8")
        subject = replace(BALL, matte=MatteSettings(feather=6, decontaminate=False))
        with stored(subject, settings=Settings(input_transform=str(path))) as session:
            saved: Shot = session.absolute_shot()
        save_shot(saved, tmp_path / "s.json")
        out = ["-o", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
        return main(["deliver", str(tmp_path / "s.json"), *out, *more])

    return run


def test_a_plate_in_log_becomes_light_or_stays(deliver: Deliver, tmp_path: Path) -> None:
    assert deliver(TO_LIGHT, "--as", "layers", "--plate") == 0
    light = read_layer(tmp_path / "out" / "plate_layers.0002.exr")[..., :3]
    log = log_values(2)
    shown = np.interp(log, [0, 0.625, 1.25], [0, 0.4, 3]).astype(np.float32)
    assert light == pytest.approx(linear_from_srgb(shown), rel=2e-3, abs=1e-5) and light.max() > 8
    assert deliver(TO_LIGHT, "--as", "layers", "--plate", "--colors", "plate", "--overwrite") == 0
    same = read_layer(tmp_path / "out" / "plate_layers.0002.exr")[..., :3]
    assert np.array_equal(same, log.astype(np.float16)) and same.max() > 1


def test_a_cut_out_of_it_is_in_log_again(deliver: Deliver, tmp_path: Path) -> None:
    assert deliver(TO_LIGHT, "--as", "cut-outs", "--colors", "plate") == 0
    path = tmp_path / "out" / "plate_der Bär_cutout.0002.exr"
    found = read_layer(path)
    alpha, log = found[..., 3:], log_values(2)
    full, soft = alpha[..., 0] == 1, (alpha[..., 0] > 0.1) & (alpha[..., 0] < 1)
    assert full.sum() > 20 and soft.sum() > 20
    assert np.array_equal(found[..., :3][full], log.astype(np.float16)[full])
    assert (found[..., :3] / np.maximum(alpha, 0.1))[soft] == pytest.approx(log[soft], abs=3e-3)
    with OpenEXR.File(str(path), separate_channels=True, header_only=True) as file:
        assert file.header()["rotopoint/colors"] == "plate"


def test_a_video_of_it_is_in_log_too(deliver: Deliver, tmp_path: Path) -> None:
    assert deliver(TO_LIGHT, "--as", "prores", "--colors", "plate") == 0
    with av.open(str(tmp_path / "out" / "plate_der Bär_cutout.mov")) as container:
        found = next(container.decode(video=0)).to_ndarray(format="rgba64le")
    inside = found[..., 3] > 65000
    assert inside.any()
    assert np.abs(found[..., :3] / 65535 - log_values(1).clip(0, 1))[inside].mean() < 0.02


def test_a_table_that_cannot_be_undone_is_one_line(
    deliver: Deliver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deliver(TWICE, "--as", "cut-outs") == 0
    assert deliver(TWICE, "--as", "cut-outs", "--colors", "plate", "-o", str(tmp_path / "no")) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "größe.cube cannot be undone: its curve of R does not rise" in line
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("name", ["auto", "srgb", "linear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_named_transforms_are_undone(name: str, dtype: type) -> None:
    values = np.linspace(0, 255, 96).reshape(8, 4, 3)
    pixels = (values / 40 - 1).astype(dtype) if dtype is np.float32 else values.astype(dtype)
    most = 1 if dtype is np.float32 else np.iinfo(dtype).max
    transform = input_transform(name)
    found = transform.encoded(transform.light(pixels), whole=dtype is not np.float32)
    assert found == pytest.approx(pixels.astype(np.float32) / most, rel=1e-5, abs=1e-6)
    assert srgb_curve(np.array([4.0], np.float32)) > 1.5


def test_a_clip_says_its_values(plates: Path) -> None:
    with open_clip(ClipReference(str(plates)), "srgb") as clip:
        assert np.array_equal(clip.read_values(1), log_values(2))
        assert clip.encoded(clip.read_light(1)) == pytest.approx(log_values(2), abs=1e-5)
