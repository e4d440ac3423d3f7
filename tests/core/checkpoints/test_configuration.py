# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations are strict: what is misspelt, missing or of another type is named."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.checkpoints.configuration import (
    RUNTIME_TAKES,
    Calibration,
    MaskDecoder,
    MemoryAttention,
    MemoryEncoder,
    ModelConfiguration,
    Neck,
    TrackingOptions,
    Trunk,
    load_configuration,
    parse_configuration,
)
from rotopoint.errors import CheckpointBroken
from rotopoint.messages import explain
from rotopoint.tracking.sam2.build import build_model

PATH = Path("model.toml")

SECTIONS = {
    "trunk": Trunk,
    "neck": Neck,
    "memory_attention": MemoryAttention,
    "memory_encoder": MemoryEncoder,
    "mask_decoder": MaskDecoder,
    "tracking": TrackingOptions,
    "calibration": Calibration,
}

TEXT = """
image_size = 256
[trunk]
embed_dim = 32
num_heads = 1
stages = [1, 1, 3, 1]
global_att_blocks = [4]
window_pos_embed_bkg_spatial_size = [7, 7]
window_spec = [8, 4, 16, 8]
"""


def test_what_a_file_does_not_say_is_sam_2_1() -> None:
    model = parse_configuration(TEXT, PATH)
    assert model.trunk.map_channels == (256, 128, 64, 32)
    assert model.feature_size == 16
    assert model.hidden_dim == 256
    assert model.tracking.num_maskmem == 7
    assert model.mask_decoder.dynamic_multimask_via_stability


def test_sections_override_defaults_and_whole_numbers_serve_as_real_ones() -> None:
    model = parse_configuration(
        TEXT + "[tracking]\nnum_maskmem = 2\n[memory_attention]\nrope_theta = 100\n", PATH
    )
    assert model.tracking.num_maskmem == 2
    assert model.memory_attention.rope_theta == 100.0
    assert isinstance(model.memory_attention.rope_theta, float)
    assert model.calibration is None and model.shape.second_look == 0
    text = TEXT + "[calibration]\nspread = 0.2\nlevel = 0.4\nsure = 0.7\n"
    calibrated = parse_configuration(text, PATH)
    assert calibrated.calibration == Calibration(0.2, 0.4, 0.7) and calibrated.shape.second_look == 0
    assert parse_configuration(text + "second_look = 0.3\n", PATH).shape.second_look == 0.3
    assert calibrated.shape.motion == 0
    assert parse_configuration(text + "motion = 0.4\n", PATH).shape.motion == 0.4
    assert model.boundary == calibrated.boundary == 0
    assert parse_configuration(text + "boundary = 0.5\n", PATH).boundary == 0.5
    looks = parse_configuration(text + "appearance = 1.5\n", PATH).calibration
    assert calibrated.calibration.appearance == 0 and looks is not None and looks.appearance == 1.5


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("image_size = 256", "", "missing key image_size"),
        ("embed_dim = 32\n", "", "missing key trunk.embed_dim"),
        ("num_heads = 1", "heads = 1", "unknown key trunk.heads"),
        ("image_size = 256", "image_size = 256\n_target_ = 'os.system'", "unknown key _target_"),
        ("num_heads = 1", "num_heads = true", "trunk.num_heads: expected a whole number"),
        ("num_heads = 1", "num_heads = 1.0", "trunk.num_heads: expected a whole number"),
        ("num_heads = 1", "num_heads = 3", "num_heads must divide"),
        ("stages = [1, 1, 3, 1]", "stages = [1, 1, 3]", "trunk.stages: expected four numbers"),
        ("stages = [1, 1, 3, 1]", "stages = 6", "trunk.stages: expected a list"),
        ("stages = [1, 1, 3, 1]", "stages = [1, 1, '3', 1]", "trunk.stages: expected a whole number"),
        ("global_att_blocks = [4]", "global_att_blocks = [6]", "numbered from 0 to 5"),
        ("spatial_size = [7, 7]", "spatial_size = [7]", "expected 2 values"),
        ("image_size = 256", "image_size = 250", "multiple of 64, not 250"),
        ("image_size = 256", "image_size = 256\nneck = 3", "neck: expected a table"),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { spread = 0, level = 0.4, sure = 1 }",
            "calibration.spread: expected",
        ),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { spread = 0.2, level = 1, sure = 1 }",
            "calibration.level: expected",
        ),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { level = 0.4, sure = 1 }",
            "missing key calibration.spread",
        ),
        ("image_size = 256", "image_size = ", "configuration: Invalid"),
    ],
)
def test_faults_are_named(old: str, new: str, named: str) -> None:
    assert old in TEXT
    with pytest.raises(CheckpointBroken) as caught:
        parse_configuration(TEXT.replace(old, new), PATH)
    assert caught.value.path == PATH
    assert named in caught.value.reason


NUMBERS = [
    (section.name, field.name)
    for section in dataclasses.fields(ModelConfiguration)
    for field in dataclasses.fields(SECTIONS.get(section.name, Calibration))
    if section.name in SECTIONS and field.type in ("int", "float")
]
LISTS = [
    ("trunk", name)
    for name in ("stages", "global_att_blocks", "window_pos_embed_bkg_spatial_size", "window_spec")
]
WHOLE = ("image_size", "hidden_dim", "backbone_stride")

ABSURD = [
    "-1",
    "0",
    "3",
    "1_000_000_000",
    "-1_000_000_000",
    "9" * 400,
    "9" * 5000,
    "nan",
    "inf",
    "-inf",
    "1e308",
]


def small(section: str, key: str, value: str) -> str:
    """A small model's file in which one key has a value."""
    tables = {
        "": {"image_size": "64", "hidden_dim": "16"},
        "trunk": {
            "embed_dim": "8",
            "num_heads": "1",
            "stages": "[1, 1, 1, 1]",
            "global_att_blocks": "[2]",
            "window_pos_embed_bkg_spatial_size": "[7, 7]",
            "window_spec": "[8, 4, 16, 8]",
        },
        "memory_attention": {"num_layers": "1", "dim_feedforward": "16"},
        "memory_encoder": {"out_dim": "16"},
        "calibration": {"spread": "0.2", "level": "0.4", "sure": "0.7"},
    }
    tables.setdefault(section, {})[key] = value
    return "\n".join(
        (f"[{name}]\n" if name else "") + "\n".join(f"{k} = {v}" for k, v in table.items())
        for name, table in tables.items()
    )


@pytest.mark.parametrize(
    ("section", "key", "form"),
    [
        *(("", key, "{}") for key in WHOLE),
        *((section, key, "{}") for section, key in NUMBERS),
        *((section, key, "[7, {0}]" if "spatial" in key else "[{0}, 1, 1, 1]") for section, key in LISTS),
    ],
)
def test_absurd_numbers_are_refused_by_their_key_or_build_at_once(section: str, key: str, form: str) -> None:
    for absurd in ABSURD:
        began = time.process_time()
        try:
            model = parse_configuration(small(section, key, form.format(absurd)), PATH)
        except CheckpointBroken as error:
            line = explain(error)
            # What Python itself does not read of a number it names by its length.
            assert key in line or len(absurd) > 4300
            assert "\n" not in line and len(line) < 500
        else:
            assert absurd in ("-1", "0", "3", "nan", "inf", "-inf", "1e308", "1_000_000_000")
            assert build_model(model).image_size == 64
        assert time.process_time() - began < 1.0


def test_the_small_model_itself_builds() -> None:
    assert build_model(parse_configuration(small("", "image_size", "64"), PATH)).image_size == 64


@pytest.mark.parametrize("name", RUNTIME_TAKES)
def test_an_option_that_the_runtime_ignores_is_refused_when_set(name: str) -> None:
    wanted = RUNTIME_TAKES[name]
    other = str(not wanted).lower() if isinstance(wanted, bool) else "4"
    with pytest.raises(CheckpointBroken, match=f"tracking.{name}"):
        parse_configuration(f"{TEXT}\n[tracking]\n{name} = {other}\n", PATH)
    told = str(wanted).lower()
    assert parse_configuration(f"{TEXT}\n[tracking]\n{name} = {told}\n", PATH).tracking == TrackingOptions()


def test_deep_nesting_is_one_line() -> None:
    with pytest.raises(CheckpointBroken):
        parse_configuration("image_size = " + "[" * 100_000, PATH)


def test_image_size_can_be_overridden_by_a_multiple_of_64() -> None:
    model = replace(parse_configuration(TEXT, PATH), image_size=512)
    assert model.feature_size == 32
    with pytest.raises(ValueError, match="multiple of 64"):
        replace(model, image_size=500)


def test_fingerprints_tell_any_two_configurations_apart() -> None:
    model = parse_configuration(TEXT, PATH)
    same = parse_configuration(TEXT + "[neck]\nscalp = 1\n", PATH)
    other = replace(model, tracking=replace(model.tracking, num_maskmem=6))
    assert model.fingerprint() == same.fingerprint()
    assert model.fingerprint() != other.fingerprint()
    assert len(model.fingerprint()) == 32


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "größe.toml"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CheckpointBroken) as caught:
            load_configuration(path)
        assert caught.value.path == path
