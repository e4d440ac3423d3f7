# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer a subject in one EXR, read back by FFmpeg, and the header by OpenEXR."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.deliver.deliverable import About, Compression, Frame, Layer, Need, Options
from rotopoint.deliver.layers import LayerFiles, layer_names
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events
from rotopoint.session import ShotSession
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH, plate
from tests.core.deliver.ffmpeg_exr import read_layer

ABOUT = About(
    "plate", "/somewhere/plate.mov", (6, 4), ("der Bär", "7 dwarfs"), settings=("{}", '{"edge": "soft"}')
)
RAMP = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
PLAIN = Options()
STEP = {Compression.ZIP: 0, Compression.PIZ: 0, Compression.DWAA: 0.02}


def frame(*mattes: np.ndarray, light: np.ndarray | None = None) -> Frame:
    layers = tuple(Layer(name, matte) for name, matte in zip(ABOUT.subjects, mattes, strict=True))
    return Frame(17, 1017, layers, light=light)


def written(folder: Path, content: Frame, about: About = ABOUT, options: Options = PLAIN) -> Path:
    with LayerFiles(about, lambda number: folder / f"größe.{number}.exr", options) as files:
        return files.frame(content)


@pytest.mark.parametrize("compression", Compression)
def test_each_subject_is_a_layer_of_its_own(tmp_path: Path, compression: Compression) -> None:
    path = written(tmp_path, frame(RAMP, 1 - RAMP), options=Options(compression=compression))
    for layer, matte in (("der_Bar", RAMP), ("subject_7_dwarfs", 1 - RAMP)):
        found = read_layer(path, layer)
        assert np.abs(found - matte.astype(np.float16)).max() <= STEP[compression]
    with OpenEXR.File(str(path), separate_channels=True) as file:
        assert file.header()["compression"].name == f"{compression.name}_COMPRESSION"


def test_all_frames_have_the_same_channels_and_windows(tmp_path: Path) -> None:
    empty = np.zeros_like(RAMP)
    headers = []
    for mattes in ((RAMP, empty), (empty, empty), (np.full_like(RAMP, np.nan), RAMP * 3)):
        path = written(tmp_path, frame(*mattes), replace(ABOUT, pixel_aspect=1.5))
        with OpenEXR.File(str(path), separate_channels=True) as file:
            header, channels = file.header(), file.channels()
            assert {name: channel.type() for name, channel in channels.items()} == {
                "der_Bar.Y": OpenEXR.HALF,
                "subject_7_dwarfs.Y": OpenEXR.HALF,
            }
            pixels = np.stack([channel.pixels for channel in channels.values()])
            assert (pixels >= 0).all() and (pixels <= 1).all()
            headers.append([header[name] for name in ("dataWindow", "displayWindow", "pixelAspectRatio")])
    for data, display, aspect in headers:
        assert [corner.tolist() for corner in data] == [corner.tolist() for corner in display]
        assert [corner.tolist() for corner in data] == [[0, 0], [5, 3]] and aspect == 1.5


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    path = written(tmp_path, frame(RAMP, RAMP))
    with OpenEXR.File(str(path), separate_channels=True, header_only=True) as file:
        header = dict(file.header())
    assert header["rotopoint/clip"] == "plate" and header["rotopoint/source"] == "/somewhere/plate.mov"
    assert header["rotopoint/clip_frame"] == 17 and header["software"].startswith("Rotopoint ")
    assert json.loads(header["rotopoint/layers"]) == {"der_Bar": "der Bär", "subject_7_dwarfs": "7 dwarfs"}
    assert json.loads(header["rotopoint/settings"]) == {"der_Bar": {}, "subject_7_dwarfs": {"edge": "soft"}}


def test_the_plate_goes_in_as_light(tmp_path: Path) -> None:
    light = np.stack([RAMP, 4 * RAMP, 1e6 * RAMP], axis=-1)
    path = written(tmp_path, frame(RAMP, RAMP, light=light), options=Options(plate=True))
    found = read_layer(path)
    assert found.shape == (4, 6, 4) and (found[..., 3] == 1).all()
    assert np.array_equal(found[..., :2], light[..., :2].astype(np.float16))
    assert found[..., 2].max() == np.finfo(np.float16).max
    assert np.array_equal(read_layer(path, "der_Bar"), RAMP.astype(np.float16))


def test_what_is_needed_goes_by_what_is_chosen() -> None:
    needs = [LayerFiles(ABOUT, Path, Options(plate=plate)).needs for plate in (False, True)]
    assert needs == [{Need.MATTE}, {Need.MATTE, Need.LIGHT}]


def test_a_stored_shot_with_its_plate(stored: Callable[..., ShotSession], tmp_path: Path) -> None:
    with stored() as session:
        delivery = ShotDelivery(session, tmp_path / "out", LayerFiles, Options(plate=True))
        list(deliver_events("d", delivery, overwrite=False))
        expected = {
            (t.subject, t.frame): session.matte(session.plan(t.subject), t.frame, t.record)
            for t in session.tracks.all()
        }
    for n in range(1, COUNT + 1):
        path = tmp_path / "out" / f"plate_layers.{n:04d}.exr"
        for subject, layer in ((BALL, "der_Bar"), (GONE, "subject_7_dwarfs")):
            found = read_layer(path, layer)
            assert np.array_equal(found, expected[subject.id, n].astype(np.float16))
        shown = (plate(n)[..., ::-1] / 255.0 + 0.055) / 1.055
        assert np.abs(read_layer(path)[..., :3] - shown**2.4).max() < 2e-3
        assert read_layer(path).shape == (HEIGHT, WIDTH, 4)


@given(st.lists(st.text(max_size=8), unique=True, max_size=6))
def test_layers_have_names_that_every_reader_takes(subjects: list[str]) -> None:
    names = list(layer_names(subjects).values())
    assert len({name.casefold() for name in names}) == len(subjects)
    for name in names:
        assert name[0].isascii() and name[0].isalpha()
        assert all(c.isascii() and (c.isalnum() or c == "_") for c in name)


def test_names_stay_readable() -> None:
    assert list(layer_names(["dog", "Dog!", "Straße 1", "熊", "猫", "7"]).values()) == [
        "dog",
        "Dog_2",
        "Strae_1",
        "subject",
        "subject_2",
        "subject_7",
    ]
