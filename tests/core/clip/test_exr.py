# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer of an EXR that Blender shows, or the one that is asked for; which one is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rotopoint.clip import open_clip
from rotopoint.clip.exr import choose_layer, layers_of
from rotopoint.clip.image_file import read_image
from rotopoint.errors import ClipUnreadable
from rotopoint.shot import ClipReference
from rotopoint.shot.frames import SourceFrame
from tests.core.clip.layered_exr import OTHER, SHOWN, write_every_layout, write_layers

RENDERED = {"VL.AO": ("RGB", OTHER), "VL.Combined": ("RGBA", SHOWN)}
PASSES = {"VL.AO": ("RGB", OTHER), "VL.Diffuse": ("RGB", SHOWN)}


def test_the_layer_that_blender_shows_is_read(tmp_path: Path) -> None:
    for path in write_every_layout(tmp_path):
        assert read_image(path)[0, 0, 0] == pytest.approx(SHOWN), path.name


def test_combined_is_first_of_its_view_layer_and_unnamed_channels_count_as_it() -> None:
    def names(*channels: str) -> list[str]:
        return [layer.name for layer in layers_of([("", channels)])]

    def rgb(layer: str) -> list[str]:
        return [f"{layer}.{letter}" for letter in "RGB"]

    assert names(*"RGBA", *rgb("Z"), *rgb("V.Combined")) == ["", "Z", "V.Combined"]
    assert names(*rgb("V.AO"), *rgb("V.Combined"), "V.Depth.Z") == ["V.Combined", "V.AO"]
    assert names("V.Normal.X", "V.Normal.Y", "V.Normal.Z") == []


def test_a_layer_is_chosen_by_its_name_or_the_end_of_it(tmp_path: Path) -> None:
    path = write_layers(tmp_path / "a.exr", RENDERED)
    assert choose_layer(path) == "VL.Combined"
    for name in ("VL.AO", "AO"):
        assert choose_layer(path, name) == "VL.AO"
        assert read_image(path, name)[0, 0, 0] == pytest.approx(OTHER)
    with pytest.raises(ClipUnreadable) as caught:
        choose_layer(path, "Mist")
    assert "Mist" in caught.value.reason
    assert "VL.Combined, VL.AO" in caught.value.reason
    twice = write_layers(tmp_path / "b.exr", {"A.AO": ("RGB", OTHER), "B.AO": ("RGB", SHOWN)})
    with pytest.raises(ClipUnreadable) as caught:
        choose_layer(twice, "AO")
    assert "several" in caught.value.reason


def test_what_is_read_for_want_of_combined_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        choose_layer(write_layers(tmp_path / "a.exr", RENDERED))
        choose_layer(write_layers(tmp_path / "b.exr", {"VL.AO": ("RGB", OTHER)}))
    assert caplog.messages == []
    with caplog.at_level(logging.WARNING):
        choose_layer(write_layers(tmp_path / "c.exr", PASSES))
    (message,) = caplog.messages
    assert "c.exr" in message
    assert "VL.AO is read" in message
    assert "--layer" in message


def test_a_clip_reads_one_layer_of_all_its_files(tmp_path: Path) -> None:
    first = write_layers(tmp_path / "a_1.exr", RENDERED)
    write_layers(tmp_path / "a_2.exr", {"VL.AO": ("RGB", OTHER)})
    with open_clip(ClipReference(str(first))) as clip:
        assert clip.layer == "VL.Combined"
        clip.read(SourceFrame(0))
        with pytest.raises(ClipUnreadable) as caught:
            clip.read(SourceFrame(1))
        assert caught.value.path.name == "a_2.exr"
        shown = clip.identity
    with open_clip(ClipReference(str(first), layer="AO")) as clip:
        assert clip.layer == "VL.AO"
        assert clip.identity != shown


def test_other_files_have_no_layers(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes())
    with pytest.raises(ClipUnreadable):
        open_clip(ClipReference(str(tmp_path / "a.png"), layer="AO"))
